"""Comparing queries: the one spelling that typed text is reduced to, defined once, in sql/macros.sql."""

import re
import threading
from collections.abc import Iterable
from functools import lru_cache
from typing import cast

import duckdb
import pyarrow as pa

from pipeline.duck import read_sql

_threads = threading.local()
_BLANKS = re.compile(r"[ \t\n\f\r]+")


@lru_cache(maxsize=20_000)
def normalize_query(query: str) -> str:
    """The spelling under which a query has its list: lower case, single spaces, one Unicode form; "" for nothing."""
    if query.isascii():  # the same rule, which is all that is left of it there, at a hundredth of the price
        return _BLANKS.sub(" ", query).strip(" ").lower()
    row = _speller().execute("select normalize_query($query)", {"query": query}).fetchone()
    return row[0] if row and row[0] else ""


def _speller() -> duckdb.DuckDBPyConnection:
    """This thread's connection with the macros: making one takes a hundred times longer than asking it."""
    if not hasattr(_threads, "connection"):
        _threads.connection = duckdb.connect(config={"threads": 1, "memory_limit": "64MB"})
        _threads.connection.execute(read_sql("macros"))
    return cast(duckdb.DuckDBPyConnection, _threads.connection)


def normalize_all(queries: Iterable[str]) -> dict[str, str]:
    """Every query that is not empty with its spelling."""
    with duckdb.connect() as connection:
        connection.execute(read_sql("macros"))
        connection.register("typed", pa.table({"query": pa.array(list(queries), pa.string())}))
        spelt = connection.execute("select query, normalize_query(query) from typed").fetchall()
    return {query: spelling for query, spelling in spelt if spelling}
