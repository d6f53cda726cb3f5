"""Who may do what on a real PostgreSQL: each role what it is for, and nothing else."""

import contextlib
import re
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from serving_world import HOUR, count_rows, describe, live_id, moves, small_version, write_tables
from sqlalchemy import Engine, exc, inspect, text

from pipeline.errors import BadInput
from pipeline.files import ROOT
from pipeline.privacy.serving import erase_rows, vacuum
from pipeline.privacy.versions import forget_versions
from pipeline.serving import migrate as migration
from pipeline.serving import publish as publishing
from pipeline.serving.database import connect, create_schema, reading, view_sql, writing
from pipeline.serving.grants import KINDS
from pipeline.serving.load import load_table, remove_rows
from pipeline.serving.migrate import migrate
from pipeline.serving.pointer import take_token
from pipeline.serving.publish import publish_version
from pipeline.serving.roles import create_roles
from pipeline.serving.rollback import rollback
from pipeline.serving.schema import PUBLISHED, VIEWS, metadata
from pipeline.settings import load_settings

RARE = "a very personal wish"
V = describe(0).version
NEW = "2026-01-01T15-0123456789ab"
EVERYBODY, READ_REPORTS = set(KINDS), {"owner", "publisher", "analyst"}
WRITERS, OWNER, NOBODY = {"owner", "publisher"}, {"owner"}, set[str]()
NOW = "'2026-01-01 13:00:00+00'"
# Every statement and who may run it; whoever else tries is refused by the server.
ALLOWED: dict[str, set[str]] = {
    **{f"select * from {view}": EVERYBODY for view in VIEWS if view.startswith("live_") or view == "freshness"},
    "select * from item_history": READ_REPORTS,
    "select * from served_periods": READ_REPORTS,
    "select * from user_recommendations_history": READ_REPORTS,
    "select * from query_recommendations_history": READ_REPORTS,
    "select * from version_freshness": READ_REPORTS,
    "select * from freshness_by_hour": READ_REPORTS,
    "select * from items": EVERYBODY,
    "select * from user_recommendations": EVERYBODY,
    "select * from similar_items": EVERYBODY,
    "select * from popular_items": EVERYBODY,
    "select * from query_recommendations": {"owner", "publisher", "api"},
    "select count(query) from query_recommendations": {"owner", "publisher", "api"},
    f'select * from "query_recommendations_{V}"': WRITERS,
    f'select * from "user_recommendations_{V}"': WRITERS,
    "select * from versions": EVERYBODY,
    "select * from live": EVERYBODY,
    **{
        f"select * from {table}": READ_REPORTS
        for table in (
            "live_history",
            "attempts",
            "run_stages",
            "ingest_ledger",
            "quarantine_summary",
            "quality_results",
            "event_freshness",
            "prequential",
        )
    },
    "select * from erasures": WRITERS,
    "select * from serving_schema": WRITERS,
    "select * from serving_revision": WRITERS,
    "update live set pinned_why = 'x'": WRITERS,
    "delete from live": OWNER,
    f"insert into attempts (taken_at, purpose) values ({NOW}, 'x')": WRITERS,
    "delete from attempts": OWNER,
    "update live_history set note = 'x'": OWNER,
    "delete from live_history": OWNER,
    "update versions set notes = 'x'": WRITERS,
    "delete from versions": OWNER,
    "update user_recommendations set reason = 'x'": WRITERS,
    f'delete from "user_recommendations_{V}"': WRITERS,
    "delete from items": WRITERS,
    "delete from ingest_ledger": WRITERS,
    "update erasures set places = 'x'": WRITERS,
    "delete from erasures": OWNER,
    "update serving_schema set fingerprint = 'x'": OWNER,
    "update serving_revision set version_num = 'x'": OWNER,
    "truncate live": OWNER,
    f'truncate "items_{V}"': OWNER,
    f"select create_part('items', '{NEW}')": WRITERS,
    f"select drop_part('items', '{NEW}')": WRITERS,
    f"select attach_part('items', '{NEW}')": NOBODY,  # there is no such part: see below for one that is there
    "create table loot (a int)": OWNER,
    "create temporary table loot (a int)": NOBODY,
    "create view loot as select 1 as a": OWNER,
    "create function loot() returns int language sql as 'select 1'": OWNER,
    "create schema loot": NOBODY,
    "create role loot": NOBODY,
    "drop table serving_schema": OWNER,
    f'drop table "items_{V}"': OWNER,
    "drop view freshness": OWNER,
    "alter table live add column loot int": OWNER,
    "drop function drop_part(text, text)": OWNER,
    "select pg_read_file('PG_VERSION')": NOBODY,
    "copy live to program 'cat'": NOBODY,
    "select rolpassword from pg_authid": NOBODY,
}
REFUSED = (psycopg.errors.InsufficientPrivilege,)


