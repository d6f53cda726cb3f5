"""Queries in old versions of the serving database: which hour is live, and taking the text out of the others."""

from contextlib import closing
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table, select

from pipeline.errors import NotLanded
from pipeline.failpoints import reach
from pipeline.privacy.people import NO_QUERY, SEARCHED
from pipeline.privacy.serving import vacuum_table
from pipeline.serving.database import answering, lock_erasures, reading, writing
from pipeline.serving.schema import live, query_recommendations, rows_of, user_recommendations, versions
from pipeline.settings import Settings


def read_live_hour(engine: Engine, settings: Settings) -> datetime | None:
    """The hour of the live version; None when nothing is published yet. Raises `Unreachable`."""
    try:
        with reading(engine) as connection:
            return connection.scalar(
                select(live.c.interval_start).where(live.c.source == settings.source, live.c.arm == settings.arm)
            )
    except NotLanded:
        return None


def forget_versions(engine: Engine, settings: Settings, hour: datetime) -> int:
    """No version of this hour has lists of queries, nor reasons that name one; returns the rows concerned.

    Their bytes are gone too: SQLite writes zeros over them, PostgreSQL writes the two tables of the version anew.
    """
    touched, rows = [], 0
    ours = (versions.c.source == settings.source, versions.c.arm == settings.arm, versions.c.interval_start == hour)
    try:
        with writing(engine) as connection:
            lock_erasures(connection, shared=False)
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("pragma secure_delete = on")
            for version in connection.scalars(select(versions.c.version).where(*ours)).all():
                for table in (query_recommendations, user_recommendations):
                    part = rows_of(table, version, engine.dialect.name)
                    if not sa.inspect(connection).has_table(part.name):
                        continue  # a version that was never loaded
                    of_version = part.c.version == version
                    named = part.c.reason.startswith(SEARCHED, autoescape=True)
                    statement = (
                        sa.delete(part).where(of_version)
                        if table is query_recommendations
                        else sa.update(part).where(of_version, named).values(reason=NO_QUERY)
                    )
                    count = connection.execute(statement).rowcount
                    rows += count
                    touched += [part.name] if count else []
                    if count and table is query_recommendations:
                        _drop_statistics(connection, part, version)
    except NotLanded:
        return 0
    if touched:
        _drop_bytes(engine, touched)
    reach("forget.versions_emptied")
    return rows


def _drop_statistics(connection: Connection, part: Table, version: str) -> None:
    """What PostgreSQL knows about values of this emptied table is gone: of an empty one it would keep what it knew."""
    if connection.dialect.name == "postgresql":
        row = {"version": version, "query": "", "rank": 0, "item_id": "", "reason": "", "is_common": False}
        connection.execute(sa.insert(part).values(row))  # which nobody sees
        connection.execute(sa.text(f"analyze {connection.dialect.identifier_preparer.quote(part.name)}"))
        connection.execute(sa.delete(part))


def _drop_bytes(engine: Engine, parts: list[str]) -> None:
    if engine.dialect.name == "sqlite":
        with answering(engine), closing(engine.raw_connection()) as connection:  # in no transaction
            connection.cursor().execute("pragma wal_checkpoint(truncate)").fetchone()  # later, where a reader holds it
        return
    with answering(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in parts:
            vacuum_table(connection, name)
