"""Connections of an event loop to PostgreSQL, over which questions go out as they come and are answered in that order.

That is libpq's pipeline mode (https://www.postgresql.org/docs/current/libpq-pipeline-mode.html). Without it a connection
answers one question for each way there and back, which on full cores takes as long as many answers do.
"""

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import closing, suppress
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import DiagnosticField, ExecStatus, Format
from sqlalchemy import Engine

from pipeline.serving.database import answering
from pipeline.serving.lists import busy
from pipeline.serving.steps import Rows, Steps, T

DEPTH = 8  # questions of one connection on their way at a time
MOST_PREPARED = 100  # statements of one connection: each version has some of its own, which nobody asks after it


class Dropped(Exception):
    """The connection is gone, and this question unanswered: it broke over it (`error`), or went for the sake of another."""

    def __init__(self, error: psycopg.Error | None) -> None:
        super().__init__()
        self.error = error


class Line:
    """An open connection. Whoever waits for an answer that fails has the error; the others on it are told `Dropped`.

    The server answers in the order of asking, and `asked` is that order: None for a statement that is prepared, then the
    future of its question. A result with rows or without takes the first off; an error takes the first that somebody waits
    for, since a statement that cannot be prepared takes its question with it.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection, self.end, self.loop = connection, connection.pgconn, asyncio.get_running_loop()
        self.transformer = Transformer(connection)
        self.prepared: dict[str, bytes] = {}
        self.asked: deque[asyncio.Future[Rows] | None] = deque()  # the oldest first; None is to prepare what follows
        self.silent_since = self.loop.time()
        self.is_open, self.is_to_send = True, False
        self.socket = self.end.socket
        self.end.enter_pipeline_mode()
        self.loop.add_reader(self.socket, self._hear)

    @property
    def is_usable(self) -> bool:
        """Whether questions may be asked on it."""
        return self.is_open and len(self.prepared) < MOST_PREPARED

    def ask(self, statement: str, values: Mapping[str, Any]) -> "asyncio.Future[Rows]":
        """The rows to come. What is asked no more may be cancelled; the server answers all the same."""
        text, names = numbered(statement)
        given = [None if values[key] is None else str(values[key]).encode() for key in names]
        if not self.asked:
            self.silent_since = self.loop.time()
        try:
            name = self.prepared.get(text)
            if name is None:
                name = self.prepared[text] = f"statement_{len(self.prepared)}".encode()
                self.end.send_prepare(name, text.encode())
                self.asked.append(None)
            self.end.send_query_prepared(name, given, result_format=Format.BINARY)
        except psycopg.Error as error:
            self.drop(error)
            raise Dropped(error) from None
        answer: asyncio.Future[Rows] = self.loop.create_future()
        self.asked.append(answer)
        if not self.is_to_send:  # what is asked at about the same time goes out together, and is answered together
            self.is_to_send = True
            self.loop.call_soon(self._send)
        return answer

    def drop(self, error: psycopg.Error | None = None) -> None:
        """The connection is closed, whatever the server still does; who waits for an answer is told `Dropped`."""
        if self.is_open:
            self.is_open = False
            for place, answer in enumerate(filter(None, self.asked)):
                if not answer.done():  # the server was at the oldest, which may be what broke it
                    answer.set_exception(Dropped(error if place == 0 else None))
            for forget in (self.loop.remove_reader, self.loop.remove_writer):
                with suppress(OSError):  # libpq may have closed it
                    forget(self.socket)
            self.end.finish()

    def _send(self) -> None:
        self.is_to_send = False
        if not self.is_open:
            return
        try:
            self.end.pipeline_sync()
        except psycopg.Error as error:
            self.drop(error)
            return
        self._flush()

    def _flush(self) -> None:
        try:
            is_sent = self.end.flush() == 0
        except psycopg.Error as error:
            self.drop(error)
            return
        self.loop.remove_writer(self.socket) if is_sent else self.loop.add_writer(self.socket, self._flush)
        if not is_sent:  # libpq reads while it cannot write, and the event loop does not see what it has read
            self.loop.call_soon(self._hear)

    def _hear(self) -> None:
        if not self.is_open:
            return
        try:
            self.end.consume_input()
            result: Any = self.end
            while self.is_open and self.asked and not self.end.is_busy():
                last, result = result, self.end.get_result()
                if result is not None:
                    self._take(result)
                elif last is None:  # one stands between the results of two commands; this would go on for ever
                    self.drop()
        except psycopg.Error as error:
            self.drop(error)

    def _take(self, result: Any) -> None:
        if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            self.silent_since = self.loop.time()
            answer = self.asked.popleft()
            if answer and not answer.done():
                try:
                    self.transformer.set_pgresult(result)
                    answer.set_result(self.transformer.load_rows(0, result.ntuples, tuple))
                except (psycopg.Error, UnicodeDecodeError) as unread:  # its own words may quote a value
                    answer.set_exception(psycopg.DataError(f"a value cannot be read ({type(unread).__name__})"))
        elif result.status == ExecStatus.FATAL_ERROR:
            error = psycopg.errors.error_from_result(result, "utf-8")
            if result.error_field(DiagnosticField.SEVERITY_NONLOCALIZED) != b"ERROR":
                self.drop(error)  # the server is not there, or hangs up
                return
            answer = self.asked.popleft() or self.asked.popleft()
            if answer and not answer.done():
                answer.set_exception(error)
            self.drop()  # what went out with it fails, too, and its statement may not have been prepared
        elif result.status != ExecStatus.PIPELINE_SYNC:
            self.drop(psycopg.NotSupportedError(f"a statement is answered with {ExecStatus(result.status).name}"))


class Lines:
    """So many connections, each opened when it is first needed or the one before it is gone. Half as dear as threads."""

    def __init__(self, engine: Engine, connections: int, patience: float) -> None:
        """`engine` is one of `connect_readers`; only what it knows of the database is used."""
        self.engine, self.patience = engine, patience
        self.options = {**engine.dialect.create_connect_args(engine.url)[1], "client_encoding": "utf8"}
        self.lines: list[Line | None] = [None] * connections
        self.opening = [asyncio.Lock() for _ in self.lines]
        self.load = [0] * connections
        self.queue = asyncio.Semaphore(connections * DEPTH)  # who waits longest is the next

    async def follow(
        self, steps: Steps[T], patience: float | None = None, queueing: float | None = None, is_long: bool = False
    ) -> T:
        """What the steps come to. Raises `TimeoutError` when they take longer than the patience, and `Crowded` when one of
        them waits longer than `queueing` for a connection (the patience, where that is not given). Questions that take long
        count as many: nobody is sent behind them as long as another connection has less to do.
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
                    await self._queue(until, queueing)
                    try:
                        rows = await self._fetch(*question, until, DEPTH if is_long else 1)
                    finally:
                        self.queue.release()

    async def _queue(self, until: float, queueing: float | None) -> None:
        if not self.queue.locked():
            await self.queue.acquire()  # at once
            return
        longest = until if queueing is None else min(until, asyncio.get_running_loop().time() + queueing)
        try:
            async with asyncio.timeout_at(longest):
                await self.queue.acquire()
        except TimeoutError:
            raise busy(self.engine) from None

    async def _fetch(self, statement: str, values: Mapping[str, Any], until: float, load: int) -> Rows:
        breaks = 0
        with answering(self.engine):
            while True:
                place = self._least_loaded()
                self.load[place] += load
                try:
                    line = self.lines[place]
                    if line is None or not line.is_usable:
                        line = await self._open(place, until)
                    answer = line.ask(statement, values)
                    timer = line.loop.call_at(until, self._late, line, answer)
                    try:
                        return await answer
                    finally:
                        timer.cancel()
                except Dropped as dropped:  # a read may be asked again
                    breaks += dropped.error is not None
                    if dropped.error and breaks > len(self.lines):  # all may have broken at once, and new ones do, too
                        raise dropped.error from None
                finally:
                    self.load[place] -= load

    def _least_loaded(self) -> int:
        """The place of the connection with the least to do; of several that of one that is open."""
        least = min(self.load)
        places = [place for place, load in enumerate(self.load) if load == least]
        return next((place for place in places if (line := self.lines[place]) and line.is_open), places[0])

    async def _open(self, place: int, until: float) -> Line:
        async with asyncio.timeout_at(until), self.opening[place]:
            line = self.lines[place]
            if line is not None and line.is_usable:  # somebody else opened it
                return line
            if line is not None:
                line.drop()
            line = self.lines[place] = Line(await psycopg.AsyncConnection.connect(**self.options, autocommit=True))
            return line

    def _late(self, line: Line, answer: "asyncio.Future[Rows]") -> None:
        if not answer.done():
            answer.set_exception(TimeoutError())
        # psycopg would wait for the server to agree to a cancellation. Nobody waits behind what nobody waits for, nor behind
        # what has patience for longer and is not answered.
        oldest = next(filter(None, line.asked), None)
        if oldest and (oldest.done() or line.loop.time() - line.silent_since > self.patience / 2):
            line.drop()

    def close(self) -> None:
        """All connections are closed; whoever needs one opens another."""
        for line in self.lines:
            if line is not None:
                line.drop()


@lru_cache(maxsize=256)
def numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """The statement with `$1`, `$2` … for psycopg's `%(name)s`, and the names in that order."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return "%" if found[0] == "%%" else f"${names.setdefault(found[1], len(names) + 1)}"

    text = re.sub(r"%\(([^)]+)\)s|%%", number, statement)
    return text, tuple(names)
