"""The DAG that chooses the live version: what its form takes, what it does, and what its log says."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dag_forms import takes
from serving_world import describe, live_id, small_version, write_tables
from sqlalchemy import Engine, select

from pipeline.serving.database import connect, reading
from pipeline.serving.publish import publish_version
from pipeline.serving.schema import live, live_history
from pipeline.settings import load_settings

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def dag(dag_bag: Any) -> Any:
    return dag_bag.dags["treasure_hunt_rollback"]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Three published hours in the serving database of this test's home."""
    engine = connect(load_settings().serving)
    files = write_tables(tmp_path / "draft", small_version())
    for hour in range(3):
        publish_version(engine, describe(hour), files)
    return engine


def test_it_runs_when_asked_only_and_is_ready_at_once(dag: Any) -> None:
    assert dag.timetable.can_be_scheduled is False
    assert dag.is_paused_upon_creation is False
    assert [task.task_id for task in dag.tasks] == ["rollback"]
    assert "treasure-hunt diff" in dag.doc_md


@pytest.mark.parametrize(
    ("form", "is_taken"),
    [
        ({}, True),
        ({"action": "rollback and pin", "version": "2026-01-01T13-3fa9c1d2e4b7", "why": "bad prices"}, True),
        ({"action": "unpin and advance"}, True),
        ({"action": "drop table"}, False),
        ({"version": "latest"}, False),
        ({"version": "2026-01-01T13-3fa9c1d2e4b7; drop table live"}, False),
        ({"why": "x" * 501}, False),
    ],
)
def test_the_form_takes_what_can_be_done(dag: Any, form: dict[str, Any], is_taken: bool) -> None:
    assert takes(dag, **form) == is_taken


def test_a_run_goes_back_and_pins_and_another_lets_go(
    dag: Any, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        run = dag.test(run_conf={"action": "rollback and pin", "why": "bad prices"})
    assert run.state == "success"
    assert run.get_task_instance("rollback").xcom_pull(task_ids="rollback") == describe(1).version
    with reading(engine) as connection:
        row = connection.execute(select(live)).one()
        moved = connection.execute(select(live_history).order_by(live_history.c.id.desc())).first()
    assert (row.version, row.pinned_why, row.pinned_at is not None) == (describe(1).version, "bad prices", True)
    assert moved is not None
    assert (moved.cause, moved.note) == ("rollback", "bad prices")


@pytest.mark.parametrize(
    ("action", "version", "live_hour", "said"),
    [
        ("rollback", None, 1, "nothing is pinned, so the next hour goes live as ever"),
        ("rollback", describe(0).version, 0, "nothing is pinned"),
        ("rollback and pin", describe(0).version, 0, "is pinned since"),
        ("pin", None, 2, "is pinned since"),
    ],
)
def test_every_action_does_what_it_says_and_the_log_says_what_is_live(
    task_module: Any,
    engine: Engine,
    caplog: pytest.LogCaptureFixture,
    action: str,
    version: str | None,
    live_hour: int,
    said: str,
) -> None:
    with caplog.at_level(logging.INFO, "treasure_hunt"):
        task_module.choose_version({"action": action, "version": version, "why": None})
    assert live_id(engine) == describe(live_hour).version
    assert f"{describe(live_hour).version} is live; " in caplog.text
    assert said in caplog.text


@pytest.mark.parametrize(("action", "live_hour"), [("unpin", 1), ("unpin and advance", 2)])
def test_unpinning_stays_or_advances(task_module: Any, engine: Engine, action: str, live_hour: int) -> None:
    task_module.choose_version({"action": "rollback and pin", "version": None, "why": None})
    done = task_module.choose_version({"action": action, "version": None, "why": None})
    assert done == live_id(engine) == describe(live_hour).version


@pytest.mark.parametrize(
    ("action", "version", "sentence"),
    [
        ("pin", describe(0).version, "a version is only chosen for a rollback, not for pin; leave it empty."),
        ("unpin", None, "is not pinned; there is nothing to unpin"),
        ("rollback", "2020-01-01T00-0123456789ab", "Kept are: "),
    ],
)
def test_what_cannot_be_done_fails_with_one_sentence(
    task_module: Any, engine: Engine, caplog: pytest.LogCaptureFixture, action: str, version: str | None, sentence: str
) -> None:
    from pipeline.errors import BadInput

    with pytest.raises(BadInput), caplog.at_level(logging.ERROR, "treasure_hunt"):
        task_module.choose_version({"action": action, "version": version, "why": None})
    assert sentence in caplog.text
    assert live_id(engine) == describe(2).version


def test_reading_the_dag_imports_nothing_heavy(dag_folder: Path) -> None:
    script = """
import sys
import treasure_hunt_rollback
heavy = {"great_expectations", "implicit", "pandas", "duckdb", "pyarrow", "scipy", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=dag_folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
