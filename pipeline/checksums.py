"""Checksums delivered with files: `SHA256SUMS` beside them, as `sha256sum` writes it, or in the pages of Parquet."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import Unreadable
from pipeline.files import hash_file

SUMS = "SHA256SUMS"
READ_ROWS = 65_536
LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


def check_files(folder: Path, names: Sequence[str] = ()) -> set[Path]:
    """The files below a folder that have one of these names (* stands for anything; without names: all) and that a
    SHA256SUMS beside or above them lists have the bytes that they were written with; returns these.

    Others are left alone: an hour does not stop, nor take longer, for files that it does not read. Raises `Unreadable`
    naming the first file that is missing or other than listed, or the line that cannot be read.
    """
    checked = set()
    for sums in [folder / name for name in name_sums(names) if (folder / name).is_file()]:
        for path, wanted in read_sums(sums).items():
            if names and not any(fnmatchcase(path.relative_to(folder).as_posix(), name) for name in names):
                continue
            if not path.is_file():
                raise Unreadable(f"{path} is missing, but {SUMS} lists it")
            state = path.stat()
            if _hash(path, state.st_size, state.st_mtime_ns) != wanted:
                raise Unreadable(f"{path} is not what {SUMS} says")
            checked.add(path)
    return checked


def name_sums(names: Iterable[str]) -> list[str]:
    """Where checksums of files of these names may stand: beside them, and in every folder above."""
    places = [SUMS, *(str(above / SUMS) for name in names for above in PurePosixPath(name).parents)]
    return list(dict.fromkeys(places))


def require_sums(folder: Path, files: Sequence[Path], listed: set[Path]) -> None:
    """A SHA256SUMS listed every one of these files; else `Unreadable` names the first and counts them."""
    missing = [file for file in files if file not in listed]
    if missing:
        raise Unreadable(
            f"{missing[0]} has no checksum in a {SUMS} beside it or above it up to {folder}, as {len(missing)} of "
            f"{len(files)} files to read, and TREASURE_HUNT_REQUIRE_CHECKSUMS is set",
            f"have checksums delivered with the files (`sha256sum * > {SUMS}` beside them), then run the hour again",
        )


def read_sums(sums: Path) -> dict[Path, str]:
    """The files that a SHA256SUMS lists, with their hashes; `Unreadable` names a bad line."""
    listed = {}
    for number, line in enumerate(sums.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        found = LINE.fullmatch(line)
        # A tool of Windows writes its own separators.
        name = PurePosixPath(found[2].replace("\\", "/")) if found else PurePosixPath("..")
        if line and (not found or name.is_absolute() or ".." in name.parts):
            raise Unreadable(
                f"line {number} of {sums} is not a checksum and the name of a file below it",
                "write it again with `sha256sum`, then run the hour again",
            )
        if found:
            listed[sums.parent / name] = found[1].lower()
    return listed


def check_pages(path: Path) -> None:
    """A Parquet file can be read whole, and where its writer put checksums on the pages, they are right; else `Unreadable`.

    DuckDB does not look at them. Without any, a flipped bit in a value is a value like another.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for _ in file.iter_batches(READ_ROWS):
                pass
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise Unreadable(f"{path} is damaged ({str(error).splitlines()[0]})") from None


@lru_cache(maxsize=10_000)
def _hash(path: Path, size: int, mtime_ns: int) -> str:
    """The hash of a file in this state; the hours of a backfill read the same folder again and again."""
    return hash_file(path)
