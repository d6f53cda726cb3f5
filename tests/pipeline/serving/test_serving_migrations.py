"""Revisions only add, leave rows and prepared readers alone, and lead to the schema that the code describes."""

import ast
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from serving_world import describe, everything, live_id
from sqlalchemy import Engine, inspect, text
from typer.testing import CliRunner

from pipeline import cli
from pipeline.errors import BadInput, TreasureHuntError, Unreachable
from pipeline.serving import migrate as migration
from pipeline.serving.database import connect, create_schema, reading, view_sql, writing
from pipeline.serving.migrate import REVISION_TABLE, migrate, read_state, run_revisions
from pipeline.serving.publish import Outcome
from pipeline.serving.schema import VIEWS, metadata

ADDING = {"add_column", "create_table"}
# A later revision than any: what the next release may bring.
NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9999", "{head}"


def upgrade():
    op.add_column("items", sa.Column("colour", sa.Text(), nullable=True))
    op.add_column("live", sa.Column("colour", sa.Text(), server_default="red"))
"""


def not_additive(revision: str) -> list[str]:
    """What a revision does that older code or prepared readers may not survive, or that old rows cannot have."""
    found = []
    for call in ast.walk(ast.parse(revision)):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        if not (isinstance(call.func.value, ast.Name) and call.func.value.id == "op"):
            continue
        options = {word.arg: word.value for column in call.args[1:2] for word in getattr(column, "keywords", [])}
        may_be_empty = isinstance(options.get("nullable"), ast.Constant) and options["nullable"].value is True
        if call.func.attr not in ADDING or (
            call.func.attr == "add_column" and not may_be_empty and "server_default" not in options
        ):
            found.append(ast.unparse(call))
    return found


def test_no_revision_does_anything_but_add() -> None:
    revisions = sorted((migration.MIGRATIONS / "versions").glob("*.py"))
    assert len(revisions) >= 2
    for path in revisions:
        assert not_additive(path.read_text(encoding="utf-8")) == [], path.name


@pytest.mark.parametrize(
    "step",
    [
        'op.drop_column("items", "brand")',
        'op.alter_column("items", "price", type_=sa.Integer())',
        'op.drop_table("items")',
        'op.execute("drop view freshness")',
        'op.add_column("items", sa.Column("colour", sa.Text(), nullable=False))',
        'op.add_column("items", sa.Column("colour", sa.Text()))',
        'op.rename_table("items", "things")',
    ],
)
def test_a_revision_that_takes_away_or_retypes_is_refused(step: str) -> None:
    assert not_additive(f"def upgrade():\n    {step}\n") == [ast.unparse(ast.parse(step, mode="eval"))]


def test_the_head_is_the_schema_that_the_code_describes(engine: Engine) -> None:
    with reading(engine) as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": REVISION_TABLE, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
        for table in metadata.sorted_tables:  # which Alembic does not compare
            found = inspect(connection)
            assert found.get_pk_constraint(table.name)["constrained_columns"] == table.primary_key.columns.keys()
            checks = {check.name for check in table.constraints if isinstance(check.name, str)}
            assert {check["name"] for check in found.get_check_constraints(table.name)} == checks
        options = "select sql from sqlite_master where name = :name"
        for table in metadata.sorted_tables if engine.dialect.name == "sqlite" else []:
            made = connection.scalar(text(options), {"name": table.name}).lower()
            assert ("without rowid" in made) == (not table.dialect_options["sqlite"]["with_rowid"])
            assert ("autoincrement" in made) == bool(table.dialect_options["sqlite"]["autoincrement"])


@contextmanager
def next_release(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The code of a later release: two columns more, one of them shown by a view."""
    head = migration._known_revisions()[-1]
    shutil.copytree(migration.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_next.py").write_text(NEXT.format(head=head))

    def later_view(view: str, dialect: str) -> str:
        statement = view_sql(view, dialect)
        more = "    items.updated_at,\n    items.colour\n"
        return statement.replace("    items.updated_at\n", more) if view == "live_items" else statement

    with monkeypatch.context() as patch:
        patch.setattr(migration, "MIGRATIONS", folder)
        patch.setattr(migration, "view_sql", later_view)
        yield


def prepared_reads(url: str) -> Callable[[], list[Any]]:
    """A reader whose statements are prepared once: a function that reads every live view and the pointer."""
    statements = [
        "select item_id, title, updated_at from live_items",
        "select user_id, rank, item_id, version from live_user_recommendations",
        "select version, age_seconds >= 0 from freshness",
        "select version, token from live",
    ]
    engine = connect(url)
    connection = engine.connect()
    cursor = connection.connection.cursor()

    def read() -> list[Any]:
        found = []
        for statement in statements:
            options = {"prepare": True} if engine.dialect.name == "postgresql" else {}
            found += cursor.execute(statement, **options).fetchall()
        connection.connection.rollback() if engine.dialect.name == "postgresql" else None
        return found

    return read


def read_while(readers: list[Callable[[], list[Any]]], work: Callable[[], None]) -> tuple[set[str], list[float], float]:
    """Runs the readers without pause during `work`; returns what they saw, how long reads took, and the work."""
    done, seen, took = threading.Event(), set(), []

    def go_on(read: Callable[[], list[Any]]) -> None:
        while not done.is_set():
            begun = time.perf_counter()
            try:
                seen.add(repr(sorted(read())))
            except Exception as error:
                seen.add(f"error: {error}")
            took.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=go_on, args=(read,)) for read in readers]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    begun = time.perf_counter()
    try:
        work()
    finally:
        seconds = time.perf_counter() - begun
        time.sleep(0.2)
        done.set()
        for thread in threads:
            thread.join()
    return seen, took, seconds


