"""Reading what is live: every answer comes from one version, and always holds something to show.

Whoever has no list of their own gets the popular one, and `served_reason` says so.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Double, Engine, MetaData, Row, Table, Text, and_, literal, select

from pipeline.serving.columns import Moment
from pipeline.serving.database import reading
from pipeline.serving.pointer import list_versions, nothing_published
from pipeline.serving.schema import (
    ALL,
    items,
    popular_items,
    query_recommendations,
    similar_items,
    user_recommendations,
)

__all__ = [
    "Answer",
    "Listed",
    "Live",
    "explain",
    "freshness",
    "list_versions",
    "live_version",
    "read_query",
    "read_similar",
    "read_user",
]

# The view, for reading only: it is not part of the schema's metadata.
_freshness = Table(
    "freshness",
    MetaData(),
    *(Column(name, Text) for name in ("source", "arm", "version", "tier")),
    *(Column(name, Moment) for name in ("interval_start", "interval_end", "data_cutoff", "published_at")),
    *(Column(name, Double) for name in ("age_seconds", "published_lag_seconds")),
)
POPULAR = '["popular"]'
# code: (sentence with a reference, sentence without one)
SENTENCES = {
    "searched": ("because you searched for '{}'", "fits your search"),
    "clicked": ("because you looked at {}", "often clicked after this search"),
    "added_to_cart": ("because you put {} in your cart", "often put in the cart after this search"),
    "bought_together": ("because you bought {}", "often bought after this search"),
    "similar": ("similar to {}", "similar"),
    "popular": ("popular in {}", "popular right now"),
}
# Where the thing that speaks for an item is that very item.
OF_ITSELF = {"clicked": "you looked at it", "added_to_cart": "you put it in your cart"}
REFERS_TO_ITEM = {"clicked", "added_to_cart", "bought_together", "similar"}


@dataclass(frozen=True)
class Live:
    """The live version of a source and arm, and the age of its data in seconds."""

    version: str
    age_seconds: float


@dataclass(frozen=True)
class Listed:
    """One line of an answer."""

    rank: int
    item_id: str
    title: str | None
    price: float | None
    currency: str | None
    score: float
    reason: str


@dataclass(frozen=True)
class Answer:
    """A list from one version. `served_reason` is personal, query, similar, or popular: there was no such list."""

    rows: tuple[Listed, ...]
    served_reason: str
    version: str
    age_seconds: float


def explain(reason: str, titles: Mapping[str, str | None], item_id: str | None = None) -> str:
    """The sentence why `item_id` is shown, for a reason (JSON array of a code and its references), with items' titles."""
    code, *references = _parse_reason(reason)
    if references == [item_id] and code in OF_ITSELF:
        return OF_ITSELF[code]
    with_reference, without = SENTENCES.get(code, ("", "recommended for you"))
    if not references or not with_reference:
        return without
    names = [titles.get(name) or name for name in references] if code in REFERS_TO_ITEM else references
    return with_reference.format(" and ".join(names))


def _parse_reason(reason: str) -> list[str]:
    """Code and references; a reason that is not an array of texts counts as an unknown code."""
    try:
        parts = json.loads(reason)
    except json.JSONDecodeError:
        return [""]
    return parts if isinstance(parts, list) and parts and all(isinstance(part, str) for part in parts) else [""]


def live_version(engine: Engine, source: str, arm: str) -> Live:
    """The version that readers get now; raises `NotLanded` when nothing is published yet."""
    with reading(engine) as connection:
        return _pin_version(connection, source, arm)


def _pin_version(connection: Connection, source: str, arm: str) -> Live:
    found = connection.execute(
        select(_freshness.c.version, _freshness.c.age_seconds).where(
            _freshness.c.source == source, _freshness.c.arm == arm
        )
    ).first()
    if found is None:
        raise nothing_published(source, arm)
    return Live(found.version, float(found.age_seconds))


def read_user(engine: Engine, source: str, arm: str, user_id: str) -> Answer:
    """What this user is shown: the personal list, or the popular one for somebody unknown."""
    return _read(engine, source, arm, user_recommendations, "user_id", user_id, "personal")


def read_query(engine: Engine, source: str, arm: str, query: str) -> Answer:
    """What this normalised query is answered with: its own list, or the popular one for a rare query."""
    return _read(engine, source, arm, query_recommendations, "query", query, "query")


def read_similar(engine: Engine, source: str, arm: str, item_id: str) -> Answer:
    """What goes with this item: its own list, or the popular one for an item that is unknown or has none."""
    return _read(engine, source, arm, similar_items, "item_id", item_id, "similar")


def _read(engine: Engine, source: str, arm: str, table: Table, key: str, value: str, served_reason: str) -> Answer:
    with reading(engine) as connection:
        # Every query below names this version: a publish in between changes nothing.
        pinned = _pin_version(connection, source, arm)
        rows = _read_list(connection, pinned.version, table, key, value)
        if not rows:
            served_reason = "popular"
            rows = _read_list(connection, pinned.version, popular_items, "segment", ALL)
        titles = _read_titles(connection, pinned.version, (row.reason for row in rows))
    listed = tuple(
        Listed(
            row.rank,
            row.item_id,
            row.title,
            row.price,
            row.currency,
            row.score,
            explain(row.reason, titles, row.item_id),
        )
        for row in rows
    )
    return Answer(listed, served_reason, pinned.version, pinned.age_seconds)


def _read_list(connection: Connection, version: str, table: Table, key: str, value: str) -> list[Row[Any]]:
    item = table.c["similar_item_id" if table is similar_items else "item_id"]
    reason = table.c.reason if "reason" in table.c else literal(POPULAR).label("reason")
    details = (items.c.title, items.c.price, items.c.currency)
    statement = (
        select(table.c.rank, item.label("item_id"), *details, table.c.score, reason)
        .join(items, and_(items.c.version == version, items.c.item_id == item))
        .where(table.c.version == version, table.c[key] == value)
        .order_by(table.c.rank)
    )
    return list(connection.execute(statement))


def _read_titles(connection: Connection, version: str, reasons: Iterable[str]) -> dict[str, str | None]:
    """Titles of the items that the reasons refer to."""
    parsed = [_parse_reason(reason) for reason in reasons]
    wanted = {name for code, *references in parsed if code in REFERS_TO_ITEM for name in references}
    if not wanted:
        return {}
    statement = select(items.c.item_id, items.c.title).where(items.c.version == version, items.c.item_id.in_(wanted))
    return {row.item_id: row.title for row in connection.execute(statement)}


def freshness(engine: Engine) -> list[dict[str, Any]]:
    """The view `freshness`: for each source and arm the live version and how old its data are, in seconds."""
    with reading(engine) as connection:
        rows = connection.execute(select(_freshness).order_by(_freshness.c.source, _freshness.c.arm))
        return [dict(row._mapping) for row in rows]
