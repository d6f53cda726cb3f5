"""Reading the live lists: one statement and one round trip for an answer, from one version also while another goes live.

What to ask the database and what to make of its rows is written as steps: generators that hand out a question and are sent
its rows. `ListReader.follow` takes them through a SQLAlchemy engine, `pipelined.Lines` in an event loop.
"""

import re
from collections.abc import Mapping
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, Select, bindparam, exc, func, select
from sqlalchemy.engine import Dialect

from pipeline.errors import Crowded
from pipeline.files import ROOT
from pipeline.nearest import NearQueries
from pipeline.serving.contract import MAX_QUERIES, Answer, Asked, Listed, Source
from pipeline.serving.database import name_database, only_reading
from pipeline.serving.explain import explain, referred_items
from pipeline.serving.meant import finding, learning_queries
from pipeline.serving.pointer import nothing_published
from pipeline.serving.schema import ALL, PUBLISHED, check_version, items, live, popular_items, versions
from pipeline.serving.steps import Question, Rows, Steps, T, Turn, compile_question

# What a reader must be allowed to select from, and nothing else.
READ_TABLES = ("live", "versions", *(table.name for table in PUBLISHED))
LONGEST_LIST = 1000  # what the setting k allows
KEPT_TITLES = 50_000  # of one version, some ten megabytes
TITLES_AT_ONCE = 5_000  # a few milliseconds
PLACES = tuple(f"query_{place}" for place in range(1, MAX_QUERIES + 1))
BEST_FIRST = {source: place for place, source in enumerate(Source)}
SOURCES = {str(source): source for source in Source}  # a look-up costs a tenth of making one from its name


@dataclass
class Seen:
    """A version that was live when somebody looked, with what never changes in it; `titles` fills up as reasons refer to
    items, and queries with lists are known once somebody needs them.
    """

    version: str
    tier: str | None
    data_cutoff: datetime
    popular: tuple[Listed, ...] = ()
    titles: dict[str, str | None] = field(default_factory=dict)
    queries: NearQueries | None = None

    @property
    def k(self) -> int:
        """The length of its lists: the popular one has as many rows as any list may have."""
        return len(self.popular)


