"""What one task does: its hour, its settings, what it says in its log."""

import logging
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pipeline import line
from pipeline.errors import BadInput, DataError
from pipeline.files import ROOT
from pipeline.hours import HOUR, floor_hour, parse_hour
from pipeline.run import StageResult

CONTEXT = {"logical_date": datetime(2025, 3, 1, 10, tzinfo=UTC), "params": {"repull": False}}


@pytest.mark.parametrize(
    "logical_date",
    [
        datetime(2025, 3, 1, 10, tzinfo=UTC),
        datetime(2025, 3, 1, 10, 59, 59, 999_999, tzinfo=UTC),
        datetime(2025, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_hour_is_the_logical_date_floored_never_the_data_interval(task_module: Any, logical_date: datetime) -> None:
    before = datetime(2025, 3, 1, 9, tzinfo=UTC)
    context = {"logical_date": logical_date, "data_interval_start": before}
    assert task_module.find_hour(context) == parse_hour("2025-03-01T10")


def test_the_hour_is_a_plain_moment_though_airflow_counts_in_its_own_kind(task_module: Any) -> None:
    """A difference of Airflow's dates cannot be divided by a timedelta."""
    import pendulum

    hour = task_module.find_hour({"logical_date": pendulum.datetime(2025, 3, 1, 10, 20)})
    assert type(hour) is datetime
    assert (hour - parse_hour("2025-03-01T08")) / HOUR == 2


def test_a_run_without_a_date_is_told_what_to_do(task_module: Any) -> None:
    with pytest.raises(BadInput, match="from the hour to the same hour"):
        task_module.find_hour({"logical_date": None})
    with pytest.raises(BadInput, match="no logical date"):
        task_module.find_hour({})


def test_an_hour_that_is_not_over_is_refused(task_module: Any) -> None:
    now = datetime.now(UTC)
    with pytest.raises(BadInput, match="is not over"):
        task_module.find_hour({"logical_date": now})
    assert task_module.find_hour({"logical_date": now - HOUR}) == floor_hour(now - HOUR)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        (
            {"conn_type": "postgres", "host": "db", "login": "ana", "password": "p@/:ss", "schema": "shop"},
            "postgresql+psycopg://ana:p%40%2F%3Ass@db/shop",
        ),
        (
            {"conn_type": "postgresql", "host": "db", "port": 5433, "schema": "s", "extra": '{"sslmode": "require"}'},
            "postgresql+psycopg://db:5433/s?sslmode=require",
        ),
        ({"conn_type": "mysql", "host": "db", "schema": "shop"}, "mysql://db/shop"),
        ({"conn_type": "sqlite", "host": "/data/shop.db"}, "sqlite:////data/shop.db"),
        ({"conn_type": "sqlite", "extra": '{"path": "/data/shop.db"}'}, "sqlite:////data/shop.db"),
        ({"conn_type": "fs", "extra": '{"path": "/data/logs"}'}, "/data/logs"),
    ],
)
def test_a_connection_is_written_as_sqlalchemy_reads_it(task_module: Any, fields: dict[str, Any], url: str) -> None:
    from airflow.sdk import Connection

    assert task_module.format_url(Connection(conn_id="treasure_hunt_serving", **fields)) == url


@pytest.mark.parametrize(
    ("uri", "url"), [("sqlite:////data/shop.db", "sqlite:////data/shop.db"), ("fs:////data/logs", "/data/logs")]
)
def test_a_file_connection_may_be_a_uri(task_module: Any, uri: str, url: str) -> None:
    """The command line takes no other: it turns a type that no provider brings into another one."""
    from airflow.sdk import Connection

    assert task_module.format_url(Connection.from_uri(uri, conn_id="treasure_hunt_source")) == url


def test_a_file_connection_without_a_path_is_named(task_module: Any) -> None:
    from airflow.sdk import Connection

    with pytest.raises(BadInput, match="treasure_hunt_source names no file"):
        task_module.format_url(Connection(conn_id="treasure_hunt_source", conn_type="sqlite"))


def test_log_says_rows_in_rows_out_files_notes_and_seconds(
    task_module: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    result = StageResult("prepare", "2025-03-01T10", 10, 9, 1.234, {"interactions": "lake/i.parquet"}, ("1 row late",))
    monkeypatch.setattr(line, "run_stage", lambda *arguments: result)
    monkeypatch.setattr(task_module, "load_task_settings", lambda: None)
    with caplog.at_level(logging.INFO, "treasure_hunt"):
        assert task_module.run_stage("prepare", CONTEXT) is result
    assert caplog.messages == [
        "prepare 2025-03-01T10: 10 rows in, 9 rows out",
        "1.23 seconds",
        "interactions: lake/i.parquet",
        "note: 1 row late",
    ]


def test_a_known_error_is_one_sentence_in_the_log(
    task_module: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*arguments: Any) -> StageResult:
        raise DataError("events: 20 rows of 30 are malformed.")

    monkeypatch.setattr(line, "run_stage", refuse)
    monkeypatch.setattr(task_module, "load_task_settings", lambda: None)
    with pytest.raises(DataError):
        task_module.run_stage("prepare", CONTEXT)
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", "events: 20 rows of 30 are malformed.")
    ]


def test_the_documented_dag_that_listens_runs_once_for_each_hour_of_an_asset(
    airflow_database: None, task_module: Any, tmp_path: Path
) -> None:
    from airflow.dag_processing.dagbag import DagBag

    page = (ROOT / "docs" / "airflow.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"<!-- dag: listener -->\n```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "listener.py").write_text(example, encoding="utf-8")
    bag = DagBag(str(tmp_path))
    assert bag.import_errors == {}
    timetable = bag.dags["after_every_published_hour"].timetable
    assert type(timetable).__name__ == "PartitionedAssetTimetable"
    assert "treasure_hunt_publish" in str(timetable.asset_condition)
