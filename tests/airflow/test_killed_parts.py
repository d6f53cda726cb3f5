"""A real Airflow, parts of which are killed while hours run: each hour is there once, and live is right.

One of these runs always; `make test-airflow` runs them all, which takes a quarter of an hour, and prints how long Airflow
took to recover.
"""

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from own_airflow import OwnAirflow, check_after, own_airflow, run_undisturbed, wait_for
from small_shop import open_small_shop

from pipeline.hours import HOUR, floor_hour, hours_between, parse_hour

FIRST = parse_hour("2025-05-31T20")

LIVE_HOURS, OLD_HOURS = 8, 24

pytestmark = [pytest.mark.alone, pytest.mark.xdist_group("airflow"), pytest.mark.timeout(2400)]
long = pytest.mark.skipif("AIRFLOW_FAULTS" not in os.environ, reason="takes minutes; run by make test-airflow")


def test_a_scheduler_that_is_killed_and_started_again_loses_and_repeats_no_hour(tmp_path: Path) -> None:
    settings = open_small_shop(tmp_path / "var", FIRST, 2)
    hours = hours_between(FIRST, FIRST + HOUR)
    with own_airflow(settings) as airflow:
        backfill = airflow.client.backfill(hours[0], hours[-1])
        wait_for(lambda: airflow.find_task("prepare"), 120)
        airflow.kill("scheduler")
        killed = time.monotonic()
        airflow.start("scheduler")
        runs = airflow.wait(backfill, 300)
        print(f"scheduler killed in prepare of the first of 2 hours: all done {time.monotonic() - killed:.0f} s later")
    assert [run.state for run in runs] == ["success", "success"]
    check_after(settings, hours, run_undisturbed(settings, hours, tmp_path / "calm"))


@long
def test_a_zombie_that_overlaps_its_retry_publishes_nothing_twice(tmp_path: Path) -> None:
    """The supervisors of a stage that lands and of the one that publishes are killed; their tasks wake beside the retry."""
    settings = open_small_shop(tmp_path / "var", FIRST, 2)
    hours = hours_between(FIRST, FIRST + HOUR)
    with own_airflow(settings) as airflow:
        backfill = airflow.client.backfill(hours[0], hours[-1])
        for stage in ("prepare", "publish"):
            supervisor, zombie = wait_for(lambda name=stage: airflow.find_task(name), 180, every=0.01)
            os.kill(zombie, signal.SIGSTOP)  # at once: a stage may be over before the attempts are read
            (first,) = airflow.running_attempts(stage)
            os.kill(zombie, signal.SIGCONT)  # the kernel hangs up on those that are orphaned while they are stopped
            os.kill(supervisor, signal.SIGKILL)
            killed = time.monotonic()
            wait_for(lambda pid=supervisor: has_ended(pid), 10, every=0.001)
            os.kill(zombie, signal.SIGSTOP)
            assert not has_ended(zombie), "the task was over before it could become a zombie"
            wait_for(lambda name=stage, dead=first: set(airflow.running_attempts(name)) - {dead}, 240)
            os.kill(zombie, signal.SIGCONT)
            print(f"supervisor of {stage} killed: the next try runs {time.monotonic() - killed:.0f} s later")
            wait_for(lambda pid=zombie: has_ended(pid), 60)
        runs = airflow.wait(backfill, 300)
    assert [run.state for run in runs] == ["success", "success"]
    tries = [{task.stage: task.tries for task in run.tasks} for run in runs]
    assert tries[0]["prepare"] == 2
    assert sum(run["publish"] for run in tries) == 3
    check_after(settings, hours, run_undisturbed(settings, hours, tmp_path / "calm"))


@long
def test_hours_go_on_when_the_api_server_was_away_for_a_minute(tmp_path: Path) -> None:
    settings = open_small_shop(tmp_path / "var", FIRST, 2)
    hours = hours_between(FIRST, FIRST + HOUR)
    with own_airflow(settings) as airflow:
        backfill = airflow.client.backfill(hours[0], hours[-1])
        wait_for(lambda: airflow.find_task("prepare"), 120)
        airflow.kill("api-server")
        time.sleep(60)
        airflow.start("api-server")
        back = time.monotonic()
        wait_for(lambda: airflow.client.is_healthy(("metadatabase",)), 120)
        runs = airflow.wait(backfill, 600)
        print(f"API server away for 60 s: both hours done {time.monotonic() - back:.0f} s after it was started again")
        print([{task.stage: task.tries for task in run.tasks if task.tries > 1} for run in runs])
    assert [run.state for run in runs] == ["success", "success"]
    check_after(settings, hours, run_undisturbed(settings, hours, tmp_path / "calm"))


@long
def test_live_hours_go_on_while_old_ones_are_backfilled(tmp_path: Path) -> None:
    """The old hours lie more than a window before: what live hours are made of does not depend on when they landed."""
    now = floor_hour(datetime.now(UTC))
    live, old = (
        hours_between(now - LIVE_HOURS * HOUR, now - HOUR),
        hours_between(now - 1000 * HOUR, now - (1001 - OLD_HOURS) * HOUR),
    )
    kept = {"query_text_days": 60, "version_text_days": 60}  # else live hours forget what was typed in the old ones
    settings = open_small_shop(tmp_path / "var", old[0], len(old), start=live[0], **kept)
    open_small_shop(tmp_path / "var", live[0], len(live) + 1)  # with the hour that may begin meanwhile
    with own_airflow(settings, scheduled=True) as airflow:
        alone = wait_for(lambda: ended_hours(airflow, 3), 400, every=1)
        backfill = airflow.client.backfill(old[0], old[-1])
        runs = airflow.wait(backfill, 1800)
        ended = wait_for(lambda: ended_hours(airflow, LIVE_HOURS), 900, every=1)
    assert [run.state for run in runs] == ["success"] * len(old)
    beside = [seconds for hour, seconds in ended.items() if hour not in alone]
    mean = [sum(seconds) / len(seconds) for seconds in (list(alone.values()), beside)]
    print(f"a live hour took {mean[0]:.0f} s alone, {mean[1]:.0f} s beside the backfill: {mean[1] / mean[0]:.1f} x")
    hours = [*old, *map(parse_hour, ended)]
    check_after(settings, hours, run_undisturbed(settings, hours, tmp_path / "calm"))


def ended_hours(airflow: OwnAirflow, count: int) -> dict[str, float] | None:
    """Seconds of every hour that ran by the clock, if there are so many by now; fails with the first that failed."""
    path = "/api/v2/dags/treasure_hunt_hourly/dagRuns"
    runs = airflow.client.read_pages(path, "dag_runs", {"run_type": "scheduled", "order_by": "logical_date"})
    assert "failed" not in {run["state"] for run in runs}
    ended = {run["logical_date"][:13]: run["duration"] for run in runs if run["state"] == "success"}
    return ended if len(ended) >= count else None


def has_ended(pid: int) -> bool:
    """Whether a process runs no more, waited for or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
