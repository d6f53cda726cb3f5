"""The DAG: what it schedules, and what one of its runs calls."""

import runpy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import alerts, line
from pipeline.demo.airflow_client import WRITER_POOL
from pipeline.errors import AuditFailed, BadInput, DataError, Unreachable
from pipeline.hours import parse_hour
from pipeline.run import StageResult

pytestmark = pytest.mark.timeout(180)


def test_folder_holds_these_dags_and_no_import_error(dag_bag: Any) -> None:
    assert dag_bag.import_errors == {}
    assert {"treasure_hunt_hourly", "treasure_hunt_replay", "treasure_hunt_erase", "treasure_hunt_rollback"} <= set(
        dag_bag.dags
    )


def test_tasks_and_edges_are_the_stages_and_review_stands_behind_recommend(dag: Any) -> None:
    assert {task.task_id: set(task.upstream_task_ids) for task in dag.tasks} == {
        stage: {*upstreams, "recommend"} if stage == "review" else set(upstreams)
        for stage, upstreams in line.STAGES.items()
    }


def test_every_hour_since_the_start_runs_oldest_first(dag: Any) -> None:
    from airflow.sdk import CronDataIntervalTimetable

    assert isinstance(dag.timetable, CronDataIntervalTimetable)
    assert dag.timetable.expression == "0 * * * *"
    assert dag.start_date == parse_hour("2025-01-01T00")
    assert dag.catchup
    assert dag.max_active_runs == 1


def test_the_button_that_opens_the_backfill_form_is_not_locked(dag: Any) -> None:
    assert {str(kind.value) for kind in dag.allowed_run_types} == {"scheduled", "backfill", "manual"}


def test_stages_that_write_derived_tables_share_one_slot(dag: Any) -> None:
    assert {task.task_id: task.pool for task in dag.tasks} == {
        stage: WRITER_POOL if upstreams else "default_pool" for stage, upstreams in line.STAGES.items()
    }


def test_every_task_has_an_asset_a_limit_and_a_readable_name(dag: Any) -> None:
    for task in dag.tasks:
        assert [asset.name for asset in task.outlets] == [f"treasure_hunt_{task.task_id}"]
        assert task.execution_timeout == timedelta(minutes=30)
        assert task.task_display_name == task.task_id.replace("_", " ")
    assert dag.dagrun_timeout == timedelta(minutes=50)


@pytest.mark.parametrize(("late", "longest"), [("120", 120), ("10", 50)])
def test_a_run_may_last_until_it_is_late(
    late: str, longest: int, dag_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREASURE_HUNT_LATE_MINUTES", late)
    module = runpy.run_path(str(dag_folder / "treasure_hunt_hourly.py"))
    assert module["treasure_hunt_hourly"]().dagrun_timeout == timedelta(minutes=longest)


def test_documentation_of_a_task_is_the_head_of_its_stage(dag: Any) -> None:
    module = Path(line.__file__).parent / "stages" / "prepare.py"
    assert dag.get_task("prepare").doc_md
    assert dag.get_task("prepare").doc_md.splitlines()[0] in module.read_text()


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (DataError("refused"), "fail"),
        (AuditFailed("refused"), "fail"),
        (BadInput("wrong"), "fail"),
        (Unreachable("silent"), "retry"),
        (ConnectionError("silent"), "retry"),
        (ValueError("a defect"), "default"),
    ],
)
def test_only_what_may_pass_later_is_tried_again(dag: Any, error: Exception, action: str) -> None:
    for task in dag.tasks:
        assert task.retries == 3
        assert task.retry_policy.evaluate(error, 1, 3).action.value == action


def test_arms_that_meet_faults_wait_as_the_dag_does(dag: Any) -> None:
    from pipeline.comparison.disturbed import WAITS

    for task in dag.tasks:
        waits = [task.retry_delay * task.retry_exponential_backoff**step for step in range(task.retries)]
        assert tuple(waits) == WAITS


