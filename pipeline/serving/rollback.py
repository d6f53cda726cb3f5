"""What people do to the pointer: move it to another version, pin it so that no hour moves it, and let it go again."""

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, or_, select, update

from pipeline.errors import BadInput
from pipeline.hours import parse_hour
from pipeline.serving.database import create_schema, is_missing, missing, reading, writing
from pipeline.serving.outcome import describe_pin
from pipeline.serving.pointer import end_attempt, lock_pointer, nothing_published, record_move, take_token
from pipeline.serving.schema import live, versions

SHOWN_VERSIONS = 20
HOUR_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d")
NEWEST_FIRST = (versions.c.interval_start.desc(), versions.c.token.desc())


def rollback(
    engine: Engine, source: str, arm: str, version: str | None = None, pin: bool = False, why: str | None = None
) -> str:
    """The pointer stands on `version`, or on the newest of an hour (default: the one before the live one); returns it.

    The next newer hour publishes as ever, unless it is pinned; what was pinned stays pinned. Raises `BadInput`, with the
    versions there are, when the target is not.
    """
    _prepare(engine)
    token = take_token(engine, "rollback")
    with writing(engine) as connection:
        now = _lock_live(connection, source, arm)
        target = _is_wanted(version) if version else _is_before(now)
        found = _newest(connection, source, arm, target)
        if found is None or found.version == now.version:
            raise BadInput(_refuse(connection, source, arm, now.version, version))
        _move(connection, now, found, token, "rollback", why)
        if pin or now.pinned_at:
            _pin(connection, source, arm, why or now.pinned_why)
        return str(found.version)


def pin(engine: Engine, source: str, arm: str, why: str | None = None) -> str:
    """The live version stays live, whatever is published, until it is unpinned; returns it. One that is pinned already
    stays so since when it was, and why, unless another reason is given.
    """
    _prepare(engine)
    with writing(engine) as connection:
        now = _lock_live(connection, source, arm)
        if now.pinned_at and why is None:
            return str(now.version)
        _pin(connection, source, arm, why, now.pinned_at)
        record_move(connection, source, arm, "pin", why)
        return str(now.version)


def unpin(engine: Engine, source: str, arm: str, advance: bool = False, why: str | None = None) -> str:
    """No version is pinned: the next hour that is published goes live, or at once (`advance`) the newest that is there.

    Returns the live version. Raises `BadInput` when none was pinned.
    """
    _prepare(engine)
    token = take_token(engine, "unpin")
    with writing(engine) as connection:
        now = _lock_live(connection, source, arm)
        if not now.pinned_at:
            raise BadInput(f"live is {now.version}, which is not pinned; there is nothing to unpin.")
        connection.execute(update(live).where(_ours(source, arm)).values(pinned_at=None, pinned_why=None))
        newest = _newest(connection, source, arm)
        if not advance or newest is None or newest.version == now.version:
            record_move(connection, source, arm, "unpin", why)
            return str(now.version)
        _move(connection, now, newest, token, "unpin", why)
        return str(newest.version)


def read_pin(connection: Connection, source: str, arm: str) -> str | None:
    """Which version is pinned, since when and why; None when none is."""
    now = connection.execute(select(*live.c).where(_ours(source, arm))).first()
    return describe_pin(now) if now and now.pinned_at else None


def list_pins(engine: Engine) -> list[str]:
    """A sentence for every pinned version of any source and arm."""
    with reading(engine) as connection:
        return [describe_pin(row) for row in connection.execute(select(*live.c).where(live.c.pinned_at.is_not(None)))]


def live_of(connection: Connection, source: str, arm: str) -> str:
    """The live version; raises `NotLanded` before there is one."""
    found = connection.scalar(select(live.c.version).where(_ours(source, arm)))
    if found is None:
        raise nothing_published(source, arm)
    return str(found)


def find_version(connection: Connection, source: str, arm: str, named: str) -> str:
    """The version of this name, or the newest of the hour of this name; a name that is neither, as it is."""
    found = _newest(connection, source, arm, _is_wanted(named))
    return str(found.version) if found else named


