"""One DuckDB after another: what the next user of one finds of the last one's."""

import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pipeline import duck
from pipeline.duck import connect, load_files, view_files
from pipeline.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    duck._close_idle()
    return load_settings(home=tmp_path / "home", threads=2)


def names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    said = "select table_name as name from duckdb_tables() union all select view_name from duckdb_views() where not internal"
    return sorted(name for (name,) in connection.execute(said).fetchall())


def spill(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create temp table large as select range, md5(range::varchar) from range(1_500_000)")


def setting(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    return str(connection.execute(f"select current_setting('{name}')").fetchone()[0])  # type: ignore[index]


def test_the_next_user_finds_nothing_of_the_last_one(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "it's.parquet"
    pa.parquet.write_table(pa.table({"event_id": ["a"]}), path)
    with connect(settings, tmp_path) as connection:
        connection.register("given", pa.table({"a": [1]}))
        view_files(connection, "seen", [path])
        load_files(connection, "loaded", [path], {"event_id": "varchar"})
        connection.execute("create temp table made as select 1 as a; create macro told() as 1")
        assert names(connection) == ["given", "loaded", "made", "seen"]
    (waiting,) = duck._idle
    with connect(settings, tmp_path) as connection:
        assert not duck._idle
        assert names(connection) == []
        with pytest.raises(duckdb.CatalogException):
            connection.execute("select told()")
        assert connection.execute("select clean(' a ')").fetchone() == ("a",)
    assert duck._idle == [waiting]


def test_the_next_user_has_limits_of_its_own(settings: Settings, tmp_path: Path) -> None:
    with connect(settings, tmp_path / "one", "100MiB") as connection:
        connection.execute("set threads = 1")  # what is done with too little memory
    more = settings.model_copy(update={"memory_limit": "200MiB"})
    with connect(more, tmp_path / "other") as connection:
        assert setting(connection, "memory_limit") == "200.0 MiB"
        assert setting(connection, "temp_directory") == str(tmp_path / "other" / "spill")
        assert setting(connection, "threads") == "2"
        assert setting(connection, "TimeZone") == "UTC"


def test_a_folder_that_was_spilled_into_is_nobody_elses(settings: Settings, tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        with connect(settings, tmp_path / name, "60MiB") as connection:
            spill(connection)
            assert list((tmp_path / name / "spill").iterdir())


def test_after_an_error_the_next_user_has_another(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(duckdb.CatalogException), connect(settings, tmp_path) as connection:
        connection.execute("from nothing")
    assert not duck._idle


def test_two_at_once_have_one_each_and_one_of_them_waits(settings: Settings, tmp_path: Path) -> None:
    with connect(settings, tmp_path) as one:
        one.execute("create temp table mine as select 1")
        with connect(settings, tmp_path / "other", "100MiB") as other:
            assert names(other) == []
            assert setting(one, "memory_limit") != setting(other, "memory_limit")
    assert len(duck._idle) == 1


def test_a_child_has_its_own(settings: Settings, tmp_path: Path) -> None:
    with connect(settings, tmp_path):
        pass
    assert duck._idle
    child = os.fork()
    if not child:
        with connect(settings, tmp_path) as connection:
            (total,) = connection.execute("select sum(range) from range(3_000_000)").fetchone()  # type: ignore[misc]
        os._exit(0 if total == 4499998500000 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert not duck._idle
