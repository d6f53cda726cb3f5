"""The schema is created once, whoever comes first, and a database that is not there is one sentence."""

import multiprocessing
from pathlib import Path

import pytest
from serving_world import create_at_barrier
from sqlalchemy import Engine, inspect, select, text

from pipeline.errors import BadInput, NotLanded, Unreachable
from pipeline.serving.contract import Asked
from pipeline.serving.database import connect, create_schema, name_database, reading
from pipeline.serving.lists import ListReader
from pipeline.serving.read import freshness
from pipeline.serving.schema import LISTS, PUBLISHED, VIEWS, metadata, serving_schema


def test_both_databases_have_the_same_names_and_columns(engine: Engine) -> None:
    found = inspect(engine)
    for table in metadata.tables.values():
        assert [column["name"] for column in found.get_columns(table.name)] == table.columns.keys()
    lists = {"live_items": "items", **{f"live_{table.name}": table.name for table in LISTS}}
    for view in VIEWS:
        columns = [column["name"] for column in found.get_columns(view)]
        if view in lists:
            of_table = metadata.tables[lists[view]].columns.keys()
            assert ["source", "arm", *of_table] in (columns, [*columns, "is_common"])  # which filters, and is not shown
    assert set(found.get_view_names()) == set(VIEWS)


def test_postgresql_carries_every_comment(postgres_url: str) -> None:
    engine = connect(postgres_url)
    create_schema(engine)
    found = inspect(engine)
    for table in metadata.tables.values():
        assert found.get_table_comment(table.name)["text"] == table.comment
        comments = {column["name"]: column["comment"] for column in found.get_columns(table.name)}
        assert comments == {column.name: column.comment for column in table.columns}
        assert all(comments.values())
    engine.dispose()


def test_creating_the_schema_again_touches_nothing(engine: Engine) -> None:
    with reading(engine) as connection:
        before = connection.execute(select(serving_schema)).all()
    create_schema(engine)
    with reading(engine) as connection:
        assert connection.execute(select(serving_schema)).all() == before


def test_changed_view_is_replaced(engine: Engine) -> None:
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.exec_driver_sql("drop view freshness")
        connection.exec_driver_sql("create view freshness as select 1 as old")
        connection.exec_driver_sql("update serving_schema set fingerprint = 'older'")
    create_schema(engine)
    assert "age_seconds" in [column["name"] for column in inspect(engine).get_columns("freshness")]


@pytest.mark.timeout(60)
def test_four_processes_create_the_schema_at_once(serving_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(4)
    processes = [spawn.Process(target=create_at_barrier, args=(serving_url, barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    engine = connect(serving_url)
    assert set(inspect(engine).get_view_names()) == set(VIEWS)
    engine.dispose()


def test_sqlite_keeps_a_write_ahead_log_in_a_folder_it_makes(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'new' / 'folder' / 'serving.db'}")
    create_schema(engine)
    with reading(engine) as connection:
        assert connection.scalar(text("pragma journal_mode")) == "wal"
    engine.dispose()


def test_database_that_does_not_answer_is_one_sentence_without_the_password() -> None:
    engine = connect("postgresql://me:canary@127.0.0.1:1/shop?application_name=canary")
    with pytest.raises(
        Unreachable, match=r"postgresql\+psycopg://me:\*\*\*@127.0.0.1:1/shop does not answer"
    ) as caught:
        create_schema(engine)
    assert "canary" not in str(caught.value)


def test_sqlite_file_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        create_schema(connect(f"sqlite:///{tmp_path}"))


def test_database_without_a_schema_says_that_nothing_is_published(serving_url: str) -> None:
    engine = connect(serving_url)
    with pytest.raises(NotLanded, match="nothing is published yet"), reading(engine) as connection:
        connection.execute(text("select version from live"))
    engine.dispose()


def test_rows_that_were_taken_away_meanwhile_are_no_sign_that_nothing_is_published(postgres_url: str) -> None:
    engine = connect(postgres_url)
    create_schema(engine)
    gone = text('select rank from "user_recommendations_2026-12-01T16-96c28655f987"')
    with pytest.raises(Unreachable, match="taken away while somebody looked at them"), reading(engine) as connection:
        connection.execute(gone)
    engine.dispose()


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://me:canary@host/shop", "sqlite://", "postgresql+nothing://x/y"]
)
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(BadInput, match="must be an SQLite file or PostgreSQL") as caught:
        connect(url)
    assert "canary" not in str(caught.value)


def test_a_name_for_people_holds_no_password() -> None:
    engine = connect("postgresql://me:canary@host/shop?password=canary")
    assert name_database(engine.url) == "postgresql+psycopg://me:***@host/shop"


def test_every_published_table_is_partitioned_by_version_on_postgresql(postgres_url: str) -> None:
    engine = connect(postgres_url)
    create_schema(engine)
    with reading(engine) as connection:
        kinds = connection.execute(text("select relname from pg_class where relkind = 'p'")).scalars().all()
    assert set(kinds) == {table.name for table in PUBLISHED}
    engine.dispose()


def test_reading_makes_no_file(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'mistyped.db'}")
    sentence = r"mistyped\.db, there is no such file; run `treasure-hunt run HOUR`, or say where"
    with pytest.raises(NotLanded, match=sentence), reading(engine):
        pass
    with pytest.raises(NotLanded, match="there is no such file"):
        ListReader(engine, "shop", "batch", 90).read(Asked())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\0" + b"x" * 8000])
def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.db").write_bytes(content)
    engine = connect(f"sqlite:///{tmp_path / 'bad.db'}")
    for read in (lambda: ListReader(engine, "shop", "batch", 90).read(Asked()), lambda: freshness(engine)):
        with pytest.raises(Unreachable, match=r"bad\.db is damaged, or is no SQLite file \(.*\); put a backup"):
            read()
    engine.dispose()