class ListReader:
    """Reads the live lists of one source and arm; several threads, or the tasks of an event loop, may share it: `seen` is
    replaced whole by whoever met a new version, `turn` is that reader's, whom the others wait for, and what fills up in a
    `Seen` only ever grows.

    With `keeps_all`, for whoever reads all day, all titles of a version are read when it is first met, and its queries
    whenever `learning` is followed; others read them when a query has no list.
    """

    def __init__(
        self, engine: Engine, source: str, arm: str, stale_after_minutes: float, keeps_all: bool = False
    ) -> None:
        self.engine, self.source, self.arm = engine, source, arm
        self.stale_after = timedelta(minutes=stale_after_minutes)
        self.keeps_all = keeps_all
        self.seen: Seen | None = None  # the version that was live when somebody last looked
        self.turn: Turn | None = None  # of whoever reads a new one now

    def read(self, asked: Asked) -> Answer:
        """The list that was asked for, from the version that is live in the very snapshot that is read.

        Raises `NotLanded` when nothing is published yet, `Unreachable` when the database does not answer.
        """
        return self.follow(self.reading(asked))

    def read_version(self, version: str, asked: Asked) -> tuple[Listed, ...]:
        """The list that a published version holds, be it live or not, as it was served; none when its rows were removed."""
        with only_reading(self.engine), self.engine.connect() as connection:
            longest = connection.scalar(
                select(func.count()).where(popular_items.c.version == version, popular_items.c.segment == ALL)
            )
        seen = Seen(version, None, datetime.now(UTC))
        rows = self._fetch(*self._ask(version, asked, min(asked.k or LONGEST_LIST, longest or 0)))
        return self.follow(self._listing(seen, rows))

    def read_titles(self, version: str, wanted: set[str]) -> dict[str, str | None]:
        """The titles of these items in a published version, live or not; items that it does not know are left out."""
        return dict(self._fetch(*_ask_titles(version, wanted, self.engine.dialect)))

    def read_without_database(self, asked: Asked) -> Answer | None:
        """The popular list of the version that was live when the database last answered, no longer than was asked for and
        without the item that was asked about; None before it ever did.
        """
        seen = self.seen
        if seen is None:
            return None
        others = [row for row in seen.popular if row.item_id != asked.item][: asked.k]
        rows = tuple(replace(row, rank=rank) for rank, row in enumerate(others, start=1))
        return replace(self._answer(seen, rows), is_degraded=True)

    def follow(self, steps: Steps[T]) -> T:
        """What the steps come to, each taken on a connection of the engine."""
        rows: Rows | None = None
        with closing(steps):  # who waits for these to end is not left waiting when they fail
            while True:
                try:
                    question = steps.send(rows)  # type: ignore[arg-type]
                except StopIteration as end:
                    return end.value
                if isinstance(question, Future):
                    wait([question])
                    rows = None
                else:
                    rows = self._fetch(*question)

    def _fetch(self, statement: str, values: Any) -> Rows:
        # Past SQLAlchemy's own execution, which costs as much as the rest of a read.
        try:
            with only_reading(self.engine):
                connection = self.engine.raw_connection()
                try:
                    cursor = connection.cursor()
                    cursor.execute(statement, values)
                    return cursor.fetchall()
                except Exception as error:
                    connection.invalidate(error)  # whatever went wrong: the next read gets another one
                    raise
                finally:
                    connection.close()
        except exc.TimeoutError:
            raise busy(self.engine) from None

    def reading(self, asked: Asked) -> Steps[Answer]:
        """The steps of `read`: one question, as long as the version seen last is live and its titles are known."""
        if self.turn:  # the version seen last is live no more, and whoever reads the new one needs the connections
            yield self.turn
        seen = self.seen or (yield from self.refreshing())
        while True:
            meant = yield from finding(asked, seen.queries, seen.version, self.engine.dialect)
            rows = yield self._ask(seen.version, meant.asked, min(asked.k or seen.k, seen.k))
            if rows and rows[0][0] == seen.version:
                if not self.keeps_all and seen.queries is None and _may_miss_a_list(asked, rows):
                    yield from self.learning(seen)
                    continue
                answer = self._answer(seen, (yield from self._listing(seen, meant.tell(rows))))
                if answer.served_reason == Source.NEAREST and meant.answering and meant.answering.is_common:
                    answer.answered_query = meant.answering.query
                return answer
            known = self.seen  # by somebody else, meanwhile
            seen = known if rows and known and known.version == rows[0][0] else (yield from self.refreshing())

    def refreshing(self) -> Steps[Seen]:
        """The steps to the version that is live now, looked up anew when another one was seen. Of those who meet a new
        one at once, one reads it and the others wait.
        """
        pointed = select(live.c.version, versions.c.tier, versions.c.data_cutoff).join(
            versions, versions.c.version == live.c.version
        )
        pointed = pointed.where(live.c.source == self.source, live.c.arm == self.arm)
        found = yield compile_question(pointed, self.engine.dialect)
        if not found:
            raise nothing_published(self.source, self.arm)
        version, tier, cutoff = found[0]
        while self.turn:
            yield self.turn
        known = self.seen
        if known and known.version == version:
            return known
        turn = self.turn = Turn()
        try:
            as_moment = versions.c.data_cutoff.type.dialect_impl(self.engine.dialect)
            convert: Any = as_moment.result_processor(self.engine.dialect, None)
            seen = Seen(version, tier, convert(cutoff) if convert else cutoff)
            if self.keeps_all:
                yield from self._learning_all(seen)
            rows = yield self._ask(version, Asked(), LONGEST_LIST)
            seen.popular = yield from self._listing(seen, rows)
            self.seen = seen
            return seen
        finally:
            self.turn = None
            turn.set_result(None)

    def learning(self, seen: Seen | None) -> Steps[None]:
        """The version's queries are known, once somebody has the time: reads go on without them."""
        if seen and seen.queries is None:
            seen.queries = yield from learning_queries(seen.version, self.engine.dialect)

    def _ask(self, version: str, asked: Asked, k: int) -> Question:
        """The rows of sql/serving/served_list.sql; of a live version always at least one."""
        values = {"user": asked.user, "query": asked.query, "item": asked.item, "segment": asked.segment}
        values |= zip(PLACES, asked.queries, strict=False)
        given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        given |= {"source": self.source, "arm": self.arm, "k": k}
        return statement_for(version, self.engine.dialect.name, tuple(given)), given

    def _answer(self, seen: Seen, rows: tuple[Listed, ...]) -> Answer:
        age = max(timedelta(), datetime.now(UTC) - seen.data_cutoff)
        best = min({row.source for row in rows}, key=BEST_FIRST.__getitem__, default=Source.POPULAR)
        return Answer(rows, best, seen.version, seen.data_cutoff, age.total_seconds(), age > self.stale_after)

    def _listing(self, seen: Seen, rows: Rows) -> Steps[tuple[Listed, ...]]:
        if rows and rows[0][1] is None:
            return ()
        reasons = {row[-2] for row in rows}  # a list's rows share a few
        wanted = referred_items(reasons)
        titles: Mapping[str, str | None] = seen.titles
        if not titles.keys() >= wanted:
            titles = yield from self._learning(seen, wanted)
        told = {reason: explain(reason, titles) for reason in reasons}
        return tuple(
            Listed(
                rank,
                item_id,
                title,
                price,
                currency,
                score,
                f"popular in {segment}"
                if segment
                else explain(reason, titles, item_id)
                if item_id in wanted
                else told[reason],
                SOURCES[source],
            )
            for _, rank, item_id, title, price, currency, score, segment, reason, source in rows
        )

    def _learning(self, seen: Seen, wanted: set[str]) -> Steps[Mapping[str, str | None]]:
        """Titles of these items are remembered for the version, where they never change."""
        rows = yield _ask_titles(seen.version, wanted, self.engine.dialect)
        titles = seen.titles if len(seen.titles) + len(wanted) <= KEPT_TITLES else {}
        titles.update({**dict.fromkeys(wanted), **dict(rows)})
        seen.titles = titles
        return titles

    def _learning_all(self, seen: Seen) -> Steps[None]:
        """The version's titles are remembered, as many as are kept, some at a time: an event loop has others to answer."""
        after, is_more = "", True
        while is_more:
            count = min(TITLES_AT_ONCE, KEPT_TITLES - len(seen.titles))
            rows = yield _ask_more_titles(seen.version, after, count, self.engine.dialect)
            seen.titles.update(rows)
            is_more = len(rows) == TITLES_AT_ONCE and len(seen.titles) < KEPT_TITLES
            after = rows[-1][0] if rows else ""


