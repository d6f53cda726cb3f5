"""How an attempt to publish ends: one of several is live, and each of the others hears what became of its version."""

from typing import Any, Literal

from sqlalchemy import Connection, Engine, select

from pipeline.hours import format_hour
from pipeline.serving.database import reading
from pipeline.serving.schema import attempts, live, versions
from pipeline.serving.version import VersionInfo

# live: readers get it. history: published, a newer hour is live. pinned: the same, because another version is pinned.
# unchanged: it was there, nothing moved. superseded: given up, a later attempt of the hour has published other content.
Outcome = Literal["live", "history", "pinned", "unchanged", "superseded"]
SETTLED = ("live", "history", "pinned", "unchanged")  # of an attempt that published, or found its version published


def find_later(connection: Connection, version: VersionInfo, token: int) -> str | None:
    """The version that a later attempt of the same hour has published, if its content is another one."""
    mine = (
        versions.c.source == version.source,
        versions.c.arm == version.arm,
        versions.c.interval_start == version.interval_start,
    )
    statement = (
        select(attempts.c.version)
        .join(versions, versions.c.version == attempts.c.version)
        .where(*mine, attempts.c.token > token, attempts.c.outcome.in_(SETTLED))
        .order_by(attempts.c.token.desc())
        .limit(1)
    )
    found = connection.scalar(statement)
    return None if found == version.version else found


def is_overtaken(connection: Connection, version: VersionInfo, token: int) -> bool:
    """Whether a later attempt, or somebody who went back, has moved the pointer onto another version of the same hour."""
    statement = select(live.c.version).where(
        live.c.source == version.source,
        live.c.arm == version.arm,
        live.c.interval_start == version.interval_start,
        live.c.version != version.version,
        live.c.token > token,
        live.c.pinned_at.is_(None),
    )
    return connection.scalar(statement) is not None


def judge_outcome(connection: Connection, version: VersionInfo, is_new: bool) -> Outcome:
    """What it means that the pointer was not moved onto a version that is published."""
    now = _read_live(connection, version)
    if now.version == version.version:
        return "unchanged"
    if now.interval_start > version.interval_start:
        return "history" if is_new else "unchanged"
    if now.pinned_at:
        return "pinned" if is_new else "unchanged"
    return "superseded"  # of its own hour, moved by a later token


def explain_outcome(engine: Engine, version: VersionInfo, outcome: Outcome) -> str:
    """The sentence that a person reads about how the attempt ended."""
    name = version.version
    if outcome == "live":
        return f"version {name} is live"
    if outcome == "unchanged":
        return f"version {name} was published before: nothing changed"
    with reading(engine) as connection:
        now = _read_live(connection, version)
        last = find_later(connection, version, 0) or now.version
    if outcome == "superseded":
        hour = format_hour(version.interval_start)
        return f"version {name} is superseded: a later attempt of {hour} has published {last} meanwhile"
    if outcome == "pinned" and now.pinned_at:
        return f"version {name} is kept as history: {describe_pin(now)}"
    return f"version {name} is kept as history: a newer one is live"


def describe_pin(now: Any) -> str:
    """Which version is pinned, since when and why, of a row of `live`."""
    why = f" ({now.pinned_why})" if now.pinned_why else ""
    return f"{now.version} is pinned since {now.pinned_at:%Y-%m-%d %H:%M} UTC{why}"


def _read_live(connection: Connection, version: VersionInfo) -> Any:
    ours = (live.c.source == version.source, live.c.arm == version.arm)
    return connection.execute(select(*live.c).where(*ours)).one()