@dataclass
class Server:
    """A database with its roles: an engine for each kind, and one for whoever made them."""

    admin: Engine
    engines: dict[str, Engine]
    names: dict[str, str]

    def url(self, kind: str) -> str:
        return self.engines[kind].url.render_as_string(hide_password=False)


@contextlib.contextmanager
def a_server(url: str, folder: Path, is_used: bool = False) -> Iterator[Server]:
    """Roles of this test's own in the database at `url`, with one version published by the publisher."""
    admin, prefix = connect(url), f"th_{uuid.uuid4().hex[:8]}"
    files = write_tables(folder, with_rare_query())
    if is_used:  # by one role that does everything, before there were others
        publish_version(admin, describe(0), files)
    names = create_roles(admin, prefix)
    engines = {kind: connect(url.replace("postgres:", f"{name}:")) for kind, name in names.items()}
    try:
        if not is_used:
            publish_version(engines["publisher"], describe(0), files)
        yield Server(admin, engines, names)
    finally:
        for engine in engines.values():
            engine.dispose()
        with writing(admin) as connection:
            for name in names.values():
                connection.execute(text(f"drop owned by {name} cascade"))
                connection.execute(text(f"drop role {name}"))
        admin.dispose()


def with_rare_query() -> dict[str, Any]:
    """The small version, with a query that few typed beside the one that is common."""
    tables = small_version()
    rare = {"query": RARE, "rank": 1, "item_id": "a", "score": 1.0, "reason": '["clicked"]', "is_common": False}
    for name, value in rare.items():
        tables["query_recommendations"][name].append(value)
    return tables


@pytest.fixture
def server(postgres_url: str, tmp_path: Path) -> Iterator[Server]:
    with a_server(postgres_url, tmp_path / "draft") as made:
        yield made


