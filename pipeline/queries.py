"""Comparing queries: the one spelling that typed text is reduced to, defined once, in sql/macros.sql."""

import duckdb

from pipeline.duck import read_sql


def normalize_query(query: str) -> str:
    """The spelling under which a query has its list: lower case, single spaces, one Unicode form; "" for nothing."""
    with duckdb.connect() as connection:
        connection.execute(read_sql("macros"))
        row = connection.execute("select normalize_query($query)", {"query": query}).fetchone()
    return row[0] if row and row[0] else ""
