"""Comparing queries: the one spelling that typed text is reduced to, and its words: defined in sql/macros.sql, and for plain
ASCII, where speed matters, once more in Python; a test holds the two together.
"""

import re
import threading
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import cast

import duckdb
import pyarrow as pa

from pipeline.duck import read_sql

_threads = threading.local()
_BLANKS = re.compile(r"[ \t\n\f\r]+")
_WORDS = re.compile(r"[a-z]+|[0-9]+")
_ROMAN = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}


@lru_cache(maxsize=20_000)
def normalize_query(query: str) -> str:
    """The spelling under which a query has its list: lower case, single spaces, one Unicode form; "" for nothing."""
    if query.isascii():  # the same rule, which is all that is left of it there, at a hundredth of the price
        return _BLANKS.sub(" ", query).strip(" ").lower()
    row = _speller().execute("select normalize_query($query)", {"query": query}).fetchone()
    return row[0] if row and row[0] else ""


def words_of(query: str) -> tuple[str, ...]:
    """The words by which a query is compared: no accents, no plural s, letters and digits apart, each once, in order."""
    return words_of_all([query])[0]


def words_of_all(queries: Sequence[str]) -> list[tuple[str, ...]]:
    """The words of each query, in their order."""
    found = {query: _ascii_words(query) for query in queries if query.isascii()}
    if others := sorted({query for query in queries if query not in found}):
        statement = "select query, words_of(query) from (select unnest($queries) as query)"
        rows = _speller().execute(statement, {"queries": others}).fetchall()
        found |= {query: tuple(words or ()) for query, words in rows}
    return [found[query] for query in queries]


def _ascii_words(query: str) -> tuple[str, ...]:
    """The macro's rule where there are no accents, at a hundredth of the price."""
    return tuple(sorted({_plain(word) for word in _WORDS.findall(query.lower().replace("'", ""))}))


def _plain(word: str) -> str:
    is_plural = len(word) > 3 and word[-1] == "s" and word[-2] != "s"
    return _ROMAN.get(word) or (word[:-1] if is_plural else word)


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
