"""How fresh published lists are: when the versions of hours were published, and how many hours missed the objective."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Boolean, Column, Engine, MetaData, Table, Text, case, func, select

from pipeline.hours import format_hour
from pipeline.serving.database import reading
from pipeline.serving.schema import Moment, versions

BURN_DAYS = 7

# The view, for reading only: it is not part of the schema's metadata.
freshness_by_hour = Table(
    "freshness_by_hour",
    MetaData(),
    *(Column(name, Text) for name in ("source", "arm", "version")),
    Column("interval_start", Moment),
    *(Column(name, Boolean) for name in ("is_backfilled", "is_missed")),
)


@dataclass(frozen=True)
class Burn:
    """Of the hours of the last seven days that are judged by the objective, how many missed it."""

    hours: int
    missed: int

    @property
    def share(self) -> float:
        """The share of the judged hours that missed it; 0 where none is judged."""
        return self.missed / self.hours if self.hours else 0.0


def published_moments(engine: Engine, source: str, arm: str, hours: Iterable[datetime]) -> dict[str, list[datetime]]:
    """By the name of the hour: the moments at which versions of it were published, oldest first."""
    moments: dict[str, list[datetime]] = {}
    with reading(engine) as connection:
        found = connection.execute(
            select(versions.c.interval_start, versions.c.published_at)
            .where(
                versions.c.source == source,
                versions.c.arm == arm,
                versions.c.interval_start.in_(list(hours)),
                versions.c.published_at.is_not(None),
            )
            .order_by(versions.c.published_at)
        )
        for start, published in found:
            moments.setdefault(format_hour(start), []).append(published)
    return moments


def count_versions(engine: Engine, source: str, arm: str) -> Mapping[str, int]:
    """How many versions there are, by status."""
    mine = (versions.c.source == source, versions.c.arm == arm)
    with reading(engine) as connection:
        found = connection.execute(select(versions.c.status, func.count()).where(*mine).group_by(versions.c.status))
        return dict(row._tuple() for row in found)


def read_burn(engine: Engine, source: str, arm: str) -> Burn:
    """How many of the hours missed the objective, over the seven days up to the newest hour that was reported."""
    view = freshness_by_hour.c
    mine = (view.source == source, view.arm == arm)
    with reading(engine) as connection:
        newest = connection.scalar(select(func.max(view.interval_start)).where(*mine))
        if newest is None:
            return Burn(0, 0)
        counted = select(func.count(view.is_missed), func.sum(case((view.is_missed, 1), else_=0)))
        hours, missed = connection.execute(
            counted.where(*mine, view.interval_start > newest - timedelta(days=BURN_DAYS))
        ).one()
        return Burn(hours, missed or 0)
