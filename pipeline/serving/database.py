"""The serving database itself: engines, transactions, and the schema, which is there before anything is written."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url

from pipeline.errors import BadInput, NotLanded, Unreachable
from pipeline.failpoints import reach
from pipeline.files import ROOT, alone_in
from pipeline.serving.schema import VERSION_ID
from pipeline.shortage import describe_shortage

# Longer than the load of some ten million rows, during which SQLite has no room for a second writer.
SQLITE_PATIENCE_SECONDS = 120
# The two dialects' own `insert`, which knows `on conflict`.
INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
# What views call seconds_between(later, earlier), a double, and moment_now(), the clock when the statement runs.
TIME = {
    "postgresql": (r"cast(extract(epoch from \1 - \2) as double precision)", "clock_timestamp()"),
    "sqlite": (r"((julianday(\1) - julianday(\2)) * 86400.0)", "strftime('%Y-%m-%d %H:%M:%f', 'now')"),
}
NO_ANSWER = (exc.OperationalError, exc.InterfaceError, psycopg.OperationalError, sqlite3.OperationalError)


def connect(url: str) -> Engine:
    """An engine for a SQLite or PostgreSQL URL; nothing is opened yet. Raises `BadInput` for any other URL."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        parsed = None  # the text may hold a password: it is not repeated
    if parsed is not None and parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
        # A publish waits for the one before it and must then see what that one wrote.
        options: dict[str, Any] = {"isolation_level": "READ COMMITTED", "connect_args": {"connect_timeout": 10}}
        return create_engine(parsed, hide_parameters=True, **options)  # errors quote them, and they may name people
    if parsed is not None and parsed.drivername in {"sqlite", "sqlite+pysqlite"} and parsed.database not in {None, ""}:
        return _connect_sqlite(parsed)
    raise BadInput(
        "the serving database must be an SQLite file or PostgreSQL; "
        "write it like sqlite:///var/serving.db or postgresql://user:password@host/name."
    )


def _connect_sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": SQLITE_PATIENCE_SECONDS})

    @event.listens_for(engine, "connect")
    def _leave_transactions_to_us(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer that begins as a reader fails at once when another one wrote meanwhile; this one waits its turn.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("begin immediate" if writes else "begin")

    return engine


def name_database(url: URL) -> str:
    """The URL as people may see it: no password, and no query part, which may hold one."""
    return url.set(query={}).render_as_string(hide_password=True)


def is_missing(engine: Engine) -> bool:
    """Whether the database is a file that is not there: to open it would make it, empty."""
    return engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).exists()


def missing(engine: Engine) -> NotLanded:
    """What is said of it."""
    return NotLanded(
        f"nothing is published yet in {name_database(engine.url)}, there is no such file; run `treasure-hunt run HOUR`, or "
        "say where it is by TREASURE_HUNT_HOME or TREASURE_HUNT_SERVING_URL."
    )


@contextmanager
def answering(engine: Engine) -> Iterator[None]:
    """Turns a database that is not there, is damaged or has no schema yet, into one sentence: `Unreachable`, `NotLanded`."""
    try:
        yield
    except (*NO_ANSWER, exc.DatabaseError, sqlite3.DatabaseError, psycopg.errors.UndefinedTable) as error:
        cause = getattr(error, "orig", None) or error
        is_sqlite = engine.dialect.name == "sqlite"
        if is_missing(engine):
            raise missing(engine) from None
        if isinstance(cause, psycopg.errors.UndefinedTable) and VERSION_ID.search(str(cause)):
            raise Unreachable("a version's rows were taken away while somebody looked at them; try again.") from None
        if (is_sqlite and "no such table" in str(cause)) or isinstance(cause, psycopg.errors.UndefinedTable):
            raise NotLanded(
                f"nothing is published yet in {name_database(engine.url)}; run `treasure-hunt run HOUR`."
            ) from None
        if type(cause) is sqlite3.DatabaseError:  # and none of its children
            raise Unreachable(
                f"the serving database {name_database(engine.url)} is damaged, or is no SQLite file ({cause}); put a backup "
                "in its place, or move it away and run `treasure-hunt run HOUR`."
            ) from None
        if not isinstance(error, NO_ANSWER):
            raise
        where = Path(str(engine.url.database)) if is_sqlite else Path(name_database(engine.url))
        if shortage := describe_shortage(cause, "the serving database", where):
            raise shortage from None
        reason = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise Unreachable(f"the serving database {name_database(engine.url)} does not answer: {reason}.") from None


@contextmanager
def only_reading(engine: Engine) -> Iterator[None]:
    """`answering` for whoever only reads: a file that is not there is not made."""
    if is_missing(engine):
        raise missing(engine)
    with answering(engine):
        yield


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that only reads."""
    with only_reading(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine, lock: str | None = None) -> Iterator[Connection]:
    """A connection in a transaction that is committed when the block ends well.

    With a lock's name, nobody else is in a block of that name. SQLite has one writer at a time anyway.
    """
    with answering(engine), engine.connect().execution_options(writes=True) as connection, connection.begin():
        if lock and engine.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:lock, 0))"), {"lock": lock})
        yield connection
    reach("serving.committed")


def leave_cores(connection: Connection) -> None:
    """Until this transaction ends it works in one process of the server: the other cores answer readers."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "set local max_parallel_workers_per_gather = 0; set local max_parallel_maintenance_workers = 0"
        )


def lock_erasures(connection: Connection, shared: bool) -> None:
    """Until this transaction ends nobody erases (shared), or nobody publishes. SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        connection.execute(text(f"select {function}(hashtextextended('erasures', 0))"))


def view_sql(view: str, dialect: str) -> str:
    """The statement that creates a view; only time has other words on each of the databases."""
    statement = (ROOT / "sql" / "serving" / f"{view}.sql").read_text(encoding="utf-8")
    between, now = TIME[dialect]
    return re.sub(r"seconds_between\(([^,]+), ([^)]+)\)", between, statement).replace("moment_now()", now)


def create_schema(engine: Engine) -> None:
    """All tables and views are there, as this code defines them or newer; nothing is touched when they are already."""
    from pipeline.serving.migrate import migrate  # which stands on this module

    migrate(engine)


def prepare_file(engine: Engine) -> None:
    """The file's folder exists and the file keeps a write-ahead log, so that readers and the writer do not meet."""
    folder = Path(str(engine.url.database)).parent
    # SQLite does not wait for its turn when several turn a new file to a write-ahead log: all but one would fail.
    with alone_in(folder), answering(engine), closing(engine.raw_connection()) as connection:  # in no transaction
        cursor = connection.cursor()
        if cursor.execute("pragma journal_mode").fetchone() != ("wal",):
            cursor.execute("pragma journal_mode = wal")
