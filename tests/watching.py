"""Readers in processes of their own that note whatever is wrong with what they are given, and how long it took."""

import multiprocessing
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import make_url

SPAWN = multiprocessing.get_context("spawn")
PAUSE_SECONDS = 0.004


@dataclass
class Seen:
    """What a reader met: for each version and key the list it got, which must be the same at every look."""

    reads: int = 0
    worst_ms: float = 0.0
    lists: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def look(self, key: str, rows: Sequence[Any], newest: str) -> str:
        """Take in one answer; returns the newest hour that was met so far."""
        versions = {row[0] for row in rows}
        if len(versions) != 1:
            self.wrong.append(f"{key}: rows of {len(versions)} versions: {sorted(versions)}")
            return newest
        [version] = versions
        listed = tuple(tuple(row[1:]) for row in rows)
        if self.lists.setdefault((version, key), listed) != listed:
            self.wrong.append(f"{key}: {version} changed between two looks")
        hour = version.rsplit("-", 1)[0]
        if hour < newest:
            self.wrong.append(f"{key}: back from {newest} to {hour}")
        return max(hour, newest)


def _watch(
    url: str, table: str, column: str, keys: Sequence[str], manner: str, ready: Any, done: Any, out: Any
) -> None:
    seen, newest, turn = Seen(), "", 0
    mark = "%s" if url.startswith("postgres") else "?"
    statement = f"select version, rank, item_id, score from live_{table} where {column} = {mark} order by rank"
    pinned = (
        f"select version, rank, item_id, score from {table} where version = {mark} and {column} = {mark} order by rank"
    )
    try:
        with _open(url, manner) as ask:
            ready.release()
            while not done.is_set():
                key = keys[turn % len(keys)]
                turn += 1
                time.sleep(PAUSE_SECONDS)  # readers that never pause leave a small machine no time for anything else
                with ask() as query:
                    began = time.perf_counter()
                    rows = query(statement, [key])
                    seen.worst_ms = max(seen.worst_ms, (time.perf_counter() - began) * 1000)
                    newest = seen.look(key, rows, newest)
                    # A second question about the same version must find the same, whatever was published in between.
                    again = query(pinned, [rows[0][0], key]) if rows else []
                    seen.reads += 2
                if again != rows:
                    seen.wrong.append(f"{key}: a second look at {rows[:1]} found something else")
    except Exception as error:
        ready.release()
        seen.wrong.append(f"{type(error).__name__}: {error}")
    out.put(seen)


@contextmanager
def _open(url: str, manner: str) -> Iterator[Any]:
    """A way to ask in a transaction, `manner` says which: words of prepared, repeatable."""
    if not url.startswith("postgres"):
        file = sqlite3.connect(str(make_url(url).database), timeout=60, isolation_level=None)

        @contextmanager
        def in_file() -> Iterator[Any]:
            if "repeatable" in manner:
                file.execute("begin")
            yield lambda statement, values: file.execute(statement, values).fetchall()
            if "repeatable" in manner:
                file.execute("commit")

        yield in_file
        file.close()
        return
    with psycopg.connect(url) as connection:
        if "repeatable" in manner:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

        @contextmanager
        def on_server() -> Iterator[Any]:
            with connection.transaction():
                yield lambda statement, values: connection.execute(
                    statement, values, prepare="prepared" in manner
                ).fetchall()

        yield on_server


@contextmanager
def watching(url: str, table: str, column: str, keys: Sequence[str], manners: Sequence[str]) -> Iterator[list[Seen]]:
    """One reader for each manner, at work during the block; what they saw stands in the list when it ends."""
    ready, done, out = SPAWN.Semaphore(0), SPAWN.Event(), SPAWN.Queue()
    readers = [
        SPAWN.Process(target=_watch, args=(url, table, column, keys, manner, ready, done, out)) for manner in manners
    ]
    seen: list[Seen] = []
    for reader in readers:
        reader.start()
    try:
        for _ in readers:
            assert ready.acquire(timeout=60)
        yield seen
    finally:
        done.set()
        seen += [out.get(timeout=60) for _ in readers]
        for reader in readers:
            reader.join()
