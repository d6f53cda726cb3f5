"""Files that survive a crash: hashed, flushed to disk, and moved to their final name in one step."""

import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.failpoints import reach

ROOT = Path(__file__).resolve().parents[1]


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, as hex."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


@cache
def code_version() -> str:
    """Hash of everything that decides what comes out: the Python, SQL and seed files of this installation."""
    digest = hashlib.sha256()
    for folder in ("expectations", "pipeline", "sql"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".sql", ".csv"}:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def flush(path: Path) -> None:
    """The file or folder is on disk, not only in memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone_in(folder: Path, with_others: bool = False) -> Iterator[None]:
    """The folder exists, and no other process is in a block of the same folder meanwhile; `with_others` lets those in that
    say so too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if with_others else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sqlite_url(path: Path) -> str:
    """SQLAlchemy's URL of an SQLite file, whatever its name holds: `?` would end it, and `%41` be another letter."""
    return f"sqlite:///{quote(str(path))}"


def as_pattern(path: Path) -> str:
    """What only this file fits: DuckDB takes names for patterns, and would read `a1.csv` where `a[1].csv` is meant."""
    return glob.escape(str(path))


@contextmanager
def temporary_folder(lake: Path, name: str) -> Iterator[Path]:
    """A folder that is gone when the block ends, where the drafts of a lake lie: an erasure looks there, and what a killed
    process leaves is swept.
    """
    (lake / ".staging").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=lake / ".staging", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def move_into_place(source: Path, target: Path) -> None:
    """Target is source's bytes, whole or not at all, also after a power cut."""
    flush(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    reach("files.flushed")
    source.replace(target)
    reach("files.renamed")
    flush(target.parent)


def write_json(path: Path, value: Any, staging: Path) -> None:
    """The JSON file is replaced in one step; readers see the old or the new one."""
    staging.mkdir(parents=True, exist_ok=True)
    draft = staging / path.name
    draft.write_text(json.dumps(value, indent=1, default=str) + "\n", encoding="utf-8")
    move_into_place(draft, path)


def sweep_beside(folder: Path) -> None:
    """Folders beside this one that a killed attempt left more than a day before this one was made are gone."""
    newest = folder.stat().st_mtime
    for other in folder.parent.iterdir():
        with suppress(OSError):
            if newest - other.stat().st_mtime > 86_400:
                shutil.rmtree(other, ignore_errors=True)
