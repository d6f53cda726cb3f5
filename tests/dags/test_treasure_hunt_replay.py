"""The DAG that replays: what its form takes, what it calls, and what its log says."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dag_forms import takes
from handmade_shop import FIRST, event, item, ledger, open_shop

from pipeline.hours import HOUR
from pipeline.line import run_stage
from pipeline.mapping import NEVER, mappable

pytestmark = pytest.mark.timeout(180)
FORM = {"first": "2026-01-05T10", "rule": "event_type_unknown", "mapping": ["event_type:veiw=click"]}


@pytest.fixture
def dag(dag_bag: Any) -> Any:
    return dag_bag.dags["treasure_hunt_replay"]


def test_it_runs_when_asked_only_and_is_ready_at_once(dag: Any) -> None:
    assert dag.timetable.can_be_scheduled is False
    assert dag.is_paused_upon_creation is False
    assert [task.task_id for task in dag.tasks] == ["replay"]
    assert "treasure-hunt quarantine list" in dag.doc_md


def test_the_form_needs_an_hour_only(dag: Any) -> None:
    assert takes(dag, first="2026-01-05T10")


@pytest.mark.parametrize("hour", ["2026-01-05 10:00", "2026-01-05", "../../etc", "", None])
def test_the_form_takes_no_other_spelling_of_an_hour(dag: Any, hour: str | None) -> None:
    assert not takes(dag, first=hour)


@pytest.mark.parametrize("column", mappable("events"))
def test_words_of_every_column_that_can_be_mapped_are_taken(dag: Any, column: str) -> None:
    assert takes(dag, **FORM | {"mapping": [f"{column}:old=new"]})


@pytest.mark.parametrize("line", [*(f"{column}:old=new" for column in NEVER), "veiw=click", "event_type:veiw"])
def test_people_and_what_is_no_mapping_never_reach_a_run(dag: Any, line: str) -> None:
    assert not takes(dag, **FORM | {"mapping": ["event_type:veiw=click", line]})


def test_a_run_replays_and_its_log_says_what_went_where(
    dag: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = open_shop(tmp_path, [item("a")], [event("veiw", "u", "a"), event("clik", "u", "a")])
    run_stage("ingest_events", FIRST, settings)
    with caplog.at_level(logging.INFO):
        run = dag.test(run_conf=FORM)
    assert run.state == "success"
    done = run.get_task_instance("replay").xcom_pull(task_ids="replay")
    assert (done["into"], done["rows"], done["delivered"], done["untouched"]) == ("2026-01-05T11", 2, 1, 1)
    run_stage("ingest_events", FIRST + HOUR, settings)
    assert ledger(settings, 1)["accepted"] == 1


def test_what_cannot_be_replayed_fails(dag: Any, tmp_path: Path) -> None:
    open_shop(tmp_path, [item("a")], [])
    assert dag.test(run_conf=FORM).state == "failed"


def test_the_log_says_what_became_of_the_rows(
    task_module: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = open_shop(tmp_path, [item("a")], [event("veiw", "secret-user", "a")])
    run_stage("ingest_events", FIRST, settings)
    with caplog.at_level(logging.INFO, "treasure_hunt"):
        task_module.replay_refused({"last": None, "into": None, **FORM})
    assert "1  delivered into 2026-01-05T11, where they count once it has run" in caplog.text
    assert "secret-user" not in caplog.text


def test_reading_the_dag_imports_nothing_heavy(dag_folder: Path) -> None:
    script = """
import sys
import treasure_hunt_replay
heavy = {"great_expectations", "implicit", "pandas", "duckdb", "pyarrow", "scipy", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=dag_folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