def test_prepared_readers_go_on_while_a_migration_adds_columns(
    engine: Engine,
    serving_url: str,
    publish: Callable[..., Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish()
    readers = [prepared_reads(serving_url) for _ in range(3)]
    expected = {repr(sorted(read())) for read in readers for _ in range(3)}
    with next_release(tmp_path / "next", monkeypatch):
        seen, took, _ = read_while(readers, lambda: create_schema(engine))
        assert read_state(engine).revision == "9999"
    assert seen == expected and len(expected) == 1
    assert len(took) > 20
    with reading(engine) as connection:
        assert connection.execute(text("select distinct colour from live_items")).all() == [(None,)]
        assert connection.scalar(text("select colour from live")) == "red"
    # The release before does not know that revision: it goes on with what is there and leaves it alone.
    before = everything(engine)
    assert publish(1) == "live"
    assert read_state(engine).is_current and everything(engine)["serving_schema"] == before["serving_schema"]


def test_readers_wait_only_a_moment_while_a_migration_waits_for_an_analyst(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, analyst = connect(postgres_url), connect(postgres_url)
    create_schema(engine)
    readers = [prepared_reads(postgres_url)]
    with analyst.connect() as connection:
        connection.execute(text("select * from live_items"))
        threading.Timer(1.0, connection.rollback).start()  # the analyst looks at it for a while
        with next_release(tmp_path / "next", monkeypatch):
            _, took, seconds = read_while(readers, lambda: create_schema(engine))
            assert read_state(engine).revision == "9999"
    assert seconds > 0.8  # it had to wait
    assert max(took) < 0.5, max(
        took
    )  # 0.05 s and what a busy machine adds; without the limit it is the analyst's second
    for one in (engine, analyst):
        one.dispose()


def test_a_migration_that_waits_for_the_pointer_holds_no_other_table(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a reader that holds the pointer and wants the other table, and the migration, wait for each other."""
    engine, reader, onlooker = (connect(postgres_url) for _ in range(3))
    create_schema(engine)
    monkeypatch.setattr(migration, "PATIENCE_SECONDS", 0.5)
    held = text("select relation::regclass::text, granted from pg_locks where mode = 'AccessExclusiveLock'")
    seen: set[tuple[str, bool]] = set()
    done = threading.Event()

    def look_on() -> None:
        with onlooker.connect() as connection:
            while not done.is_set():
                seen.update((row[0], row[1]) for row in connection.execute(held) if row[0] in {"live", "items"})

    thread = threading.Thread(target=look_on)
    thread.start()
    try:
        with next_release(tmp_path / "next", monkeypatch), reader.connect() as connection:
            connection.execute(text("select version from live"))
            with pytest.raises(Unreachable):
                create_schema(engine)
    finally:
        done.set()
        thread.join()
        for one in (engine, reader, onlooker):
            one.dispose()
    assert seen == {("live", False)}  # asked for again and again, and nothing else was touched meanwhile


def test_a_migration_that_cannot_get_its_locks_says_so(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, analyst = connect(postgres_url), connect(postgres_url)
    create_schema(engine)
    monkeypatch.setattr(migration, "PATIENCE_SECONDS", 0.3)
    with next_release(tmp_path / "next", monkeypatch), analyst.connect() as connection:
        connection.execute(text("select * from live_items"))
        with pytest.raises(Unreachable, match=r"open transactions held its tables; end them and run"):
            create_schema(engine)
        assert read_state(engine).revision != "9999"
    for one in (engine, analyst):
        one.dispose()


def test_a_database_from_before_there_were_revisions_is_taken_over_with_its_rows(
    serving_url: str, publish: Callable[..., Outcome], engine: Engine, tmp_path: Path
) -> None:
    publish()
    rows = {name: found for name, found in everything(engine).items() if name in {"items", "user_recommendations"}}
    with writing(engine) as connection:  # back to how the first release left a database
        for view in reversed(VIEWS):
            connection.execute(text(f"drop view {view}"))
        for table, columns in LATER.items():
            for column in columns:
                connection.execute(text(f"alter table {table} drop column {column}"))
        for table in ("event_freshness", "prequential"):
            connection.execute(text(f"drop table {table}"))
        connection.execute(text(f"drop table {REVISION_TABLE}"))
        connection.execute(text("update serving_schema set fingerprint = 'of the first release'"))
    assert not read_state(engine).is_current
    assert migrate(engine).revision is None
    assert read_state(engine).is_current
    assert {name: everything(engine)[name] for name in rows} == rows
    assert live_id(engine) == describe().version
    assert publish(1) == "live"


LATER = {
    "live": ["pinned_at", "pinned_why"],
    "live_history": ["note"],
    "versions": ["removed_at"],
    "attempts": ["version", "outcome", "ended_at"],
}


def test_tables_older_than_the_first_revision_are_refused_and_left_alone(engine: Engine) -> None:
    with writing(engine) as connection:
        for view in reversed(VIEWS):
            connection.execute(text(f"drop view {view}"))
        connection.execute(text(f"drop table {REVISION_TABLE}"))
        for table in ("event_freshness", "prequential"):
            connection.execute(text(f"drop table {table}"))
        for table, columns in LATER.items():
            for column in columns:
                connection.execute(text(f"alter table {table} drop column {column}"))
        connection.execute(text("alter table query_recommendations drop column is_common"))
    with pytest.raises(BadInput, match=r"table query_recommendations has no column is_common; add it"):
        migrate(engine)
    assert "pinned_at" not in [column["name"] for column in inspect(engine).get_columns("live")]


def test_the_first_revision_alone_is_what_older_code_wrote_into(serving_url: str) -> None:
    engine = connect(serving_url)
    with writing(engine) as connection:
        run_revisions(connection, "0001")
        assert "pinned_at" not in [column["name"] for column in inspect(connection).get_columns("live")]
    assert migrate(engine).revision == "0001"
    assert "pinned_at" in [column["name"] for column in inspect(engine).get_columns("live")]
    engine.dispose()


def test_a_view_that_loses_a_column_is_made_anew(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def shorter(view: str, dialect: str) -> str:
        statement = view_sql(view, dialect)
        return statement.replace("    items.brand,\n", "") if view == "live_items" else statement

    monkeypatch.setattr(migration, "view_sql", shorter)
    create_schema(engine)
    assert "brand" not in [column["name"] for column in inspect(engine).get_columns("live_items")]


def test_a_role_that_owns_nothing_is_told_to_ask_the_owner(postgres_url: str) -> None:
    owner = connect(postgres_url)
    create_schema(owner)
    name = f"guest_{owner.url.database}"
    with writing(owner) as connection:
        connection.execute(text(f"create role {name} login"))
        connection.execute(text(f"grant select on all tables in schema public to {name}"))
    guest = connect(postgres_url.replace("postgres:", f"{name}:").replace("postgres@", f"{name}@"))
    try:
        create_schema(guest)  # nothing to do
        with writing(owner) as connection:
            connection.execute(text("update serving_schema set fingerprint = 'older'"))
        with pytest.raises(BadInput, match=rf"{name} may not change it; run `treasure-hunt migrate` as its owner"):
            create_schema(guest)
    finally:
        guest.dispose()
        with writing(owner) as connection:
            connection.execute(text(f"drop owned by {name}"))
            connection.execute(text(f"drop role {name}"))
        owner.dispose()


def test_the_command_says_what_is_to_do_and_does_it(
    serving_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREASURE_HUNT_HOME", str(tmp_path))
    monkeypatch.setenv("TREASURE_HUNT_SERVING_URL", serving_url)
    asked = CliRunner().invoke(cli.app, ["migrate", "--check"])
    assert isinstance(asked.exception, TreasureHuntError)
    assert "revision none, needed is" in str(asked.exception)
    if serving_url.startswith("sqlite"):
        assert not Path(serving_url.removeprefix("sqlite:///")).exists()  # asking made nothing
    for arguments in (["migrate"], ["migrate", "--check"]):
        done = CliRunner().invoke(cli.app, arguments)
        assert done.exit_code == 0 and "nothing to do" in done.output
