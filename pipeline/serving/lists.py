"""Reading the live lists: one statement and one round trip for an answer, from one version also while another goes live."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, exc, select

from pipeline.errors import Unreachable
from pipeline.files import ROOT
from pipeline.serving.contract import MAX_QUERIES, Answer, Asked, Listed, Source
from pipeline.serving.database import answering, name_database
from pipeline.serving.explain import explain, referred_items
from pipeline.serving.pointer import nothing_published
from pipeline.serving.schema import PUBLISHED, check_version, items, live, versions

# What a reader must be allowed to select from, and nothing else.
READ_TABLES = ("live", "versions", *(table.name for table in PUBLISHED))
LONGEST_LIST = 1000  # what the setting k allows
KEPT_TITLES = 50_000  # of one version, some ten megabytes
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

    def __init__(self, engine: Engine, source: str, arm: str, stale_after_minutes: float) -> None:
        self.engine, self.source, self.arm = engine, source, arm
        self.stale_after = timedelta(minutes=stale_after_minutes)
        self.pinned: Pinned | None = None  # the version that was live when somebody last looked

    def read(self, asked: Asked) -> Answer:
        """The list that was asked for, from the version that is live in the very snapshot that is read.

        Raises `NotLanded` when nothing is published yet, `Unreachable` when the database does not answer.
        """
        try:
            with answering(self.engine), self.engine.connect() as connection:
                pinned = self.pinned or self._pin(connection)
                while True:
                    rows = self._fetch(connection, pinned.version, asked, min(asked.k or pinned.k, pinned.k))
                    if rows and rows[0].live_version == pinned.version:
                        break
                    pinned = self._pin(connection)
                return self._answer(pinned, _list_rows(connection, pinned, rows))
        except exc.TimeoutError:
            where = name_database(self.engine.url)
            raise Unreachable(f"the serving database {where} is busy: no connection became free in time.") from None

    def refresh(self) -> Pinned:
        """The version that is live now, looked up anew when another one was pinned."""
        with answering(self.engine), self.engine.connect() as connection:
            statement = select(live.c.version).where(live.c.source == self.source, live.c.arm == self.arm)
            version = connection.scalar(statement)
            pinned = self.pinned
            return pinned if pinned and pinned.version == version else self._pin(connection)

    def read_without_database(self) -> Answer | None:
        """The popular list of the version that was live when the database last answered; None before it ever did."""
        pinned = self.pinned
        return replace(self._answer(pinned, pinned.popular), is_degraded=True) if pinned else None

    def _pin(self, connection: Connection) -> Pinned:
        found = connection.execute(
            select(live.c.version, versions.c.tier, versions.c.data_cutoff)
            .join(versions, versions.c.version == live.c.version)
            .where(and_(live.c.source == self.source, live.c.arm == self.arm))
        ).first()
        if found is None:
            raise nothing_published(self.source, self.arm)
        pinned = Pinned(found.version, found.tier, found.data_cutoff)
        popular = self._fetch(connection, pinned.version, Asked(), LONGEST_LIST)
        pinned.popular = _list_rows(connection, pinned, popular)
        self.pinned = pinned
        return pinned

    def _fetch(self, connection: Connection, version: str, asked: Asked, k: int) -> Sequence[Row[Any]]:
        """The rows of sql/serving/served_list.sql; of a live version always at least one."""
        queries = [*asked.queries[:MAX_QUERIES], *[None] * MAX_QUERIES]
        values = {
            "source": self.source,
            "arm": self.arm,
            "user": asked.user,
            "query": asked.query,
            "item": asked.item,
            "segment": asked.segment,
            "k": k,
            **{f"query_{place}": queries[place - 1] for place in range(1, MAX_QUERIES + 1)},
        }
        return connection.exec_driver_sql(statement_for(version, connection.dialect.name), values).all()

    def _answer(self, pinned: Pinned, rows: tuple[Listed, ...]) -> Answer:
        age = max(timedelta(), datetime.now(UTC) - pinned.data_cutoff)
        best = min((row.source for row in rows), key=BEST_FIRST.__getitem__, default=Source.POPULAR)
        return Answer(rows, best, pinned.version, pinned.data_cutoff, age.total_seconds(), age > self.stale_after)


@lru_cache(maxsize=16)
def statement_for(version: str, dialect: str) -> str:
    """The statement about one version as the database's driver takes it."""
    text = (ROOT / "sql" / "serving" / "served_list.sql").read_text(encoding="utf-8")
    text = re.sub(r"--.*\n", "", text).replace("$version", f"'{check_version(version)}'")
    return re.sub(r"\$([a-z_0-9]+)", r"%(\1)s" if dialect == "postgresql" else r":\1", text)


def _list_rows(connection: Connection, pinned: Pinned, rows: Sequence[Row[Any]]) -> tuple[Listed, ...]:
    rows = [row for row in rows if row.rank is not None]
    titles = _titles(connection, pinned, referred_items(row.reason for row in rows))
    return tuple(
        Listed(
            row.rank,
            row.item_id,
            row.title,
            row.price,
            row.currency,
            row.score,
            f"popular in {row.segment_name}" if row.segment_name else explain(row.reason, titles, row.item_id),
            Source(row.source),
        )
        for row in rows
    )


def _titles(connection: Connection, pinned: Pinned, wanted: set[str]) -> dict[str, str | None]:
    """Titles of at least these items, remembered for the version, in which they never change."""
    titles = pinned.titles
    unknown = wanted - titles.keys()
    if unknown:
        statement = select(items.c.item_id, items.c.title).where(
            items.c.version == pinned.version, items.c.item_id.in_(unknown)
        )
        found = {row.item_id: row.title for row in connection.execute(statement)}
        if len(titles) + len(unknown) > KEPT_TITLES:  # begun anew beside those who still read the old ones
            titles = pinned.titles = {name: titles[name] for name in wanted - unknown}
        titles.update({name: found.get(name) for name in unknown})
    return titles
