"""Checksums delivered with files: `SHA256SUMS` beside them, as `sha256sum` writes it, or in the pages of Parquet."""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import Unreadable
from pipeline.files import hash_file

SUMS = "SHA256SUMS"
READ_ROWS = 65_536
LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


def check_folder(folder: Path) -> set[Path]:
    """Every file that the folder's SHA256SUMS lists has the bytes that it was written with; returns these, none without one.

    Raises `Unreadable` naming the first file that is missing or other than listed, or the line that cannot be read.
    """
    listed = read_sums(folder)
    for path, wanted in listed.items():
        if not path.is_file():
            raise Unreadable(f"{path} is missing, but {SUMS} lists it; have it delivered again.")
        state = path.stat()
        if _hash(path, state.st_size, state.st_mtime_ns) != wanted:
            raise Unreadable(f"{path} is not what {SUMS} says; have it delivered again.")
    return set(listed)


def require_sums(folder: Path, files: Sequence[Path], listed: set[Path]) -> None:
    """The folder's SHA256SUMS listed every one of these files; else `Unreadable` names the first and counts them."""
    missing = [file for file in files if file not in listed]
    if missing:
        raise Unreadable(
            f"{missing[0]} has no checksum in {folder / SUMS}, as {len(missing)} of {len(files)} files to read, and "
            "TREASURE_HUNT_REQUIRE_CHECKSUMS is set; have checksums delivered with the files."
        )


def read_sums(folder: Path) -> dict[Path, str]:
    """The files that a folder's SHA256SUMS lists, with their hashes; none without one. `Unreadable` names a bad line."""
    sums, listed = folder / SUMS, {}
    if sums.is_file():
        for number, line in enumerate(sums.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            found = LINE.fullmatch(line)
            name = PurePosixPath(found[2]) if found else PurePosixPath("..")
            if not found or name.is_absolute() or ".." in name.parts:
                raise Unreadable(f"line {number} of {sums} is not a checksum and the name of a file below it.")
            listed[folder / name] = found[1].lower()
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
        raise Unreadable(f"{path} is damaged ({str(error).splitlines()[0]}); have it delivered again.") from None


@lru_cache(maxsize=10_000)
def _hash(path: Path, size: int, mtime_ns: int) -> str:
    """The hash of a file in this state; the hours of a backfill read the same folder again and again."""
    return hash_file(path)
