"""Connections for a program that reads all day: few, kept, read-only, planned for single reads, never waited for long."""

import asyncio
import os
import socket
from concurrent.futures import Future
from contextlib import closing, suppress
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event, make_url

from pipeline.serving.database import answering, connect
from pipeline.serving.lists import busy
from pipeline.serving.steps import Rows, Steps, T

# Every read looks up a few keys: nothing that pays for large queries only, and a plan is made once and kept.
PLANNER = (
    "-c plan_cache_mode=force_generic_plan -c jit=off -c max_parallel_workers_per_gather=0 "
    "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"
)


def connect_readers(url: str, connections: int, patience_ms: int) -> Engine:
    """An engine of so many connections that cannot write; statements, and waits for a connection, end after the patience."""
    plain = connect(url)  # refuses what is no serving database
    if plain.dialect.name == "sqlite":
        engine = create_engine(
            plain.url, connect_args={"timeout": 5}, pool_size=connections, max_overflow=0, pool_reset_on_return=None
        )

        @event.listens_for(engine, "connect")
        def _only_read(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            connection.execute("pragma query_only = on")

        return engine
    parsed = make_url(plain.url)
    own = parsed.query.get("options", "")
    options = f"{own} {PLANNER} -c default_transaction_read_only=on -c statement_timeout={patience_ms}".strip()
    return create_engine(
        parsed.update_query_dict(
            {"options": options, "connect_timeout": "2", "application_name": "treasure-hunt serve"}
        ),
        isolation_level="AUTOCOMMIT",  # one statement is one snapshot and one round trip
        pool_size=connections,
        max_overflow=0,
        pool_reset_on_return=None,  # there are no transactions to end
        pool_timeout=patience_ms / 1000,
    )


class Lines:
    """So many connections of an event loop to PostgreSQL, each opened when it is first needed or the one before it broke.

    Half as dear as a thread for each read. A question that takes longer than the patience is not cancelled, since psycopg
    would then wait for the server to agree: the socket is shut, which ends the wait with an error.
    """

    def __init__(self, engine: Engine, connections: int, patience: float) -> None:
        """`engine` is one of `connect_readers`; only what it knows of the database is used."""
        self.engine, self.patience = engine, patience
        self.options = engine.dialect.create_connect_args(engine.url)[1]
        # The one that was put back last is taken first, by who waits longest; None is one that is not open.
        self.free: list[psycopg.AsyncConnection[Any] | None] = [None] * connections
        self.queue = asyncio.Semaphore(connections)

    async def follow(self, steps: Steps[T], patience: float | None = None, queueing: float | None = None) -> T:
        """What the steps come to. Raises `TimeoutError` when they take longer than the patience, and `Crowded` when one of
        them waits longer than `queueing` for a connection (the patience, where that is not given).
        """
        loop = asyncio.get_running_loop()
        rows, until = None, loop.time() + (patience or self.patience)
        with closing(steps):  # who waits for these to end is not left waiting when they are given up
            while True:
                try:
                    question = steps.send(rows)  # type: ignore[arg-type]
                except StopIteration as end:
                    return end.value
                if isinstance(question, Future):
                    done, _ = await asyncio.wait([asyncio.wrap_future(question)], timeout=until - loop.time())
                    if not done:
                        raise TimeoutError
                    rows = None
                else:
                    rows = await self._fetch(*question, until, queueing)

    async def _fetch(self, statement: str, values: Any, until: float, queueing: float | None) -> Rows:
        line, loop = await self._take(until, queueing), asyncio.get_running_loop()
        timer = loop.call_at(until, shut, line)
        try:
            with answering(self.engine):
                cursor = await line.cursor().execute(statement, values, prepare=True)
                rows = await cursor.fetchall()
        except BaseException:  # whatever went wrong: the next read gets another one
            if line.broken:  # then the idle ones are, too, and need not be found out one by one
                self.close()
            await line.close()
            self._put_back(None)
            if loop.time() >= until:
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()
        self._put_back(line)
        return rows

    async def _take(self, until: float, queueing: float | None) -> psycopg.AsyncConnection[Any]:
        if self.queue.locked():
            longest = until if queueing is None else min(until, asyncio.get_running_loop().time() + queueing)
            try:
                async with asyncio.timeout_at(longest):
                    await self.queue.acquire()
            except TimeoutError:
                raise busy(self.engine) from None
        else:
            await self.queue.acquire()  # at once
        line = self.free.pop()
        try:
            if line is None:
                with answering(self.engine):
                    async with asyncio.timeout_at(until):  # there is no question yet to be given up
                        line = await psycopg.AsyncConnection.connect(**self.options, autocommit=True)
        except BaseException:
            self._put_back(None)
            raise
        return line

    def _put_back(self, line: psycopg.AsyncConnection[Any] | None) -> None:
        self.free.append(line)
        self.queue.release()

    def close(self) -> None:
        """Connections that nobody uses are closed; whoever needs one opens another."""
        for line in self.free:
            if line is not None:
                line.pgconn.finish()
        self.free = [None] * len(self.free)


def shut(line: psycopg.AsyncConnection[Any]) -> None:
    """Whoever waits for this connection gets an error."""
    # It may be closed meanwhile.
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(line.pgconn.socket)) as end:
        end.shutdown(socket.SHUT_RDWR)
