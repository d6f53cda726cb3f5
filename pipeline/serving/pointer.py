"""The live pointer: one row per source and arm says which version readers get; every move is recorded."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, insert, or_, select, update

from pipeline.errors import BadInput, NotLanded
from pipeline.hours import format_hour
from pipeline.serving.database import INSERT, reading, writing
from pipeline.serving.schema import attempts, live, live_history, versions

SHOWN_VERSIONS = 20


def take_token(engine: Engine, purpose: str) -> int:
    """A number that nobody else gets; whoever asks later gets a higher one, also when an earlier one was not used."""
    with writing(engine) as connection:
        statement = insert(attempts).values(taken_at=datetime.now(UTC), purpose=purpose).returning(attempts.c.token)
        return int(connection.execute(statement).scalar_one())


def advance_pointer(
    connection: Connection, source: str, arm: str, version: str, interval_start: datetime, token: int
) -> bool:
    """The pointer stands on this version if its hour is newer, or the same and its token higher; True when it moved.

    One statement compares and sets, so that an attempt that slept through a later one cannot undo it.
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
        where=and_(live.c.version != new.version, is_newer),
    ).returning(live.c.version)
    if connection.execute(statement).first() is None:
        return False
    _record_move(connection, source, arm, "publish")
    return True


def _record_move(connection: Connection, source: str, arm: str, cause: str) -> None:
    recorded = [column for column in live.columns if column.name in live_history.columns]
    row = connection.execute(select(*recorded).where(live.c.source == source, live.c.arm == arm)).one()._mapping
    connection.execute(insert(live_history).values({**row, "cause": cause}))


def rollback(engine: Engine, source: str, arm: str, version: str | None = None) -> str:
    """The pointer stands on `version` (default: the published one before the live one); returns it.

    The next newer hour publishes as ever. Raises `BadInput`, with the versions there are, when the target is not.
    """
    token = take_token(engine, "rollback")
    with writing(engine) as connection:
        mine = and_(versions.c.source == source, versions.c.arm == arm, versions.c.status == "published")
        now = connection.execute(
            select(live.c.version, versions.c.interval_start, versions.c.token)
            .join(versions, versions.c.version == live.c.version)
            .where(live.c.source == source, live.c.arm == arm)
        ).first()
        if now is None:
            raise nothing_published(source, arm)
        target = versions.c.version == version
        if version is None:
            older = or_(
                versions.c.interval_start < now.interval_start,
                and_(versions.c.interval_start == now.interval_start, versions.c.token < now.token),
            )
            target = older
        newest_first = (versions.c.interval_start.desc(), versions.c.token.desc())
        found = connection.execute(
            select(versions.c.version, versions.c.interval_start).where(mine, target).order_by(*newest_first).limit(1)
        ).first()
        if found is None or found.version == now.version:
            kept = connection.scalars(
                select(versions.c.version).where(mine).order_by(*newest_first).limit(SHOWN_VERSIONS)
            ).all()
            wanted = f"{version!r} is not a version to go back to" if version else "there is no version before it"
            raise BadInput(f"live is {now.version}; {wanted}. Kept are: {', '.join(kept)}.")
        moved = connection.execute(
            update(live)
            .where(live.c.source == source, live.c.arm == arm, live.c.version == now.version)
            .values(version=found.version, interval_start=found.interval_start, token=token, moved_at=datetime.now(UTC))
        )
        if moved.rowcount != 1:
            raise BadInput(f"live moved on from {now.version} meanwhile; look again and repeat the rollback if needed.")
        _record_move(connection, source, arm, "rollback")
        return str(found.version)


def list_versions(engine: Engine, source: str, arm: str) -> list[dict[str, Any]]:
    """Every version of a source and arm, newest hour first, as rows of `versions` with `is_live` beside them."""
    with reading(engine) as connection:
        is_live = (live.c.version.is_not(None)).label("is_live")
        statement = (
            select(*versions.c, is_live)
            .outerjoin(live, live.c.version == versions.c.version)
            .where(versions.c.source == source, versions.c.arm == arm)
            .order_by(versions.c.interval_start.desc(), versions.c.token.desc())
        )
        return [dict(row._mapping) for row in connection.execute(statement)]


def nothing_published(source: str, arm: str, hour: datetime | None = None) -> NotLanded:
    """The error of a reader who comes before the first version."""
    example = format_hour(hour) if hour else "HOUR"
    return NotLanded(f"nothing is published yet for source {source}, arm {arm}; run `treasure-hunt run {example}`.")
