"""Old versions lose their rows: by age and count, never what is live, pinned, a way back, or being loaded.

A version is first marked, so that nobody goes back to it, and then emptied table by table, each in a transaction of its
own. Where somebody reads a table on PostgreSQL it is left for the next time; readers never wait for this.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Table, select, update

from pipeline.failpoints import reach
from pipeline.serving.database import lock_erasures, reading, writing
from pipeline.serving.load import remove_rows
from pipeline.serving.pointer import lock_pointer
from pipeline.serving.schema import PUBLISHED, attempts, live, versions

WAYS_BACK = 3  # newest published hours that always stay
IN_FLIGHT = timedelta(days=1)  # no load takes longer
MOST_AT_ONCE = 100  # what is left goes with the next hour


def remove_old_versions(
    engine: Engine, source: str, arm: str, keep_versions: int, keep_days: float, now: datetime | None = None
) -> list[str]:
    """The rows of old versions are gone, their rows in `versions` say `removed` and when; says how many in sentences.

    A published version stays while it is among the newest `keep_versions` hours or was published less than `keep_days`
    ago. What a failed or killed attempt left goes after those days too, after one at the earliest.
    """
    now = now or datetime.now(UTC)
    removed = postponed = 0
    old = find_old(engine, source, arm, keep_versions, now - timedelta(days=keep_days), now)
    for version, token in old[:MOST_AT_ONCE]:
        if not _mark(engine, source, arm, version, token):
            continue
        reach("retention.marked")
        emptied = [_empty(engine, table, version) for table in PUBLISHED]  # of every table, though one be read
        reach("retention.emptied")
        if all(emptied):
            with writing(engine) as connection:
                mine = (versions.c.version == version, versions.c.status == "removed")
                connection.execute(update(versions).where(*mine).values(removed_at=datetime.now(UTC)))
            removed += 1
        else:
            postponed += 1
    return list(_tell(removed, postponed))


def find_old(
    engine: Engine, source: str, arm: str, keep_versions: int, limit: datetime, now: datetime
) -> list[tuple[str, int]]:
    """The versions whose rows are to go, oldest first, and the attempts that wrote them."""
    with reading(engine) as connection:
        statement = (
            select(versions, attempts.c.taken_at)
            .outerjoin(attempts, attempts.c.token == versions.c.token)
            .where(versions.c.source == source, versions.c.arm == arm, versions.c.removed_at.is_(None))
            .order_by(versions.c.interval_start.desc(), versions.c.token.desc())
        )
        rows = connection.execute(statement).all()
        pointer = select(live.c.version).where(live.c.source == source, live.c.arm == arm)
        kept = _ways_back([row for row in rows if row.status == "published"], connection.scalar(pointer))
    old = [
        row.version
        for place, row in enumerate(row for row in rows if row.status == "published")
        if place >= keep_versions and row.published_at < limit and row.version not in kept
    ]
    left = [row.version for row in rows if row.status != "published" and _is_left(row, limit, now)]
    return [(row.version, row.token) for row in reversed(rows) if row.version in {*old, *left}]


def _ways_back(published: list[Any], pointer: str | None) -> set[str]:
    """The live version, the one before it, and all of the newest hours."""
    hours = sorted({row.interval_start for row in published}, reverse=True)[:WAYS_BACK]
    kept = {row.version for row in published if row.interval_start in hours}
    names = [row.version for row in published]
    if pointer in names:
        place = names.index(pointer)
        kept.update(names[place : place + 2])
    return kept


def _is_left(row: Any, limit: datetime, now: datetime) -> bool:
    """Whether these are rows that an attempt left which is over: killed, refused, or half removed."""
    if row.status == "removed":
        return True
    begun = row.taken_at or row.interval_end
    return bool(begun < now - IN_FLIGHT and (row.status == "loading" or begun < limit))


def _mark(engine: Engine, source: str, arm: str, version: str, token: int) -> bool:
    """The version counts as removed, unless somebody made it live or began to load it meanwhile."""
    with writing(engine, lock=f"publish {version}") as connection:
        lock_pointer(connection, source, arm)
        pointer = select(live.c.version).where(live.c.source == source, live.c.arm == arm)
        if connection.scalar(pointer) == version:
            return False
        mine = (versions.c.version == version, versions.c.token == token)
        return connection.execute(update(versions).where(*mine).values(status="removed")).rowcount == 1


def _empty(engine: Engine, table: Table, version: str) -> bool:
    """The table lost the version's rows; False when it is being read, or somebody has begun to load the version again."""
    with writing(engine, lock=f"publish {version}") as connection:
        lock_erasures(connection, shared=True)
        status = connection.scalar(select(versions.c.status).where(versions.c.version == version))
        return status == "removed" and remove_rows(connection, table, version)


def _tell(removed: int, postponed: int) -> Iterator[str]:
    if removed:
        yield f"{removed} old version{'s have' if removed > 1 else ' has'} lost {'their' if removed > 1 else 'its'} rows"
    if postponed:
        yield f"{postponed} old version{'s' if postponed > 1 else ''} will lose rows later: somebody is reading"
