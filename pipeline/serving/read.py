"""Reading what is live, for the command line and for other programs in Python: each call is one look at the database.

`pipeline/serving/lists.py` holds the read contract; a program that reads again and again keeps a `ListReader`.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Double, Engine, MetaData, Table, Text, select

from pipeline.serving.columns import Moment
from pipeline.serving.contract import Answer, Asked, Listed
from pipeline.serving.database import reading
from pipeline.serving.explain import explain
from pipeline.serving.lists import ListReader
from pipeline.serving.pointer import list_versions, nothing_published

__all__ = [
    "Answer",
    "Asked",
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
STALE_AFTER_MINUTES = 90.0  # the default of the setting of this name


@dataclass(frozen=True)
class Live:
    """The live version of a source and arm, and the age of its data in seconds."""

    version: str
    age_seconds: float


def live_version(engine: Engine, source: str, arm: str) -> Live:
    """The version that readers get now; raises `NotLanded` when nothing is published yet."""
    with reading(engine) as connection:
        found = connection.execute(
            select(_freshness.c.version, _freshness.c.age_seconds).where(
                _freshness.c.source == source, _freshness.c.arm == arm
            )
        ).first()
    if found is None:
        raise nothing_published(source, arm)
    return Live(found.version, float(found.age_seconds))


def read_user(engine: Engine, source: str, arm: str, user_id: str, **hints: Any) -> Answer:
    """What this user is shown; `hints` are those of `Asked` (k, queries, segment) and `stale_after_minutes`."""
    return _read(engine, source, arm, user=user_id, **hints)


def read_query(engine: Engine, source: str, arm: str, query: str, **hints: Any) -> Answer:
    """What this normalised query is answered with: its own list; of a rare one that of the nearest, or the popular one."""
    return _read(engine, source, arm, query=query, **hints)


def read_similar(engine: Engine, source: str, arm: str, item_id: str, **hints: Any) -> Answer:
    """What goes with this item: its own list, else what is popular in its category, or with everyone."""
    return _read(engine, source, arm, item=item_id, **hints)


def _read(
    engine: Engine, source: str, arm: str, stale_after_minutes: float = STALE_AFTER_MINUTES, **asked: Any
) -> Answer:
    return ListReader(engine, source, arm, stale_after_minutes).read(Asked(**asked))


def freshness(engine: Engine) -> list[dict[str, Any]]:
    """The view `freshness`: for each source and arm the live version and how old its data are, in seconds."""
    with reading(engine) as connection:
        rows = connection.execute(select(_freshness).order_by(_freshness.c.source, _freshness.c.arm))
        return [dict(row._mapping) for row in rows]
