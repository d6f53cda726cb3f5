"""Answers for the API: from the database when it answers in time, else the popular list of the last live version."""

import asyncio
import gc
import logging
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import Crowded, NotLanded, TreasureHuntError, Unreachable
from pipeline.serving.contract import Answer, Asked
from pipeline.serving.lists import ListReader
from pipeline.serving.pipelined import Lines
from pipeline.serving.pooled import connect_readers
from pipeline.serving.steps import Steps, T
from pipeline.settings import Settings

LOOK_SECONDS = 1.0  # between two looks at the live pointer, and so at most until a database that is back is used again
QUEUEING = 0.25  # of the patience: so long a read waits for a connection; behind more than go it would wait in vain
LEARN_SECONDS = 10.0  # for the queries of a version, in questions that each end after the patience
log = logging.getLogger(__name__)


class Late(Unreachable):
    """The database may be well, but this answer took longer than the patience."""


class Desk:
    """Reads PostgreSQL in the event loop, and SQLite in a few threads, one for each connection. While the database does
    not answer it is not asked again by every reader, but by one look a second.
    """

    def __init__(self, settings: Settings) -> None:
        url = settings.serving_read_url or settings.serving
        self.patience = settings.api_patience_ms / 1000
        self.engine = connect_readers(url, settings.api_connections, settings.api_patience_ms)
        self.reader = ListReader(
            self.engine, settings.source, settings.arm, settings.stale_after_minutes, keeps_all=True
        )
        self.threads = ThreadPoolExecutor(settings.api_connections, thread_name_prefix="read")
        self.lines: Lines | None = None
        if self.engine.dialect.name == "postgresql":
            self.lines = Lines(self.engine, settings.api_connections, self.patience)
        self.trouble: TreasureHuntError | None = None  # why the database was not there when it was asked last
        self.file: tuple[int, int] | None = None  # which SQLite file it was at the last look
        self.closing = asyncio.Event()

    async def read(self, asked: Asked) -> Answer:
        """The answer; raises what is the trouble only when no version was ever seen."""
        if self.trouble is None:
            try:
                return await self._follow(self.reader.reading(asked), queueing=QUEUEING * self.patience)
            except (Late, Crowded) as error:  # one slow read is no reason to ask no more: the next look decides
                trouble: TreasureHuntError = error
            except TreasureHuntError as error:
                trouble = self.trouble = error
        else:
            trouble = self.trouble
        last = self.reader.read_without_database(asked)
        if last is None:
            raise trouble
        return last

    async def look(self) -> None:
        """The live version is known and the trouble, if any, is written down."""
        if self.lines is None:
            await asyncio.get_running_loop().run_in_executor(self.threads, self._let_go_of_another_file)
        try:
            await self._follow(self.reader.refreshing())
            if self.trouble is not None and not isinstance(self.trouble, NotLanded):
                log.warning("the serving database answers again")
            self.trouble = None
        except TreasureHuntError as error:
            if type(self.trouble) is not type(error):
                known = "what was seen last" if self.reader.seen else "503, since nothing was seen yet"
                log.warning("%s Readers get %s.", error, known)
            self.trouble = error

    async def learn(self) -> None:
        """The live version's queries are known; until then a query without a list gets what is popular."""
        if self.trouble is None:
            try:
                await self._follow(self.reader.learning(self.reader.seen), LEARN_SECONDS)
            except TreasureHuntError as error:
                log.warning("%s Queries without a list get what is popular until it is asked again.", error)

    async def keep_looking(self, settle: Callable[[], None] | None = None) -> None:
        """Looks once a second until `stop_looking`, and knows the queries of what it sees soon after; then `settle` is
        called, once for each version.
        """
        settled = None
        while not self.closing.is_set():
            await self.look()
            await self.learn()
            if settle and self.reader.seen is not settled:
                settled = self.reader.seen
                settle()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), LOOK_SECONDS)

    def stop_looking(self) -> None:
        """The look that is on its way is the last. It is not cancelled: where it opens a connection, psycopg would wait."""
        self.closing.set()

    async def _follow(self, steps: Steps[T], seconds: float | None = None, queueing: float | None = None) -> T:
        patience = seconds or self.patience
        try:
            if self.lines is not None:
                return await self.lines.follow(steps, patience, queueing, is_long=seconds is not None)
            async with asyncio.timeout(patience):
                return await asyncio.get_running_loop().run_in_executor(self.threads, self.reader.follow, steps)
        except TimeoutError:
            raise Late(f"the serving database did not answer within {patience:g} s.") from None
        except (SQLAlchemyError, psycopg.Error) as error:  # such as no right to read
            # The database's own words may quote what was asked.
            cause = getattr(error, "orig", None) or error
            raise Unreachable(f"the serving database refused a read ({type(cause).__name__}).") from None
        except TreasureHuntError:
            raise
        except Exception as error:  # a defect: whoever reads is answered, and looking goes on
            where = traceback.extract_tb(error.__traceback__)[-1]  # no more of it: it may quote what was asked
            log.error("a read failed: %s at %s:%d", type(error).__name__, where.filename, where.lineno)
            raise Unreachable(f"the serving database could not be read ({type(error).__name__}).") from None

    def _let_go_of_another_file(self) -> None:
        """Connections to an SQLite file that was moved away or replaced are closed: they would read the old one for ever."""
        try:
            found = Path(str(self.engine.url.database)).stat()
            file = (found.st_dev, found.st_ino)
        except OSError:
            file = None
        if self.file not in (None, file):
            self.engine.dispose()
        self.file = file

    def close(self) -> None:
        """Connections are closed."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        if self.lines is not None:
            self.lines.close()
        self.engine.dispose()


def keep_out_of_collections() -> None:
    """What this process holds now is looked through by no later garbage collection. Else each full one stops all reads,
    for 0.1 to 0.4 s with these libraries. What is no longer used is freed all the same, unless it refers to itself.
    """
    gc.collect()
    gc.freeze()
