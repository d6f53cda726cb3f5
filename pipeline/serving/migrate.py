"""The schema of the serving database: tables follow Alembic's revisions, comments and views this code.

Revisions only ever add, so that older code and prepared readers go on. A fingerprint says that nothing is to be done.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
from sqlalchemy import Connection, Engine, bindparam, delete, exc, insert, inspect, select, text
from sqlalchemy.schema import CreateTable, SetColumnComment, SetTableComment

from pipeline.errors import BadInput, Unreachable
from pipeline.serving.database import answering, is_missing, name_database, prepare_file, view_sql, writing
from pipeline.serving.grants import REVISION_TABLE, apply_grants, create_functions, script_text
from pipeline.serving.schema import VIEWS, live, metadata, serving_schema

MIGRATIONS = Path(__file__).parent / "migrations"
FILTERING = (
    "live_query_recommendations",
    "query_recommendations_history",
)  # views that leave out what few people typed
# Who asks for a table that somebody holds stands in the way of every reader who comes later: this long, then again.
LOCK_MILLISECONDS = 50
PATIENCE_SECONDS = 120.0
# The views that are there, each once for everybody but its owner who may read it, and once for nobody.
READERS = """
    select relname as view, null as reader
    from pg_class
    where relnamespace = current_schema()::regnamespace and relname = any(:views)
    union all
    select relname, case when grantee = 0 then 'public' else grantee::regrole::text end
    from pg_class cross join aclexplode(relacl)
    where relnamespace = current_schema()::regnamespace and relname = any(:views)
        and privilege_type = 'SELECT' and grantee <> relowner
"""


class _Held(Exception):
    """Somebody's open transaction holds what is to be changed."""


@dataclass(frozen=True)
class SchemaState:
    """The revision of a database (None: it has none), the one that this code needs, and whether anything is to be done."""

    revision: str | None
    head: str
    is_current: bool


def migrate(engine: Engine, owner: str | None = None) -> SchemaState:
    """The schema is as this code defines it, or newer; returns how it was before. `owner` gets tables where none are yet.

    Readers wait no longer than LOCK_MILLISECONDS behind this while it waits for somebody. Raises `BadInput` when this role
    may not change the schema, `Unreachable` when somebody holds it for longer than PATIENCE_SECONDS.
    """
    if engine.dialect.name == "sqlite":
        prepare_file(engine)
    before = read_state(engine)
    if not before.is_current:
        # One transaction each: who holds a view and waits for another one would lock out whoever reads both.
        for step in steps(engine.dialect.name):
            change(engine, partial(_advance, step=step, owner=owner))
    return before


def steps(dialect: str) -> Iterator[Callable[[Connection], None]]:
    """What a migration does, in this order."""
    yield _upgrade_tables
    for view in VIEWS:
        yield partial(_create_view, view=view)
    if dialect == "postgresql":
        yield create_functions
        yield apply_grants
    yield _record_fingerprint


def _advance(connection: Connection, step: Callable[[Connection], None], owner: str | None) -> None:
    """The step is done by the owner's role, unless another process was quicker."""
    state = _read_state(connection)
    if not state.is_current:
        _require_owner(connection, state)
        if connection.dialect.name == "postgresql":
            there = connection.scalar(
                text("select pg_get_userbyid(relowner) from pg_class where oid = to_regclass('live')")
            )
            # What somebody else makes who may act for the owner is the owner's too.
            connection.execute(
                text("select set_config('role', coalesce(:owner, current_user), true)"), {"owner": there or owner}
            )
        step(connection)


def change(engine: Engine, step: Callable[[Connection], None]) -> None:
    """The step is done, in a transaction of its own that waits for locks only for moments, again and again."""
    pause, until = 0.1, time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with writing(engine, lock="serving schema") as connection, _impatient(connection):
                step(connection)
            return
        except _Held:
            if time.monotonic() > until:
                raise Unreachable(
                    f"the serving database {name_database(engine.url)} cannot be changed: for {PATIENCE_SECONDS:.0f} s "
                    "open transactions held its tables; end them and run `treasure-hunt migrate`."
                ) from None
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


def read_state(engine: Engine) -> SchemaState:
    """How the database stands; nothing is changed, nor made. Raises `Unreachable`."""
    if is_missing(engine):
        return SchemaState(None, _known_revisions()[-1], False)
    with answering(engine), engine.connect() as connection, connection.begin():
        return _read_state(connection)


def _read_state(connection: Connection) -> SchemaState:
    known = _known_revisions()
    revision = None
    if inspect(connection).has_table(REVISION_TABLE):
        revision = connection.scalar(text(f"select version_num from {REVISION_TABLE}"))  # noqa: S608
    if revision is not None and revision not in known:
        return SchemaState(revision, known[-1], True)  # of a newer release, which took nothing away
    is_current = revision == known[-1] and connection.scalar(select(serving_schema.c.fingerprint)) == _fingerprint(
        connection
    )
    return SchemaState(revision, known[-1], is_current)


