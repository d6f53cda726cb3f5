"""The live pointer: one row per source and arm says which version readers get; every move is recorded."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, insert, or_, select, text, update

from pipeline.errors import NotLanded
from pipeline.hours import format_hour
from pipeline.serving.database import INSERT, reading, writing
from pipeline.serving.schema import PUBLISHED, attempts, live, live_history, versions


def take_token(engine: Engine, purpose: str) -> int:
    """A number that nobody else gets; whoever asks later gets a higher one, also when an earlier one was not used."""
    with writing(engine) as connection:
        statement = insert(attempts).values(taken_at=datetime.now(UTC), purpose=purpose).returning(attempts.c.token)
        return int(connection.execute(statement).scalar_one())


def end_attempt(connection: Connection, token: int, version: str, outcome: str) -> None:
    """It stands in `attempts` what became of this attempt."""
    ended = {"version": version, "outcome": outcome, "ended_at": datetime.now(UTC)}
    connection.execute(update(attempts).where(attempts.c.token == token).values(ended))


def lock_pointer(connection: Connection, source: str, arm: str) -> None:
    """Until this transaction ends nobody else moves this pointer. SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        lock = {"lock": f"pointer {source} {arm}"}
        connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:lock, 0))"), lock)


def advance_pointer(
    connection: Connection, source: str, arm: str, version: str, interval_start: datetime, token: int
) -> bool:
    """The pointer stands on this version if its hour is newer, or the same and its token higher, and no version is pinned.

    Returns whether it moved. One statement compares and sets, so that an attempt that slept through a later one cannot undo
    it.
    """
    wanted = INSERT[connection.dialect.name](live).values(
        source=source,
        arm=arm,
        version=version,
        interval_start=interval_start,
        token=token,
        moved_at=datetime.now(UTC),
    )
    new = wanted.excluded
    is_newer = or_(
        live.c.interval_start < new.interval_start,
        and_(live.c.interval_start == new.interval_start, live.c.token < new.token),
    )
    statement = wanted.on_conflict_do_update(
        index_elements=["source", "arm"],
        set_={name: new[name] for name in ("version", "interval_start", "token", "moved_at")},
        where=and_(live.c.version != new.version, is_newer, live.c.pinned_at.is_(None)),
    ).returning(live.c.version)
    if connection.execute(statement).first() is None:
        return False
    record_move(connection, source, arm, "publish")
    return True


def record_move(connection: Connection, source: str, arm: str, cause: str, note: str | None = None) -> None:
    """Where the pointer stands now, and why, is added to `live_history`."""
    recorded = [column for column in live.columns if column.name in live_history.columns]
    row = connection.execute(select(*recorded).where(live.c.source == source, live.c.arm == arm)).one()._mapping
    connection.execute(insert(live_history).values({**row, "cause": cause, "note": note}))


def list_versions(engine: Engine, source: str, arm: str) -> list[dict[str, Any]]:
    """Every version of a source and arm, newest hour first, as rows of `versions`, with `is_live` and `pinned_at`."""
    with reading(engine) as connection:
        is_live = (live.c.version.is_not(None)).label("is_live")
        statement = (
            select(*versions.c, is_live, live.c.pinned_at, live.c.pinned_why)
            .outerjoin(live, live.c.version == versions.c.version)
            .where(versions.c.source == source, versions.c.arm == arm)
            .order_by(versions.c.interval_start.desc(), versions.c.token.desc())
        )
        return [dict(row._mapping) for row in connection.execute(statement)]


def measure_versions(engine: Engine, names: Sequence[str]) -> dict[str, float]:
    """Bytes that each of these versions takes, where it has rows.

    PostgreSQL knows them by partition; of SQLite's file each gets the share that its rows have in all rows.
    """
    with reading(engine) as connection:
        if connection.dialect.name == "postgresql":
            parts = {f"{table.name}_{name}": name for name in names for table in PUBLISHED}
            statement = text(
                "select relname, pg_total_relation_size(oid) from pg_class "
                "where relname = any(:parts) and relnamespace = current_schema()::regnamespace"
            )
            sizes: dict[str, float] = {}
            for part, size in connection.execute(statement, {"parts": list(parts)}):
                sizes[parts[part]] = sizes.get(parts[part], 0) + size
            return sizes
        pages, page = (
            connection.exec_driver_sql(f"pragma {what}").scalar() or 0 for what in ("page_count", "page_size")
        )
        free = connection.exec_driver_sql("pragma freelist_count").scalar() or 0
        there = versions.c.status.in_(("published", "failed"))
        rows = dict(connection.execute(select(versions.c.version, versions.c.row_count).where(there)).tuples().all())
        total = sum(count or 0 for count in rows.values()) or 1
        return {name: (pages - free) * page * (rows[name] or 0) / total for name in names if name in rows}


def nothing_published(source: str, arm: str, hour: datetime | None = None) -> NotLanded:
    """The error of a reader who comes before the first version."""
    example = format_hour(hour) if hour else "HOUR"
    return NotLanded(f"nothing is published yet for source {source}, arm {arm}; run `treasure-hunt run {example}`.")
