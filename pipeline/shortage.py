"""What the machine ran out of, in one sentence: a full disk or too little memory is no defect of the code or the data."""

import errno
import shutil
import sqlite3
from pathlib import Path

import duckdb
import psycopg

from pipeline.errors import NoSpace, OutOfMemory, TreasureHuntError

FULL = {errno.ENOSPC, errno.EDQUOT}
# SQLite meets a full disk in several ways, not all of which say so; where less than this is left it was that.
LITTLE_BYTES = 1 << 16


def describe_shortage(error: BaseException, what: str, where: Path) -> TreasureHuntError | None:
    """The sentence to show instead of this error, when it says that disk or memory ran out during `what`; else None."""
    said = str(error)
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError | psycopg.errors.OutOfMemory):
        if "max_temp_directory_size" in said:
            return NoSpace(
                f"{what} may not write more to {where}: DuckDB's max_temp_directory_size, which is what the disk had free, "
                "is used up; free some space and run it again."
            )
        return OutOfMemory(
            f"{what} does not fit into memory; raise TREASURE_HUNT_MEMORY_LIMIT and, for taking in, "
            "TREASURE_HUNT_INGEST_MEMORY_LIMIT, or lower TREASURE_HUNT_THREADS, and run it again."
        )
    is_full = isinstance(error, OSError) and error.errno in FULL
    if is_full or isinstance(error, psycopg.errors.DiskFull) or "No space left on device" in said:
        return NoSpace(f"no space is left on the disk of {where} for {what}; free some and run it again.")
    if isinstance(error, sqlite3.OperationalError) and ("is full" in said or _is_nearly_full(where)):
        return NoSpace(f"no space is left on the disk of {where} for {what}; free some and run it again.")
    return None


def _is_nearly_full(path: Path) -> bool:
    folder = path if path.is_dir() else path.parent
    return folder.is_dir() and shutil.disk_usage(folder).free < LITTLE_BYTES
