"""Reading the live lists: one statement and one round trip for an answer, from one version also while another goes live."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, exc, func, select

from pipeline.errors import Unreachable
from pipeline.files import ROOT
from pipeline.serving.contract import MAX_QUERIES, Answer, Asked, Listed, Source
from pipeline.serving.database import answering, name_database
from pipeline.serving.explain import explain, referred_items
from pipeline.serving.pointer import nothing_published
from pipeline.serving.schema import ALL, PUBLISHED, check_version, items, live, popular_items, versions

# What a reader must be allowed to select from, and nothing else.
READ_TABLES = ("live", "versions", *(table.name for table in PUBLISHED))
LONGEST_LIST = 1000  # what the setting k allows
KEPT_TITLES = 50_000  # of one version, some ten megabytes
PLACES = tuple(f"query_{place}" for place in range(1, MAX_QUERIES + 1))
BEST_FIRST = {source: place for place, source in enumerate(Source)}


@dataclass
class Pinned:
    """A version that was live, with what never changes in it; `titles` fills up as reasons refer to items."""

    version: str
    tier: str | None
    data_cutoff: datetime
    popular: tuple[Listed, ...] = ()
    titles: dict[str, str | None] = field(default_factory=dict)

    @property
    def k(self) -> int:
        """The length of its lists: the popular one has as many rows as any list may have."""
        return len(self.popular)


class ListReader:
    """Reads the live lists of one source and arm; several threads may share it."""

    def __init__(
        self, engine: Engine, source: str, arm: str, stale_after_minutes: float, knows_titles: bool = False
    ) -> None:
        """`knows_titles`: whoever reads all day has the titles at hand that reasons name, up to KEPT_TITLES of them."""
        self.engine, self.source, self.arm, self.knows_titles = engine, source, arm, knows_titles
        self.stale_after = timedelta(minutes=stale_after_minutes)
        self.pinned: Pinned | None = None  # the version that was live when somebody last looked

    def read(self, asked: Asked) -> Answer:
        """The list that was asked for, from the version that is live in the very snapshot that is read.

        Raises `NotLanded` when nothing is published yet, `Unreachable` when the database does not answer.
        """
        try:
            pinned = self.pinned or self.refresh()
            while True:
                rows = self._fetch(pinned.version, asked, min(asked.k or pinned.k, pinned.k))
                if rows and rows[0][0] == pinned.version:
                    return self._answer(pinned, self._list_rows(pinned, rows))
                pinned = self.refresh()
        except exc.TimeoutError:
            where = name_database(self.engine.url)
            raise Unreachable(f"the serving database {where} is busy: no connection became free in time.") from None

    def read_version(self, version: str, asked: Asked) -> tuple[Listed, ...]:
        """The list that a published version holds, be it live or not, as it was served; none when its rows were removed."""
        with answering(self.engine), self.engine.connect() as connection:
            longest = connection.scalar(
                select(func.count()).where(popular_items.c.version == version, popular_items.c.segment == ALL)
            )
        pinned = Pinned(version, None, datetime.now(UTC))
        return self._list_rows(pinned, self._fetch(version, asked, min(asked.k or LONGEST_LIST, longest or 0)))

    def refresh(self) -> Pinned:
        """The version that is live now, looked up anew when another one was pinned."""
        with answering(self.engine), self.engine.connect() as connection:
            found = connection.execute(
                select(live.c.version, versions.c.tier, versions.c.data_cutoff)
                .join(versions, versions.c.version == live.c.version)
                .where(live.c.source == self.source, live.c.arm == self.arm)
            ).first()
        if found is None:
            raise nothing_published(self.source, self.arm)
        known = self.pinned
        if known and known.version == found.version:
            return known
        pinned = Pinned(found.version, found.tier, found.data_cutoff)
        if self.knows_titles:
            self._learn_titles(pinned, None)
        pinned.popular = self._list_rows(pinned, self._fetch(pinned.version, Asked(), LONGEST_LIST))
        self.pinned = pinned
        return pinned

    def read_without_database(self) -> Answer | None:
        """The popular list of the version that was live when the database last answered; None before it ever did."""
        pinned = self.pinned
        return replace(self._answer(pinned, pinned.popular), is_degraded=True) if pinned else None

    def _fetch(self, version: str, asked: Asked, k: int) -> list[tuple[Any, ...]]:
        """The rows of sql/serving/served_list.sql; of a live version always at least one."""
        values = {"source": self.source, "arm": self.arm, "user": asked.user, "query": asked.query, "item": asked.item}
        values |= {"segment": asked.segment, "k": k, **dict.fromkeys(PLACES)}  # type: ignore[dict-item]
        values |= zip(PLACES, asked.queries, strict=False)
        # Past SQLAlchemy's own execution, which costs as much as the rest of a read.
        with answering(self.engine):
            connection = self.engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(statement_for(version, self.engine.dialect.name), values)
                return list(cursor.fetchall())
            except Exception as error:
                connection.invalidate(error)  # whatever went wrong: the next read gets another one
                raise
            finally:
                connection.close()

    def _answer(self, pinned: Pinned, rows: tuple[Listed, ...]) -> Answer:
        age = max(timedelta(), datetime.now(UTC) - pinned.data_cutoff)
        best = min((row.source for row in rows), key=BEST_FIRST.__getitem__, default=Source.POPULAR)
        return Answer(rows, best, pinned.version, pinned.data_cutoff, age.total_seconds(), age > self.stale_after)

    def _list_rows(self, pinned: Pinned, rows: list[tuple[Any, ...]]) -> tuple[Listed, ...]:
        if rows and rows[0][1] is None:
            return ()
        wanted = referred_items(row[-2] for row in rows)
        if not all(name in pinned.titles for name in wanted):
            self._learn_titles(pinned, wanted)
        titles = pinned.titles
        return tuple(
            Listed(
                rank,
                item_id,
                title,
                price,
                currency,
                score,
                f"popular in {segment}" if segment else explain(reason, titles, item_id),
                Source(source),
            )
            for _, rank, item_id, title, price, currency, score, segment, reason, source in rows
        )

    def _learn_titles(self, pinned: Pinned, wanted: set[str] | None) -> None:
        """Titles of these items (None: of as many as are kept) are remembered for the version, where they never change."""
        statement = select(items.c.item_id, items.c.title).where(items.c.version == pinned.version)
        statement = statement.limit(KEPT_TITLES) if wanted is None else statement.where(items.c.item_id.in_(wanted))
        with answering(self.engine), self.engine.connect() as connection:
            found = {row.item_id: row.title for row in connection.execute(statement)}
        titles = pinned.titles if len(pinned.titles) + len(wanted or ()) <= KEPT_TITLES else {}
        titles.update({**dict.fromkeys(wanted or ()), **found})
        pinned.titles = titles


@lru_cache(maxsize=16)
def statement_for(version: str, dialect: str) -> str:
    """The statement about one version as the database's driver takes it; psycopg parses one anew when it is longer than
    4,096 characters, so there are no more spaces than it takes.
    """
    text = (ROOT / "sql" / "serving" / "served_list.sql").read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"--.*\n", "", text)).replace("$version", f"'{check_version(version)}'")
    return re.sub(r"\$([a-z_0-9]+)", r"%(\1)s" if dialect == "postgresql" else r":\1", text)