def outcome(connection: Any, statement: str) -> str:
    """Whether the server ran it; what it changed is undone."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set transaction read write")  # the reading roles may say so: it is no protection
            connection.execute(statement)
    except REFUSED:
        return "refused"
    except psycopg.Error as error:
        return f"{type(error).__name__}"
    return "allowed"


def test_every_role_may_do_what_it_is_for_and_nothing_else(server: Server) -> None:
    wrong = []
    for kind in KINDS:
        with psycopg.connect(server.url(kind).replace("+psycopg", ""), autocommit=True) as connection:
            for statement, allowed in ALLOWED.items():
                found = outcome(connection, statement)
                missing = kind in WRITERS and statement.startswith("select attach_part")
                expected = "UndefinedTable" if missing else "allowed" if kind in allowed else "refused"
                wrong += [(kind, statement, found)] if found != expected else []
    assert wrong == []
    named = " ".join(ALLOWED)
    assert all(f"from {name}" in named for name in (*metadata.tables, *VIEWS))


def test_analysts_may_ask_every_query_that_is_worked_out_for_them(server: Server) -> None:
    page = (ROOT / "docs" / "analysts.md").read_text(encoding="utf-8")
    queries = re.findall(r"```sql\n(.*?)```", page, flags=re.DOTALL)
    assert queries
    with server.engines["analyst"].connect() as connection:
        for statement in queries:
            connection.execute(text(statement)).all()
        assert connection.scalar(text("show timezone")) == "UTC"


def test_roles_for_a_database_that_one_role_has_used_so_far(postgres_url: str, tmp_path: Path) -> None:
    with a_server(postgres_url, tmp_path / "draft", is_used=True) as server:
        with writing(server.admin) as connection:
            owners = set(
                connection.scalars(
                    text("select pg_get_userbyid(relowner) from pg_class where relnamespace = 'public'::regnamespace")
                )
            )
        assert owners == {server.names["owner"]}
        assert erase_rows(server.engines["publisher"], "u1", set(), set(), lambda _tables: None) == {
            f"user_recommendations_{V}": 2
        }
        assert create_roles(server.admin, server.names["owner"].removesuffix("_owner")) == server.names  # again
        assert publish_version(
            server.engines["publisher"], describe(1), write_tables(tmp_path / "b", with_rare_query())
        )


def test_the_publisher_publishes_rolls_back_erases_and_forgets(server: Server, tmp_path: Path) -> None:
    publisher, files = server.engines["publisher"], write_tables(tmp_path / "later", with_rare_query())
    assert publish_version(publisher, describe(1), files) == "live"
    assert publish_version(publisher, describe(1), files) == "unchanged"
    assert rollback(publisher, "shop", "batch") == V
    assert moves(publisher) == [(V, "publish"), (describe(1).version, "publish"), (V, "rollback")]
    assert take_token(publisher, "test") < take_token(publisher, "test")

    parts = {f"user_recommendations_{one.version}" for one in (describe(0), describe(1))}
    before = file_of(server.admin, parts)
    touched: set[str] = set()
    rows = erase_rows(publisher, "u1", set(), {RARE}, touched.update)
    assert sum(rows.values()) == 4 + 2 and parts <= touched
    vacuum(publisher, touched)
    assert not set(before.values()) & set(file_of(server.admin, parts).values())  # they were written anew

    settings = load_settings(home=tmp_path / "home")
    emptied = {f"query_recommendations_{V}"}
    before = file_of(server.admin, emptied)
    assert forget_versions(publisher, settings, HOUR) == 1
    assert count_rows(publisher, "query_recommendations", V) == 0
    assert before != file_of(server.admin, emptied)


def file_of(engine: Engine, tables: set[str]) -> dict[str, int]:
    statement = text("select relname, pg_relation_filenode(oid) from pg_class where relname = any(:names)")
    with reading(engine) as connection:
        return {row[0]: row[1] for row in connection.execute(statement, {"names": sorted(tables)})}


def test_a_refused_version_can_be_looked_at_and_tried_again_by_the_publisher(server: Server, tmp_path: Path) -> None:
    broken = with_rare_query()
    broken["user_recommendations"]["rank"] = [1, 3, 1]
    with pytest.raises(Exception, match="do not have the ranks 1 to n"):
        publish_version(server.engines["publisher"], describe(1), write_tables(tmp_path / "broken", broken))
    assert count_rows(server.engines["publisher"], "user_recommendations", describe(1).version) == 3
    good = write_tables(tmp_path / "good", with_rare_query())
    assert publish_version(server.engines["publisher"], describe(1), good) == "live"


@pytest.mark.parametrize(
    ("table", "version"),
    [
        ("live", NEW),
        ("pg_class", NEW),
        ("items; drop table live", NEW),
        ("items", "x"),
        ("items", "2026-01-01T15-0123456789ab; drop table live"),
        ("items", "2026-01-01T15-0123456789AB"),
        ("items", None),
        (None, NEW),
    ],
)
def test_the_owners_functions_take_published_tables_and_versions_only(
    table: str | None, version: str | None, server: Server
) -> None:
    with server.engines["publisher"].connect() as connection:
        for function in ("create_part", "index_part", "attach_part", "drop_part"):
            with pytest.raises(Exception, match=r"not a (published table|version)"), connection.begin():
                connection.execute(
                    text(f"select {function}(:table, :version)"), {"table": table, "version": version}
                ).all()


def test_the_rows_of_the_live_version_cannot_be_dropped(server: Server) -> None:
    with pytest.raises(Exception, match="this version is live"), writing(server.engines["publisher"]) as connection:
        remove_rows(connection, PUBLISHED[0], V)
    assert count_rows(server.engines["publisher"], "items", V) == 4


def test_rows_are_removed_at_once_or_later_but_never_before_a_reader(server: Server, tmp_path: Path) -> None:
    publisher = server.engines["publisher"]
    publish_version(publisher, describe(1), write_tables(tmp_path / "later", with_rare_query()))
    with server.engines["analyst"].connect() as analyst:
        analyst.execute(text("select * from items")).all()  # and then goes for a coffee
        begun = time.perf_counter()
        with writing(publisher) as connection:
            assert not remove_rows(connection, PUBLISHED[0], V)
        assert time.perf_counter() - begun < 0.5  # 50 ms on a quiet machine
        assert count_rows(publisher, "items", V) == 4
    with writing(publisher) as connection:
        assert all(remove_rows(connection, table, V) for table in PUBLISHED)
        assert all(remove_rows(connection, table, V) for table in PUBLISHED)  # there is nothing left to remove
    assert not [name for name in inspect(publisher).get_table_names() if name.endswith(V)]
    assert live_id(publisher) == describe(1).version


def test_readers_hardly_wait_while_rows_are_removed(server: Server, tmp_path: Path) -> None:
    publisher, files = server.engines["publisher"], write_tables(tmp_path / "later", with_rare_query())
    for later in range(1, 6):
        publish_version(publisher, describe(later), files)
    took, done = [], threading.Event()

    def read() -> None:
        while not done.is_set():
            begun = time.perf_counter()
            with server.engines["api"].connect() as connection:
                assert connection.execute(text("select * from live_user_recommendations")).all()
            took.append(time.perf_counter() - begun)

    reader = threading.Thread(target=read)
    with server.engines["analyst"].connect() as analyst, server.engines["api"].connect() as connection:
        connection.execute(text("select * from live_user_recommendations")).all()  # a new connection's first is slow
        analyst.execute(text("select * from user_recommendations")).all()
        reader.start()
        try:
            for later in range(5):
                for table in PUBLISHED:
                    with writing(publisher) as connection:
                        remove_rows(connection, table, describe(later).version)
        finally:
            done.set()
            reader.join()
    # Nobody waits for the analyst, only the 50 ms that each attempt may; one write to a slow disk is nobody's fault.
    assert len(took) > 10 and sorted(took)[-2] < 0.5


def test_a_version_that_was_half_removed_is_published_again_without_readers_waiting_for_the_load(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, files = server.engines["publisher"], write_tables(tmp_path / "later", with_rare_query())
    publish_version(publisher, describe(1), files)
    with writing(publisher) as connection:
        connection.execute(text(f"update versions set status = 'removed' where version = '{V}'"))
    waited = []

    def load_slowly(*arguments: Any) -> int:
        begun = time.perf_counter()
        for table in PUBLISHED:
            count_of(server.engines["api"], table.name)
        waited.append(time.perf_counter() - begun)
        return load_table(*arguments)

    monkeypatch.setattr(publishing, "load_table", load_slowly)
    with writing(server.admin) as connection:
        connection.execute(text(f"alter role {server.names['api']} set statement_timeout = '5s'"))
    assert publish_version(publisher, describe(0), files) == "history"
    assert len(waited) == len(PUBLISHED) and count_rows(publisher, "items", V) == 4


def count_of(engine: Engine, table: str) -> int:
    with reading(engine) as connection:
        return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())


def test_analysts_see_no_rare_query_even_in_an_error(server: Server) -> None:
    with server.engines["analyst"].connect() as connection:
        for view in ("live_query_recommendations", "query_recommendations_history"):
            assert connection.scalars(text(f"select query from {view}")).all() == ["gears of war"]
            with pytest.raises(Exception, match="invalid input syntax") as caught:
                connection.execute(text(f"select 1 from {view} where cast(query as integer) > 0")).all()
            assert RARE not in str(caught.value)
            connection.rollback()
    with reading(server.admin) as connection:
        barriers = text(
            "select relname from pg_class where 'security_barrier=true' = any(reloptions)"
            " and relnamespace = 'public'::regnamespace"
        )
        assert set(connection.scalars(barriers)) == {"live_query_recommendations", "query_recommendations_history"}


@pytest.mark.parametrize(("kind", "limit"), [("api", "2s"), ("analyst", "1min")])
def test_a_runaway_query_of_a_reader_is_ended(kind: str, limit: str, server: Server) -> None:
    runaway = text("select count(*) from generate_series(1, 100000) as a cross join generate_series(1, 1000000) as b")
    with server.engines[kind].connect() as connection:
        assert connection.scalar(text("show statement_timeout")) == limit
        assert connection.scalar(text("show idle_in_transaction_session_timeout")) in {"5s", "5min"}
        assert connection.scalar(text("show default_transaction_read_only")) == "on"
    server.engines[kind].dispose()
    with writing(server.admin) as connection:  # not to wait here for a minute
        connection.execute(text(f"alter role {server.names[kind]} set statement_timeout = '200ms'"))
    begun = time.perf_counter()
    with server.engines[kind].connect() as connection, pytest.raises(Exception, match="statement timeout"):
        connection.execute(runaway).all()
    assert time.perf_counter() - begun < 10


def test_the_owner_migrates_and_a_new_release_grants_anew(server: Server) -> None:
    with writing(server.admin) as connection:
        connection.execute(text("update serving_schema set fingerprint = 'older'"))
        connection.execute(text(f"revoke select on items from {server.names['analyst']}"))
        connection.execute(text(f"grant select on erasures to {server.names['analyst']}"))
    with pytest.raises(BadInput, match="run `treasure-hunt migrate` as its owner"):
        create_schema(server.engines["publisher"])
    create_schema(server.engines["owner"])
    create_schema(server.engines["publisher"])
    with server.engines["analyst"].connect() as connection:
        assert connection.execute(text("select * from items")).all()
        with pytest.raises(Exception, match="permission denied for table erasures"):
            connection.execute(text("select * from erasures"))


def test_what_an_administrator_migrates_belongs_to_the_owner(server: Server) -> None:
    with writing(server.admin) as connection:
        connection.execute(text("update serving_schema set fingerprint = 'older'"))
        connection.execute(text("drop view freshness"))
    create_schema(server.admin)
    with reading(server.admin) as connection:
        owner = "select pg_get_userbyid(relowner) from pg_class where relname = 'freshness'"
        assert connection.scalar(text(owner)) == server.names["owner"]


def test_roles_are_for_postgresql_and_plain_names(tmp_path: Path, postgres_url: str) -> None:
    sqlite, postgresql = connect(f"sqlite:///{tmp_path / 'serving.db'}"), connect(postgres_url)
    with pytest.raises(BadInput, match="SQLite has no roles"):
        create_roles(sqlite)
    for prefix in ('shop"; drop table live; --', "Shop", "", "x" * 60):
        with pytest.raises(BadInput, match="cannot begin names of roles"):
            create_roles(postgresql, prefix)
    postgresql.dispose()


def test_somebody_who_may_not_create_roles_is_told(server: Server) -> None:
    with pytest.raises(BadInput, match="_owner may not create roles; run `treasure-hunt roles` as a superuser"):
        create_roles(server.engines["owner"], "other")


def test_readers_notice_nothing_when_a_view_that_others_stand_on_changes_its_shape(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reshaped(view: str, dialect: str) -> str:
        statement = view_sql(view, dialect)
        wider = "select\n    1 as place,\n    moves.source,\n"
        return statement.replace("select\n    moves.source,\n", wider) if view == "served_periods" else statement

    read, wrong, done = [], [], threading.Event()
    statements = [
        "select count(*) from version_freshness",
        "select count(*) from user_recommendations_history",
        "select count(*) from served_periods",
    ]

    def watch() -> None:
        with server.engines["analyst"].connect() as connection:
            while not done.is_set():
                for statement in statements:
                    try:
                        read.append(connection.scalar(text(statement)))
                        connection.commit()
                    except exc.SQLAlchemyError as error:
                        wrong.append(error)
                        connection.rollback()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(migration, "view_sql", reshaped)
            migrate(server.admin)
            assert "place" in [column["name"] for column in inspect(server.admin).get_columns("served_periods")]
        migrate(server.admin)
    finally:
        done.set()
        watcher.join()
    assert "place" not in [column["name"] for column in inspect(server.admin).get_columns("served_periods")]
    assert wrong == [] and len(read) > 10 and min(read) > 0