def newest_before(connection: Connection, source: str, arm: str, version: str) -> str | None:
    """The published version that comes before this one: of an earlier hour, or of an earlier attempt of its hour."""
    own = connection.execute(
        select(versions.c.interval_start, versions.c.token).where(versions.c.version == version)
    ).first()
    if own is None:
        raise BadInput(f"{version!r} is not a version; `treasure-hunt versions` lists what there is.")
    found = _newest(connection, source, arm, _is_before(own))
    return str(found.version) if found else None


def _ours(source: str, arm: str) -> Any:
    return and_(live.c.source == source, live.c.arm == arm)


def _lock_live(connection: Connection, source: str, arm: str) -> Any:
    """The pointer and its version's token, and nobody else moves it until this transaction ends."""
    lock_pointer(connection, source, arm)
    found = connection.execute(
        select(live.c.source, live.c.arm, live.c.version, live.c.pinned_at, live.c.pinned_why)
        .add_columns(versions.c.interval_start, versions.c.token)
        .join(versions, versions.c.version == live.c.version)
        .where(_ours(source, arm))
    ).first()
    if found is None:
        raise nothing_published(source, arm)
    return found


def _is_before(row: Any) -> Any:
    same_hour = and_(versions.c.interval_start == row.interval_start, versions.c.token < row.token)
    return or_(versions.c.interval_start < row.interval_start, same_hour)


def _newest(connection: Connection, source: str, arm: str, *which: Any) -> Any:
    published = (versions.c.source == source, versions.c.arm == arm, versions.c.status == "published")
    statement = select(versions.c.version, versions.c.interval_start).where(*published, *which)
    return connection.execute(statement.order_by(*NEWEST_FIRST).limit(1)).first()


def _move(connection: Connection, now: Any, found: Any, token: int, cause: str, why: str | None) -> None:
    wanted = {"version": found.version, "interval_start": found.interval_start}
    moved = {**wanted, "token": token, "moved_at": datetime.now(UTC)}
    connection.execute(update(live).where(_ours(now.source, now.arm)).values(moved))
    record_move(connection, now.source, now.arm, cause, why)
    end_attempt(connection, token, found.version, "live")


def _pin(connection: Connection, source: str, arm: str, why: str | None, since: datetime | None = None) -> None:
    pinned = {"pinned_at": since or datetime.now(UTC), "pinned_why": why}
    connection.execute(update(live).where(_ours(source, arm)).values(pinned))


def _prepare(engine: Engine) -> None:
    """The schema is there; a file that is not there is not made: its home may be mistyped."""
    if is_missing(engine):
        raise missing(engine)
    create_schema(engine)


def _is_wanted(version: str) -> ColumnElement[bool]:
    """The version of this name, or those of the hour, written like 2026-01-01T13."""
    if HOUR_NAME.fullmatch(version):
        return versions.c.interval_start == parse_hour(version)
    return versions.c.version == version


def _refuse(connection: Connection, source: str, arm: str, now: str, version: str | None) -> str:
    ours = (versions.c.source == source, versions.c.arm == arm)
    kept = connection.scalars(
        select(versions.c.version)
        .where(*ours, versions.c.status == "published")
        .order_by(*NEWEST_FIRST)
        .limit(SHOWN_VERSIONS)
    ).all()
    wanted = f"{version!r} is not a version to go back to" if version else "there is no version before it"
    if not version:
        wanted += " (`treasure-hunt pin` keeps the live one)"
    if version and now.startswith(version):
        return f"{now} is live already; `treasure-hunt pin` keeps it."
    if (
        version
        and connection.scalar(select(versions.c.status).where(*ours, versions.c.version == version)) == "removed"
    ):
        wanted = f"the rows of {version} were removed to save room; running its hour again brings them back"
    return f"live is {now}; {wanted}. Kept are: {', '.join(kept)}."