def _may_miss_a_list(asked: Asked, rows: Rows) -> bool:
    return bool(asked.queries) or bool(asked.query and not any(row[-1] == Source.QUERY for row in rows))


def busy(engine: Engine) -> Crowded:
    """What a reader is told for whom no connection became free."""
    return Crowded(f"the serving database {name_database(engine.url)} is busy: no connection became free in time.")


@lru_cache(maxsize=64)
def statement_for(version: str, dialect: str, given: tuple[str, ...]) -> str:
    """The statement about one version as the database's driver takes it, with `null` for whatever is not given: PostgreSQL
    makes its plan once, and then does without the tables that nobody asks.

    psycopg parses a statement anew when it is longer than 4,096 characters, so there are no more spaces than it takes.
    """
    text = (ROOT / "sql" / "serving" / "served_list.sql").read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"--.*\n", "", text)).replace("( ", "(").replace(" )", ")")
    text = text.replace("$version", f"'{check_version(version)}'")
    mark = "%({})s" if dialect == "postgresql" else ":{}"
    return re.sub(r"\$([a-z_0-9]+)", lambda found: mark.format(found[1]) if found[1] in given else "null", text)


def _ask_titles(version: str, wanted: set[str], dialect: Dialect) -> Question:
    # As many names as a power of two, the last one repeated: few different statements, which are planned once each.
    names = sorted(wanted)
    names += names[-1:] * (2 ** (len(names) - 1).bit_length() - len(names))
    return compile_question(_titles_of(version).where(items.c.item_id.in_(names)), dialect)


def _ask_more_titles(version: str, after: str, count: int, dialect: Dialect) -> Question:
    more = _titles_of(version).where(items.c.item_id > bindparam("after", after)).order_by(items.c.item_id).limit(count)
    return compile_question(more, dialect)


def _titles_of(version: str) -> Select[Any]:
    return select(items.c.item_id, items.c.title).where(items.c.version == bindparam("version", version))
