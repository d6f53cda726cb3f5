"""DuckDB for the stages: one in-memory connection with the limits of the settings, and queries that live in sql/."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from pipeline.files import ROOT
from pipeline.settings import Settings

SQL = ROOT / "sql"
T = TypeVar("T")


@contextmanager
def connect(settings: Settings, spill: Path, memory_limit: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in UTC with the macros of sql/macros.sql; what does not fit in memory spills into folder `spill`.

    The memory is that of the settings unless told otherwise.
    """
    connection = duckdb.connect(
        config={
            "threads": settings.threads,
            "memory_limit": memory_limit or settings.memory_limit,
            "temp_directory": str(spill / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    try:
        connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")  # a log is no terminal
        connection.execute(read_sql("macros"))
        yield connection
    finally:
        connection.close()


@cache
def read_sql(name: str) -> str:
    """The text of sql/<name>.sql."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def _values_of(statement: str, values: dict[str, Any]) -> dict[str, Any]:
    names = set(re.findall(r"\$([a-z_]+)", statement))
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items() if name in names}


def _sparing(connection: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """What the work gives; where it does not fit into memory it is done once more by one thread, which needs less."""
    try:
        return work()
    except duckdb.OutOfMemoryException:
        connection.execute("set threads = 1")
        return work()


def write_table(connection: duckdb.DuckDBPyConnection, name: str, target: Path, **values: Any) -> None:
    """Write the result of sql/<name>.sql, with `$names` bound to values, to a Parquet file."""
    statement = read_sql(name)
    copy = f"copy ({statement}) to '{target}' (format parquet, compression zstd)"
    _sparing(connection, lambda: connection.execute(copy, _values_of(statement, values)))


def make_table(connection: duckdb.DuckDBPyConnection, name: str, **values: Any) -> None:
    """The result of sql/<name>.sql is the table `name` of this connection, in place of what was called so before."""
    statement = read_sql(name)
    make = f"create or replace temp table {name} as {statement}"
    _sparing(connection, lambda: connection.execute(make, _values_of(statement, values)))


def fetch_table(connection: duckdb.DuckDBPyConnection, name: str, **values: Any) -> pa.Table:
    """The result of sql/<name>.sql as an Arrow table."""
    statement = read_sql(name)
    return _sparing(
        connection, lambda: connection.sql(statement, params=_values_of(statement, values)).to_arrow_table()
    )


def view_files(connection: duckdb.DuckDBPyConnection, name: str, paths: list[Path]) -> None:
    """Name the rows of Parquet files `name` in this connection, in place of what was called so before."""
    connection.read_parquet([str(path) for path in paths]).create_view(name, replace=True)


def load_files(
    connection: duckdb.DuckDBPyConnection, name: str, paths: list[Path], columns: dict[str, str], only: str = ""
) -> int:
    """Read these columns of Parquet files into a table, for many small files that are asked often; returns the rows.

    `only` is a condition that the rows meet.
    """
    shape = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    connection.execute(f"create or replace table {name} ({shape})")
    if paths:
        rows = connection.read_parquet([str(path) for path in paths])
        (rows.filter(only) if only else rows).select(*columns).insert_into(name)
    return connection.table(name).shape[0]
