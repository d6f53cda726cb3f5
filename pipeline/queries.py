"""Comparing queries: the one spelling that typed text is reduced to, defined once, in sql/macros.sql."""

from collections.abc import Iterable

import duckdb
import pyarrow as pa

from pipeline.duck import read_sql


def normalize_query(query: str) -> str:
    """The spelling under which a query has its list: lower case, single spaces, one Unicode form; "" for nothing."""
    with duckdb.connect() as connection:
        connection.execute(read_sql("macros"))
        row = connection.execute("select normalize_query($query)", {"query": query}).fetchone()
    return row[0] if row and row[0] else ""


def normalize_all(queries: Iterable[str]) -> dict[str, str]:
    """Every query that is not empty with its spelling."""
    with duckdb.connect() as connection:
        connection.execute(read_sql("macros"))
        connection.register("typed", pa.table({"query": pa.array(list(queries), pa.string())}))
        spelt = connection.execute("select query, normalize_query(query) from typed").fetchall()
    return {query: spelling for query, spelling in spelt if spelling}
