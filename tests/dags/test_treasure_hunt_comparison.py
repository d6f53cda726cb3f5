"""The DAG that compares arms: what its form takes, what its tasks do, and that hours never wait for it."""

import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from arms_world import event, make_log
from dag_forms import takes

from pipeline.cli import app
from pipeline.comparison import plan
from pipeline.comparison.log import read_log
from pipeline.comparison.places import page_of
from pipeline.errors import BadInput

pytestmark = pytest.mark.timeout(180)
SMALL = {"log": None, "hours": 2, "users": 30, "log_seed": 0, "arms": ["batch", "popular"], "cadences": ["2h"]}
SMALL |= {"seeds": [0], "horizon": 1, "drift": False}


@pytest.fixture
def dag(dag_bag: Any) -> Any:
    return dag_bag.dags["treasure_hunt_comparison"]


def test_it_runs_when_asked_only_one_after_the_other_and_no_hour_waits_for_it(dag: Any) -> None:
    assert dag.timetable.can_be_scheduled is False
    assert dag.is_paused_upon_creation is False
    assert (dag.max_active_runs, dag.max_active_tasks) == (1, 1)
    assert {task.pool for task in dag.tasks} == {"default_pool"}
    assert {task.priority_weight for task in dag.tasks} == {0}
    assert {task.weight_rule for task in dag.tasks} == {"absolute"}


def test_the_log_comes_first_then_batches_then_what_is_made_from_them_then_the_judge(dag: Any) -> None:
    upstream = {task.task_id: task.upstream_task_ids for task in dag.tasks}
    assert upstream == {
        "record": set(),
        "plan_batches": set(),
        "plan_others": set(),
        "run_batch": {"record", "plan_batches"},
        "run_other": {"record", "plan_others", "run_batch"},
        "judge": {"record", "run_other"},
    }
    assert dag.get_task("judge").trigger_rule == "none_failed"


def test_the_form_offers_every_arm_that_there_is(dag: Any) -> None:
    assert dag.params.get_param("arms").schema["examples"] == list(plan.ARMS)
    assert takes(dag)


@pytest.mark.parametrize(
    "form",
    [
        {"log": "relative/folder"},
        {"hours": 1},
        {"arms": []},
        {"arms": ["best"]},
        {"cadences": []},
        {"cadences": ["1h", "1h"]},
        {"cadences": ["often"]},
        {"cadences": ["1h;ls"]},
        {"seeds": [0, 0]},
        {"seeds": [-1]},
        {"horizon": 0},
    ],
)
def test_the_form_takes_nothing_that_cannot_be_compared(dag: Any, form: dict[str, Any]) -> None:
    assert not takes(dag, **form)


@pytest.mark.parametrize("cadence", ["1h", "15m", "4h+4h", "1h+15m", "24h+90s"])
def test_a_cadence_may_have_a_delay(dag: Any, cadence: str) -> None:
    assert takes(dag, cadences=[cadence])


@pytest.fixture
def tasks(dag_folder: Path) -> Any:
    """The module that says what the tasks do."""
    import treasure_hunt_comparison_tasks

    return treasure_hunt_comparison_tasks


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command line is called in this process, on a small model; these are its commands."""
    for name, value in {"FACTORS": 8, "ITERATIONS": 2, "DATA_DOCS": False, "K": 5}.items():
        monkeypatch.setenv(f"TREASURE_HUNT_{name}", str(value))
    called: list[str] = []

    def hunt(arguments: Sequence[str | Path], say: Any = None) -> None:
        words = [str(word) for word in arguments]
        called.append(" ".join(words[: 3 if words[0] == "arm" else 1]))
        app(words, standalone_mode=False)

    monkeypatch.setattr(plan, "hunt", hunt)
    return called


def test_a_run_leaves_a_page_without_any_user_and_the_next_makes_nothing_again(
    tasks: Any, tmp_path: Path, commands: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    made = tasks.find_log(SMALL)
    for bundle in tasks.list_bundles(SMALL):
        tasks.make_bundle(bundle, made)
    page = Path(tasks.judge_bundles(made, SMALL, "manual__1"))
    assert commands == ["record", "arm run batch", "arm run popular", "compare"]
    assert page == page_of(tmp_path, "manual__1")
    text = page.read_text()
    assert "batch 2h" in text and "popular only" in text
    log = read_log(tmp_path / "comparisons" / "logs" / "shop-2h-30-users-seed-0")
    users = set(log.read("events")["user_id"].to_pylist()) - {None}
    queries = {query for query in log.read("events")["query"].to_pylist() if query and len(query) > 5}
    assert len(users) > 5 and len(queries) > 2
    assert not [word for word in users | queries if word in text]

    with caplog.at_level(logging.INFO, "treasure_hunt"):
        assert tasks.find_log({**SMALL, "log": str(log.folder)}) == made
        for bundle in tasks.list_bundles(SMALL):
            tasks.make_bundle(bundle, made)
    assert len(commands) == 4
    assert caplog.text.count("is there, valid and of this log; it is not made again") == 2


def test_only_arms_that_were_asked_for_are_judged(tasks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(plan, "hunt", lambda words, say: called.append([str(word) for word in words]))
    made = {"log": "/log", "arms": "/arms"}
    asked = {"arms": ["stream"], "cadences": ["1h"], "seeds": [3], "horizon": 7}
    assert [bundle["name"] for bundle in tasks.list_bundles(asked)] == ["batch-1h-3", "stream-of-batch-1h-3"]
    page = tasks.judge_bundles(made, asked, "run")
    options = ["--log", "/log", "--horizon", "7", "--out", str(Path(page).parent)]
    assert called == [["compare", "/arms/stream-of-batch-1h-3", *options]]


def test_the_size_of_a_demonstration_log_is_asked_for_and_stands_in_its_name(
    tasks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    def record(words: Sequence[str | Path], say: Any) -> None:
        called.extend(map(str, words[2:]))
        make_log(Path(words[1]), [event(1, "u", "a")], [], hours=12)

    monkeypatch.setattr(plan, "hunt", record)
    made = tasks.find_log({**SMALL, "hours": 12, "users": 600, "log_seed": 5, "drift": True})
    size = ["--hours", "12", "--users", "600", "--seed", "5", "--items", "300", "--events-per-hour", "600", "--drift"]
    assert called == size
    assert made["log"] == str(tmp_path / "comparisons" / "logs" / "shop-12h-600-users-seed-5-drifting")
    called.clear()
    tasks.find_log({**SMALL, "hours": 12})
    assert called == [*size[:2], "--users", "30", "--seed", "0", "--items", "100", "--events-per-hour", "30"]


def test_what_the_log_has_no_room_for_ends_the_run_before_any_arm(
    tasks: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = make_log(tmp_path / "log", [event(1, "u", "a")], [], hours=12)
    with pytest.raises(BadInput, match="a horizon of 12 h leaves no read"):
        tasks.find_log({**SMALL, "log": str(log), "horizon": 12})
    with pytest.raises(BadInput, match="which 5 does not divide"):
        tasks.find_log({**SMALL, "log": str(log), "cadences": ["5h"]})
    with pytest.raises(BadInput, match=r"holds no log\.json"):
        tasks.find_log({**SMALL, "log": str(tmp_path / "nowhere")})
    assert "a horizon of 12 h leaves no read" in caplog.text
    assert not (tmp_path / "comparisons" / "arms").exists()


def test_reading_the_dag_imports_nothing_heavy(dag_folder: Path) -> None:
    script = """
import sys
import treasure_hunt_comparison
heavy = {"great_expectations", "implicit", "pandas", "duckdb", "pyarrow", "scipy", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=dag_folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
