"""Backfills over the REST API of a real Airflow: scheduler, API server, task processes and all."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_shop import open_small_shop, published

from pipeline.demo import airflow_server
from pipeline.errors import BadInput
from pipeline.hours import HOUR, format_hour, hours_between, parse_hour
from pipeline.line import STAGES
from pipeline.settings import load_settings

FIRST = parse_hour("2025-05-31T20")  # before the DAG's default start: any hour can be backfilled
NEWER, OLDER = 3, 2

pytestmark = [pytest.mark.alone, pytest.mark.xdist_group("airflow"), pytest.mark.timeout(600)]


def test_hours_are_published_in_order_and_older_ones_never_go_live(tmp_path: Path) -> None:
    settings = open_small_shop(tmp_path / "var", FIRST, OLDER + NEWER)
    older = hours_between(FIRST, FIRST + (OLDER - 1) * HOUR)
    newer = hours_between(older[-1] + HOUR, older[-1] + NEWER * HOUR)
    first, second = ([format_hour(hour) for hour in hours] for hours in (newer, older))
    progress = []

    with airflow_server.airflow_running(settings) as client:
        with pytest.raises(BadInput, match="busy with another job"), airflow_server.airflow_running(settings):
            pass
        runs = client.wait(client.backfill(newer[0], newer[-1]), progress.append)
        assert [(run.hour, run.state) for run in runs] == [(hour, "success") for hour in first]
        assert all(len(run.tasks) == len(STAGES) for run in runs)
        assert len(progress) > NEWER
        assert published(settings) == [
            {"hour": hour, "status": "published", "is_live": hour == first[-1]} for hour in first
        ]

        # older hours: new history
        runs = client.wait(client.backfill(older[0], older[-1]))
        assert [(run.hour, run.state) for run in runs] == [(hour, "success") for hour in second]
        # the oldest again: the same bytes, so nothing new
        runs = client.wait(client.backfill(older[0], older[0]))
        assert [(run.hour, run.state) for run in runs] == [(second[0], "success")]
        # missing hours only: there are none
        assert client.wait(client.backfill(older[0], newer[-1], reprocess="none")) == []

        port = int(client.url.rsplit(":", 1)[1])
        secrets = settings.home / "airflow" / "secrets.json"
        assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
        assert stat.S_IMODE(secrets.parent.stat().st_mode) == 0o700

    assert [row["hour"] for row in published(settings)] == first + second
    assert [row["hour"] for row in published(settings) if row["is_live"]] == [first[-1]]
    assert not airflow_server.is_up(settings)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_failing_hour_says_its_one_sentence(tmp_path: Path) -> None:
    settings = open_small_shop(tmp_path / "var", FIRST, 1, malformed_limit=0.0, gate_min_rows=1)
    with airflow_server.airflow_running(settings) as client:
        (run,) = client.wait(client.backfill(FIRST, FIRST), timeout_seconds=120)
        (failed,) = [task for task in run.tasks if task.state == "failed"]
        said = client.errors(run.run_id, failed)
    assert run.state == "failed"
    assert failed.tries == 1
    assert format_hour(FIRST) in said[0]
    assert "\n" not in said[0]


def test_nothing_is_left_of_a_job_that_is_killed(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "var")
    script = """
import os, signal
from pipeline.demo.airflow_server import airflow_running
from pipeline.settings import load_settings
with airflow_running(load_settings()):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {"PATH": os.environ["PATH"], "TREASURE_HUNT_HOME": str(settings.home)}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    mine = [pid for pid in living() if str(settings.home).encode() in environment_of(pid)]
    assert mine  # they are just being stopped
    assert airflow_server.is_up(settings)
    deadline = time.monotonic() + 30
    while airflow_server.is_up(settings) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not airflow_server.is_up(settings)
    assert not set(mine) & set(living())


def living() -> list[int]:
    """Ids of the processes whose environment can be read."""
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if environment_of(int(entry.name))]


def environment_of(pid: int) -> bytes:
    """Its environment; empty for the dead and for those of other users."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def test_up_refuses_a_taken_port(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "var")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(BadInput, match="is taken by another program"):
            airflow_server.up(settings, other.getsockname()[1])
    assert not airflow_server.down(settings)