def _known_revisions() -> list[str]:
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _fingerprint(connection: Connection) -> str:
    parts = [view_sql(view, connection.dialect.name) for view in VIEWS]
    if connection.dialect.name == "postgresql":
        parts += [script_text(name) for name in ("functions", "grants")] + [str(FILTERING)]
    for table in metadata.sorted_tables:
        comments = [f"{column.name}: {column.comment}" for column in table.columns]
        parts += [str(CreateTable(table).compile(connection)), str(table.comment), *comments]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@contextmanager
def _impatient(connection: Connection) -> Iterator[None]:
    """Raises `_Held` where a lock is not to be had soon."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"set local lock_timeout = {LOCK_MILLISECONDS}")
    try:
        yield
    except (exc.OperationalError, psycopg.OperationalError) as error:
        cause = getattr(error, "orig", None) or error
        if isinstance(cause, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
            raise _Held from None
        raise


def _upgrade_tables(connection: Connection) -> None:
    """The tables are at the newest revision, and their comments as the code has them."""
    if connection.dialect.name == "postgresql" and inspect(connection).has_table(live.name):
        # Every reader comes by this table first: none holds another one while it waits here.
        connection.exec_driver_sql(f"lock table {live.name} in access exclusive mode")
    run_revisions(connection)
    _check_columns(connection)
    if connection.dialect.supports_comments:
        for table in metadata.sorted_tables:
            connection.execute(SetTableComment(table))
            for column in table.columns:
                connection.execute(SetColumnComment(column))


def _record_fingerprint(connection: Connection) -> None:
    connection.execute(delete(serving_schema))
    row = {"fingerprint": _fingerprint(connection), "applied_at": datetime.now(UTC)}
    connection.execute(insert(serving_schema).values(row))


def run_revisions(connection: Connection, until: str = "head") -> None:
    """The tables are at the revision `until`, within the connection's transaction.

    The first revision takes over the tables of a database that was made before there were revisions.
    """
    from alembic import command  # here: it takes a second to import, and there is seldom anything to migrate
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, until)


def _require_owner(connection: Connection, state: SchemaState) -> None:
    """Raises `BadInput` when this role owns the tables that are there not, or may not make new ones."""
    if connection.dialect.name == "sqlite":
        return
    statement = text(
        "select has_schema_privilege(current_schema(), 'create') and not exists ("
        "    select from pg_class where relnamespace = current_schema()::regnamespace"
        "    and relname in :names and not pg_has_role(relowner, 'usage')"
        ")"
    ).bindparams(bindparam("names", expanding=True))
    if not connection.scalar(statement, {"names": list(metadata.tables)}):
        role, name = connection.scalar(text("select current_user")), name_database(connection.engine.url)
        raise BadInput(
            f"the schema of the serving database {name} (revision {state.revision or 'none'}) is not the one of this "
            f"release (revision {state.head}), and {role} may not change it; run `treasure-hunt migrate` as its owner."
        )


def _check_columns(connection: Connection) -> None:
    """Raises `BadInput` when a table lacks a column: it was made by code older than the first revision."""
    there = inspect(connection)
    for table in metadata.sorted_tables:
        known = {column["name"] for column in there.get_columns(table.name)}
        missing = [column.name for column in table.columns if column.name not in known]
        if missing:
            raise BadInput(
                f"the serving database {name_database(connection.engine.url)} was made by another release: table "
                f"{table.name} has no column {', '.join(missing)}; add it, or publish to a new database."
            )


def _create_view(connection: Connection, view: str) -> None:
    """The view is as its file says; on PostgreSQL in place where its columns were only appended to."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"drop view if exists {view}")
        connection.exec_driver_sql(_view_statement(view, "sqlite"))
        return
    create = re.sub("^create view", "create or replace view", _view_statement(view, "postgresql"), flags=re.M)
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(create)
    except exc.ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InvalidTableDefinition):
            raise
        _replace_view(connection, view)


def _replace_view(connection: Connection, view: str) -> None:
    """Another view stands under this name, and on it again those that stood on the old one, all readable by whom they were.

    In one transaction: whoever reads one of them waits for it, and finds the new one.
    """
    readers = connection.execute(text(READERS), {"views": list(VIEWS)}).all()
    connection.exec_driver_sql(f"drop view {view} cascade")
    there = set(inspect(connection).get_view_names())
    gone = [name for name in VIEWS if name in {row.view for row in readers} - there]
    for name in gone:
        connection.exec_driver_sql(_view_statement(name, "postgresql"))
    for name, reader in readers:
        if name in gone and reader:
            connection.exec_driver_sql(f"grant select on {name} to {reader}")


def _view_statement(view: str, dialect: str) -> str:
    create = view_sql(view, dialect)
    if dialect == "postgresql" and view in FILTERING:
        # Else the server may ask a condition of the reader's own, which can tell what it saw, of rows that are left out.
        create = re.sub(f"^create view {view} as", f"create view {view} with (security_barrier) as", create, flags=re.M)
    return create


def describe_state(engine: Engine, state: SchemaState) -> str:
    """A sentence about how the database stands."""
    where = f"serving database {name_database(engine.url)}: revision {state.revision or 'none'}"
    if not state.is_current:
        return f"{where}, needed is {state.head} with the views of this release"
    return f"{where}, nothing to do" + ("" if state.revision == state.head else " (made by a newer release)")