def test_reading_the_dag_imports_nothing_heavy(dag_folder: Path) -> None:
    script = """
import sys, time
from airflow.sdk import Asset, Connection, CronDataIntervalTimetable, ExceptionRetryPolicy, Param
from airflow.sdk import XComArg, dag, task, exceptions
begun = time.process_time()
import treasure_hunt_hourly
assert time.process_time() - begun < 0.5, time.process_time() - begun
heavy = {"great_expectations", "implicit", "pandas", "duckdb", "pyarrow", "scipy", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=dag_folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_calls_every_stage_once_in_order_for_the_floored_hour(
    dag: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = []

    def run_stage(stage: str, hour: datetime, settings: Any, repull: bool = False, accept: str = "") -> StageResult:
        calls.append((stage, hour, settings.home, repull))
        return StageResult(stage, "2025-03-01T10", 3, 2, 0.1, {stage: f"{stage}.parquet"})

    monkeypatch.setattr(line, "run_stage", run_stage)
    run = dag.test(logical_date=datetime(2025, 3, 1, 10, 20, tzinfo=UTC))
    assert run.state == "success"
    called = [call[0] for call in calls]
    assert sorted(called) == sorted(line.STAGES) and called[-1] == line.ALWAYS
    assert all(called.index(upstream) < called.index(stage) for stage in called for upstream in line.STAGES[stage])
    assert {call[0] for call in calls[:2]} == {"ingest_events", "ingest_catalog"}
    assert {call[1:] for call in calls} == {(parse_hour("2025-03-01T10"), tmp_path, False)}
    weights = {one.task_id: one.priority_weight for one in run.get_task_instances()}
    assert min(weights, key=weights.__getitem__) == "review", "of the one slot all others go before it"
    published = run.get_task_instance("publish").xcom_pull(task_ids="publish")
    assert published == {"rows_in": 3, "rows_out": 2, "files": {"publish": "publish.parquet"}}


def test_a_superseded_attempt_is_skipped_and_the_run_is_reported_and_not_red(
    dag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def run_stage(stage: str, hour: datetime, settings: Any, repull: bool = False, accept: str = "") -> StageResult:
        calls.append(stage)
        lost = {"notes": ("version x is superseded",), "is_superseded": True} if stage == "publish" else {}
        return StageResult(stage, "2025-03-01T10", 3, 2, 0.1, **lost)  # type: ignore[arg-type]

    monkeypatch.setattr(line, "run_stage", run_stage)
    run = dag.test(logical_date=datetime(2025, 3, 1, 10, tzinfo=UTC))
    states = {one.task_id: str(one.state) for one in run.get_task_instances()}
    assert states == {stage: "skipped" if stage == "publish" else "success" for stage in line.STAGES}
    assert run.state == "success"
    assert calls[-1] == "report"


def test_the_form_can_ask_to_pull_again(dag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run_stage(stage: str, hour: datetime, settings: Any, repull: bool = False, accept: str = "") -> StageResult:
        asked.append(repull)
        return StageResult(stage, "2025-03-01T11", 0, 0, 0.0)

    monkeypatch.setattr(line, "run_stage", run_stage)
    run = dag.test(logical_date=datetime(2025, 3, 1, 11, tzinfo=UTC), run_conf={"repull": True})
    assert run.state == "success"
    assert asked == [True] * len(line.STAGES)


def test_the_form_can_accept_a_refused_model_and_says_why(dag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run_stage(stage: str, hour: datetime, settings: Any, repull: bool = False, accept: str = "") -> StageResult:
        asked.append(accept)
        return StageResult(stage, "2025-03-01T15", 0, 0, 0.0)

    monkeypatch.setattr(line, "run_stage", run_stage)
    run = dag.test(logical_date=datetime(2025, 3, 1, 15, tzinfo=UTC), run_conf={"accept": "a new catalog"})
    assert run.state == "success"
    assert asked == ["a new catalog"] * len(line.STAGES)


def test_refused_data_fails_at_once_and_nothing_downstream_moves(dag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def run_stage(stage: str, hour: datetime, settings: Any, repull: bool = False, accept: str = "") -> StageResult:
        calls.append(stage)
        if stage == "prepare":
            raise DataError("events: 20 rows of 30 are malformed.")
        return StageResult(stage, "2025-03-01T12", 0, 0, 0.0)

    monkeypatch.setattr(line, "run_stage", run_stage)
    run = dag.test(logical_date=datetime(2025, 3, 1, 12, tzinfo=UTC))
    assert run.state == "failed"
    assert sorted(calls) == ["ingest_catalog", "ingest_events", "prepare", "report"]
    assert run.get_task_instance("publish").state == "upstream_failed"
    # A blocked hour is reported, and the report does not turn the run green.
    assert run.get_task_instance("report").state == "success"


@pytest.mark.parametrize("failing", ["train", "recommend", "publish"])
def test_an_hour_without_lists_of_its_own_reviews_those_before_and_fails(
    failing: str, dag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def run_stage(stage: str, hour: datetime, settings: Any, repull: bool = False, accept: str = "") -> StageResult:
        calls.append(stage)
        if stage == failing:
            raise DataError("the model is refused.")
        return StageResult(stage, "2025-03-01T16", 0, 0, 0.0)

    monkeypatch.setattr(line, "run_stage", run_stage)
    run = dag.test(logical_date=datetime(2025, 3, 1, 16, tzinfo=UTC))
    assert run.state == "failed"
    assert run.get_task_instance("review").state == run.get_task_instance("report").state == "success"
    assert "review" in calls and calls[-1] == "report"


def test_a_report_that_fails_does_not_turn_a_good_run_red(dag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_stage(stage: str, hour: datetime, settings: Any, repull: bool = False, accept: str = "") -> StageResult:
        if stage == "report":
            raise DataError("the ledger does not balance.")
        return StageResult(stage, "2025-03-01T14", 0, 0, 0.0)

    monkeypatch.setattr(line, "run_stage", run_stage)
    run = dag.test(logical_date=datetime(2025, 3, 1, 14, tzinfo=UTC))
    assert run.get_task_instance("report").state == "failed"
    assert run.state == "success"


def test_the_report_waits_until_nothing_else_runs(dag: Any) -> None:
    """Both ingest stages run at once: when one fails, what stands behind it is skipped while the other still works."""
    waits = dag.get_task("report").upstream_task_ids
    beginnings = {task.task_id for task in dag.tasks if not task.upstream_task_ids}
    assert waits >= beginnings | {"publish"}
    assert dag.get_task("report").is_teardown


def test_urls_come_from_connections_unless_the_environment_says_otherwise(
    dag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def run_stage(stage: str, hour: datetime, settings: Any, repull: bool = False, accept: str = "") -> StageResult:
        seen.append((settings.serving_url, settings.source_url))
        return StageResult(stage, "2025-03-01T13", 0, 0, 0.0)

    monkeypatch.setattr(line, "run_stage", run_stage)
    monkeypatch.setenv("AIRFLOW_CONN_TREASURE_HUNT_SERVING", "postgresql://ana:p%40ss@db.example:5433/shop")
    monkeypatch.setenv("AIRFLOW_CONN_TREASURE_HUNT_SOURCE", "postgresql://never@used/at_all")
    monkeypatch.setenv("TREASURE_HUNT_SOURCE_URL", "sqlite:////data/shop.db")
    run = dag.test(logical_date=datetime(2025, 3, 1, 13, tzinfo=UTC))
    assert run.state == "success"
    assert set(seen) == {("postgresql+psycopg://ana:p%40ss@db.example:5433/shop", "sqlite:////data/shop.db")}


def test_a_stage_that_fails_for_good_raises_an_alarm_and_one_that_is_tried_again_does_not(
    dag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run as Airflow runs it: what comes out of the alarm, and how often a stage was tried."""
    told, tries = [], {"ingest_events": 0, "prepare": 0}
    monkeypatch.setattr(alerts, "tell", told.append)

    def run_stage(stage: str, hour: datetime, settings: Any, repull: bool = False, accept: str = "") -> StageResult:
        if stage in tries:
            tries[stage] += 1
        if stage == "ingest_events" and tries[stage] == 1:
            raise Unreachable("the source does not answer.")
        if stage == "prepare":
            raise DataError("events: 20 rows of 30 are malformed.")
        return StageResult(stage, "2025-03-01T15", 0, 0, 0.0)

    monkeypatch.setattr(line, "run_stage", run_stage)
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    run = dag.test(logical_date=datetime(2025, 3, 1, 15, tzinfo=UTC))
    assert run.state == "failed"
    assert tries == {"ingest_events": 2, "prepare": 1}
    assert [(alarm.kind, alarm.dag, alarm.hour, alarm.stage) for alarm in told] == [
        ("failed", "treasure_hunt_hourly", "2025-03-01T15", "prepare")
    ]
    assert told[0].sentence.endswith("failed in prepare: events: 20 rows of 30 are malformed.")


def test_an_hour_is_late_by_the_time_since_it_was_queued(dag_bag: Any) -> None:
    from airflow.sdk import DeadlineReference

    (deadline,) = dag_bag.dags["treasure_hunt_hourly"].deadline
    assert deadline.reference == DeadlineReference.DAGRUN_QUEUED_AT
    assert deadline.interval == timedelta(minutes=50)
    assert deadline.callback.path == "pipeline.alerts.tell_lateness"
    assert deadline.callback.kwargs == {"minutes": 50.0}
