"""What there is to see of a user, an item or a query: lists of one version or two, and the user's own events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select

from pipeline.api.lookup.recent import Recent, read_recent
from pipeline.errors import BadInput
from pipeline.queries import normalize_query
from pipeline.serving.contract import LONGEST_TEXT, Asked, Listed
from pipeline.serving.database import only_reading
from pipeline.serving.lists import ListReader
from pipeline.serving.pointer import nothing_published
from pipeline.serving.pooled import connect_readers
from pipeline.serving.schema import items, live, versions
from pipeline.settings import Settings

MOST_VERSIONS = 200  # to choose from


@dataclass(frozen=True)
class Version:
    """One to choose: its rows are in the database."""

    name: str
    interval_start: datetime
    data_cutoff: datetime
    is_live: bool


@dataclass(frozen=True)
class Shown:
    """A list as a version holds it."""

    version: Version
    rows: tuple[Listed, ...]


@dataclass(frozen=True)
class Found:
    """What was asked for (`of`, as it is looked up), its lists, and what else is known of it."""

    kind: str
    of: str
    lists: tuple[Shown, ...]
    recent: Recent | None = None
    titles: dict[str, str | None] | None = None  # of the items in `recent`
    item: dict[str, Any] | None = None  # the row of the catalog


class Looker:
    """Connections of its own, so that looking up takes none from the readers of the API."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        url = settings.serving_read_url or settings.serving
        self.engine = connect_readers(url, 2, settings.api_patience_ms)
        self.reader = ListReader(self.engine, settings.source, settings.arm, settings.stale_after_minutes)

    def list_versions(self) -> list[Version]:
        """The live version first, then the others that can be looked at, newest first; raises `NotLanded` without any."""
        is_live = and_(live.c.source == versions.c.source, live.c.arm == versions.c.arm)
        columns = versions.c.version, versions.c.interval_start, versions.c.data_cutoff, live.c.version.label("live")
        statement = (
            select(*columns)
            .outerjoin(live, is_live)
            .where(versions.c.source == self.settings.source, versions.c.arm == self.settings.arm)
            .where(versions.c.status == "published")
            .order_by((versions.c.version != live.c.version), versions.c.interval_start.desc(), versions.c.token.desc())
            .limit(MOST_VERSIONS)
        )
        with only_reading(self.engine), self.engine.connect() as connection:
            found = connection.execute(statement).all()
        if not found:
            raise nothing_published(self.settings.source, self.settings.arm)
        return [Version(row.version, row.interval_start, row.data_cutoff, row.version == row.live) for row in found]

    def look(self, kind: str, typed: str, chosen: list[Version]) -> Found:
        """All of it; a query is looked up in its one spelling, and events from the first chosen version's hour back."""
        if len(typed) > LONGEST_TEXT:
            raise BadInput(f"that has {len(typed):,} characters; at most {LONGEST_TEXT} are looked at.")
        Asked(query=typed)  # refuses what is no text
        of = normalize_query(typed) if kind == "query" else typed
        whose: dict[str, Any] = {kind: of}
        asked = Asked(**whose)
        lists = tuple(Shown(version, self.reader.read_version(version.name, asked)) for version in chosen)
        if kind == "item":
            return Found(kind, of, lists, item=self._item(chosen[0].name, of))
        if kind == "user":
            recent = read_recent(self.settings, of, chosen[0].interval_start)
            titles = self.reader.read_titles(
                chosen[0].name, {row["item_id"] for row in recent.events if row["item_id"]}
            )
            return Found(kind, of, lists, recent, titles)
        return Found(kind, of, lists)

    def close(self) -> None:
        """No connection is left."""
        self.engine.dispose()

    def _item(self, version: str, item_id: str) -> dict[str, Any] | None:
        with only_reading(self.engine), self.engine.connect() as connection:
            row = connection.execute(
                select(items).where(items.c.version == version, items.c.item_id == item_id)
            ).one_or_none()
        return dict(row._mapping) if row else None
