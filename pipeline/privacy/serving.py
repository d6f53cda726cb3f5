"""Erasing from the serving database: rows of every table and every kept version, and then the bytes they stood in.

Of the tables of `pipeline.serving.schema` and their partitions those are found by their columns, so that one that is
added later is covered too; what else is kept in the same database is not ours to change.
"""

import time
from collections.abc import Callable, Iterator, Set
from contextlib import closing

import psycopg
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, exc

from pipeline.errors import Unreachable
from pipeline.privacy.people import NO_QUERY, PERSONAL, reasons_of
from pipeline.serving.database import answering, lock_erasures, writing
from pipeline.serving.schema import VERSION_ID, metadata

CHUNK = 500  # values in one statement
PATIENCE_SECONDS = 60


def personal_tables(connection: Connection) -> Iterator[tuple[str, set[str]]]:
    """Every table of ours that holds rows and has columns about people, with these columns; partitions one by one."""
    for (_, name), columns in sorted(sa.inspect(connection).get_multi_columns().items(), key=lambda one: str(one[0])):
        found = {column["name"] for column in columns} & {*PERSONAL}
        of_version = VERSION_ID.search(name)
        table = name[: of_version.start() - 1] if of_version else name
        if found and table in metadata.tables and name not in _partitioned(connection):
            yield name, found


def _partitioned(connection: Connection) -> set[str]:
    """Tables that hold no rows themselves, only their partitions do."""
    if connection.dialect.name != "postgresql":
        return set()
    statement = "select relname from pg_class where relkind = 'p' and relnamespace = current_schema()::regnamespace"
    return set(connection.scalars(sa.text(statement)))


def erase_rows(
    engine: Engine, user: str, sessions: Set[str], queries: Set[str], touch: Callable[[Set[str]], None]
) -> dict[str, int]:
    """No row of any version is the user's, and none holds a query that nobody else typed; returns rows by table.

    Waits for publishing that got past its check; `touch` is told which tables changed before the change is committed.
    """
    rows: dict[str, int] = {}
    with writing(engine) as connection:
        lock_erasures(connection, shared=False)
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("pragma secure_delete = on")
        for name, columns in personal_tables(connection):
            count = sum(connection.execute(one).rowcount for one in _statements(name, columns, user, sessions, queries))
            if count:
                rows[name] = count
        touch(rows.keys())
    return rows


def _statements(
    name: str, columns: Set[str], user: str, sessions: Set[str], queries: Set[str]
) -> Iterator[sa.Delete | sa.Update]:
    table = sa.table(name, *(sa.column(column) for column in sorted(columns)))
    has_people = bool(columns & {"user_id", "session_id", "actor"})
    for column in columns & {"user_id", "actor"}:
        yield sa.delete(table).where(sa.func.trim(table.c[column]) == user)
    for column in columns & {"session_id", "actor"}:
        nameless = sa.func.coalesce(table.c.user_id, "") == "" if "user_id" in columns else sa.true()
        for some in _chunks(sessions):
            yield sa.delete(table).where(nameless, table.c[column].in_(some))
    for some in _chunks(queries if "query" in columns else set()):
        told = table.c.query.in_(some)
        yield sa.update(table).where(told).values(query=None) if has_people else sa.delete(table).where(told)
    for some in _chunks(reasons_of(queries) if "reason" in columns else set()):
        yield sa.update(table).where(table.c.reason.in_(some)).values(reason=NO_QUERY)


def _chunks(values: Set[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def vacuum(engine: Engine, tables: Set[str]) -> None:
    """The bytes of what was deleted are gone: from these tables and what the database knows about their values.

    SQLite writes its whole file anew. PostgreSQL writes each table anew, for which readers of it wait; its write-ahead log
    is recycled by itself, later.
    """
    if engine.dialect.name == "sqlite":
        _vacuum_file(engine)
        return
    with answering(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in sorted(tables):
            vacuum_table(connection, name)
        for statement in ("vacuum (full) pg_statistic", "checkpoint"):
            try:
                connection.execute(sa.text(statement))
            except exc.ProgrammingError:
                continue  # not ours to do: the server does both by itself in time


def vacuum_table(connection: Connection, name: str) -> None:
    """PostgreSQL wrote the table anew, and what it knows about its values; one that was removed meanwhile is gone anyway."""
    try:
        # ANALYZE: the statistics of a column keep some of its values.
        connection.execute(sa.text(f"vacuum (full, analyze) {connection.dialect.identifier_preparer.quote(name)}"))
    except exc.ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.UndefinedTable):
            raise


def _vacuum_file(engine: Engine) -> None:
    with answering(engine), closing(engine.raw_connection()) as connection:  # in no transaction
        cursor = connection.cursor()
        cursor.execute("vacuum")
        for _ in range(PATIENCE_SECONDS * 10):
            busy, _, _ = cursor.execute("pragma wal_checkpoint(truncate)").fetchone()
            if not busy:
                return
            time.sleep(0.1)
    raise Unreachable("somebody holds an old state of the serving database open, so its log cannot be emptied yet.")
