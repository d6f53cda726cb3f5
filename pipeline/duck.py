"""DuckDB for the stages: one in-memory connection with the limits of the settings, and queries that live in sql/."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from pipeline.files import ROOT, as_pattern
from pipeline.settings import Settings

SQL = ROOT / "sql"
T = TypeVar("T")


# A DuckDB whose last user is done, for the next one: opening one takes as long as a small query does. At most one waits.
_idle: list[duckdb.DuckDBPyConnection] = []


@contextmanager
def connect(settings: Settings, spill: Path, memory_limit: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in UTC with the macros of sql/macros.sql; what does not fit in memory spills into folder `spill`.

    The memory is that of the settings unless told otherwise. Nobody else uses its DuckDB meanwhile, and what is made in it
    ends with it.
    """
    instance = _take(
        threads=settings.threads, memory_limit=memory_limit or settings.memory_limit, spill=spill / "spill"
    )
    try:
        with instance.cursor() as connection:
            connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")  # a log is no terminal
            connection.execute("create schema own; set search_path = 'own,main'")
            yield connection
        instance.execute("drop schema own cascade")
    except BaseException:
        instance.close()  # it may not be fit for another
        raise
    _idle.append(instance)
    _close_idle(but=1)


def _take(threads: int, memory_limit: str, spill: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB with these limits that is nobody's: the one that waits, or another."""
    limits: dict[str, Any] = {"threads": threads, "memory_limit": memory_limit, "temp_directory": str(spill)}
    while _idle:
        instance = _idle.pop()
        try:
            for name, value in limits.items():
                instance.execute(f"set {name} = $value", {"value": value})
        except duckdb.Error:  # it has spilled, so that its folder is what it was
            instance.close()
        else:
            return instance
    closed = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    instance = duckdb.connect(config=limits | closed)
    instance.execute(read_sql("macros"))
    return instance


def _close_idle(but: int = 0) -> None:
    while len(_idle) > but:
        _idle.pop().close()


os.register_at_fork(before=_close_idle)  # a child would have it without its threads


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
    quoted = str(target).replace("'", "''")
    copy = f"copy ({statement}) to '{quoted}' (format parquet, compression zstd)"
    _sparing(connection, lambda: connection.execute(copy, _values_of(statement, values)))


def make_table(connection: duckdb.DuckDBPyConnection, name: str, **values: Any) -> None:
    """The result of sql/<name>.sql is the table `name` of this connection, in place of what was called so before."""
    statement = read_sql(name)
    make = f"create or replace temp table {name} as {statement}"
    _sparing(connection, lambda: connection.execute(make, _values_of(statement, values)))


def drop_table(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """A table that `make_table` made is gone, and the memory that it took is free."""
    connection.execute(f"drop table {name}")


def fetch_table(connection: duckdb.DuckDBPyConnection, name: str, **values: Any) -> pa.Table:
    """The result of sql/<name>.sql as an Arrow table."""
    statement = read_sql(name)
    return _sparing(
        connection, lambda: connection.sql(statement, params=_values_of(statement, values)).to_arrow_table()
    )


def view_files(
    connection: duckdb.DuckDBPyConnection, name: str, paths: Iterable[Path], with_filename: bool = False
) -> None:
    """Name the rows of Parquet files `name` in this connection, in place of what was called so before.

    They have a column `filename` if asked for.
    """
    rows = connection.read_parquet([as_pattern(path) for path in paths], filename=with_filename)
    rows.create_view(name, replace=True)


def load_files(
    connection: duckdb.DuckDBPyConnection, name: str, paths: list[Path], columns: dict[str, str], only: str = ""
) -> int:
    """Read these columns of Parquet files into a table, for many small files that are asked often; returns the rows.

    `only` is a condition that the rows meet.
    """
    shape = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    connection.execute(f"create or replace table {name} ({shape})")
    if paths:
        rows = connection.read_parquet([as_pattern(path) for path in paths])
        (rows.filter(only) if only else rows).select(*columns).insert_into(name)
    return connection.table(name).shape[0]
