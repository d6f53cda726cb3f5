"""Answers for the API: from the database when it answers in time, else the popular list of the last live version."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import NotLanded, TreasureHuntError, Unreachable
from pipeline.serving.contract import Answer, Asked
from pipeline.serving.lists import ListReader
from pipeline.serving.pooled import Watch, connect_readers
from pipeline.settings import Settings

LOOK_SECONDS = 1.0  # between two looks at the live pointer, and so at most until a database that is back is used again
T = TypeVar("T")
log = logging.getLogger(__name__)


class Late(Unreachable):
    """The database may be well, but this answer took longer than the patience."""


class Desk:
    """Reads in a few threads, one for each connection. While the database does not answer it is not asked again by
    every reader, but by one look a second.
    """

    def __init__(self, settings: Settings) -> None:
        url = settings.serving_read_url or settings.serving
        self.patience = settings.api_patience_ms / 1000
        self.engine = connect_readers(url, settings.api_connections, settings.api_patience_ms)
        self.watch = Watch(self.engine)
        self.reader = ListReader(
            self.engine, settings.source, settings.arm, settings.stale_after_minutes, knows_titles=True
        )
        # One thread more than connections are ever busy with reads: the look at the pointer.
        self.threads = ThreadPoolExecutor(settings.api_connections, thread_name_prefix="read")
        self.trouble: TreasureHuntError | None = None  # why the database was not there when it was asked last

    async def read(self, asked: Asked) -> Answer:
        """The answer; raises what is the trouble only when no version was ever seen."""
        if self.trouble is None:
            try:
                return await self._ask(lambda: self.reader.read(asked))
            except Late as error:  # one slow read is no reason to ask no more: the next look decides
                trouble: TreasureHuntError = error
            except TreasureHuntError as error:
                trouble = self.trouble = error
        else:
            trouble = self.trouble
        answer = self.reader.read_without_database()
        if answer is None:
            raise trouble
        return answer

    async def look(self) -> None:
        """The live version is known and the trouble, if any, is written down."""
        try:
            await self._ask(self.reader.refresh)
            if self.trouble is not None and not isinstance(self.trouble, NotLanded):
                log.warning("the serving database answers again")
            self.trouble = None
        except TreasureHuntError as error:
            if type(self.trouble) is not type(error):
                log.warning("%s Readers get what was seen last.", error)
            self.trouble = error

    async def keep_looking(self) -> None:
        """Looks once a second, for ever, and frees whoever waits for a server that went silent."""
        while True:
            await self.look()
            self.watch.cut_hung(2 * self.patience)
            await asyncio.sleep(LOOK_SECONDS)

    async def _ask(self, question: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self.patience):
                return await asyncio.get_running_loop().run_in_executor(self.threads, question)
        except TimeoutError:
            raise Late(f"the serving database did not answer within {self.patience:g} s.") from None
        except SQLAlchemyError as error:  # such as no right to read: the database's own words may quote what was asked
            cause = getattr(error, "orig", None) or error
            raise Unreachable(f"the serving database refused a read ({type(cause).__name__}).") from None

    def close(self) -> None:
        """Connections are closed; threads that still wait are freed."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.watch.cut_hung(0)
        self.engine.dispose()
