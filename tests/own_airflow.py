"""A real Airflow of a test's own, whose parts can be killed and started again, and what must hold after any fault."""

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from pipeline.backfill import backfill_hours
from pipeline.demo import airflow_processes as processes
from pipeline.demo.airflow_client import ENDED, AirflowClient, RunState
from pipeline.demo.airflow_server import COMPONENTS, TRIGGERER
from pipeline.demo.children import Children, find_members
from pipeline.errors import TreasureHuntError
from pipeline.hours import format_hour
from pipeline.line import STAGES
from pipeline.manifests import read_manifest
from pipeline.run import Run
from pipeline.serving import database
from pipeline.serving.schema import live, live_history, versions
from pipeline.settings import Settings

# Faults are noticed sooner than by default (300 s, 10 s and 300 s), so that a test need not wait so long. When a scheduler
# counts as dead (30 s) is left: on a busy machine a new one takes as long to come up, and would be taken for dead.
IMPATIENT = {
    "scheduler.task_instance_heartbeat_timeout": 20,
    "scheduler.task_instance_heartbeat_detection_interval": 3,
    "scheduler.orphaned_tasks_check_interval": 15,
}


@dataclass
class OwnAirflow:
    """Its parts by name, a client, and the moments at which something was done to it."""

    client: AirflowClient
    home: Path
    children: Children
    environment: dict[str, str]
    pids: dict[str, int] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """The part runs."""
        command = TRIGGERER if name == "triggerer" else COMPONENTS[name]
        self.pids[name] = self.children.start(name, processes.airflow(*command), self.environment)

    def kill(self, name: str) -> None:
        """The part is gone without having been asked; what it had started lives on."""
        os.kill(self.pids[name], signal.SIGKILL)
        wait_for(lambda: name in self.children.ended(), 10)

    def wait(self, backfill: int, seconds: float) -> list[RunState]:
        """The runs of a backfill once all have ended; an API that does not answer for a while is put up with."""

        def ended() -> list[RunState] | None:
            runs = self.client.runs(backfill)
            return runs if runs and all(run.state in ENDED for run in runs) else None

        return list(wait_for(ended, seconds, every=0.3))

    def members(self) -> list[int]:
        """Every process that the parts have started, orphans included."""
        return find_members(self.pids.values())

    def find_task(self, stage: str) -> tuple[int, int] | None:
        """The process that watches over a task of this stage just now, and the task's own."""
        for attempt in self.running_attempts(stage):
            titled = {pid: title for pid in self.members() if attempt in (title := command_of(pid))}
            watching = [pid for pid, title in titled.items() if "LocalExecutor" in title]
            working = [pid for pid in titled if parent_of(pid) in watching]
            if working:
                return watching[0], working[0]
        return None

    def running_attempts(self, stage: str) -> list[str]:
        """Airflow's ids of the attempts at a stage that it takes for running."""
        with closing(sqlite3.connect(f"file:{self.home / 'airflow.db'}?mode=ro", uri=True, timeout=10)) as connection:
            asked = "select id from task_instance where task_id = ? and state = 'running'"
            return [str(UUID(row[0])) for row in connection.execute(asked, (stage,))]


@contextmanager
def own_airflow(
    settings: Settings,
    parts: tuple[str, ...] = tuple(COMPONENTS),
    scheduled: bool = False,
    extra: Mapping[str, str] | None = None,
    **options: Any,
) -> Iterator[OwnAirflow]:
    """The parts run under these settings and options of Airflow (`section__name`), the DAG unpaused; all gone at the end.

    `extra` are further environment variables.
    """
    home = processes.home_of(settings)
    lock = processes.take_lock(home)
    assert lock, "another Airflow runs in this home"
    port = processes.find_free_port()
    environment = processes.airflow_environment(settings, port, scheduled)
    told = IMPATIENT | {name.replace("__", ".", 1): value for name, value in options.items()}
    environment |= {"AIRFLOW__{}__{}".format(*name.upper().split(".")): str(value) for name, value in told.items()}
    environment |= extra or {}
    children = Children(home, lock)
    try:
        processes.migrate(home, environment)
        since = datetime.now(UTC)
        password = processes.read_secrets(home)["password"]
        client = AirflowClient(f"http://{processes.HOST}:{port}", processes.USER, password)
        airflow = OwnAirflow(client, home, children, environment)
        for name in [name for name in parts if not (scheduled and name == "scheduler")]:
            airflow.start(name)
        wait_for(lambda: client.is_healthy(("metadatabase",)), 120)
        client.create_pool()
        client.wait_until_parsed(since)
        client.unpause()
        if scheduled and "scheduler" in parts:
            airflow.start("scheduler")
        wait_for(lambda: client.is_healthy(("scheduler",)), 120)
        yield airflow
    finally:
        children.stop()
        lock.close()


def wait_for(look: Callable[[], Any], seconds: float, every: float = 0.05) -> Any:
    """What `look` returns once it is something; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(TreasureHuntError):  # Airflow may be away just now
            if found := look():
                return found
        time.sleep(every)
    raise AssertionError(f"nothing within {seconds} s")


def command_of(pid: int) -> str:
    """The title of a process; empty for one that is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def parent_of(pid: int) -> int:
    """The id of a process's parent; 0 for one that is gone."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return 0


def hashes_of(settings: Settings, hour: datetime) -> dict[str, str]:
    """The hash of every table that an hour has in the lake."""
    run = Run(hour=hour, settings=settings)
    manifests = [manifest for stage in STAGES if (manifest := read_manifest(run, stage))]
    return {table: entry["sha256"] for manifest in manifests for table, entry in manifest["tables"].items()}


def run_undisturbed(settings: Settings, hours: list[datetime], home: Path) -> Settings:
    """The same hours of the same shop were run without Airflow in a home of their own; returns its settings."""
    home.mkdir()
    shutil.copy(settings.home / "shop.db", home / "shop.db")
    calm = settings.model_copy(update={"home": home})
    backfill_hours(calm, hours, list(STAGES))
    return calm


def check_after(settings: Settings, hours: list[datetime], calm: Settings) -> None:
    """Every hour is there once, the newest is live, live never went back, and the lake's bytes are those of a calm run."""
    engine = database.connect(settings.serving)
    try:
        with database.reading(engine) as connection:
            published = connection.execute(select(versions.c.interval_start, versions.c.version)).all()
            moves = connection.execute(select(live_history.c.interval_start).order_by(live_history.c.token)).all()
            now = connection.execute(select(live.c.interval_start, live.c.version)).one()
    finally:
        engine.dispose()
    assert sorted(format_hour(row.interval_start) for row in published) == sorted(map(format_hour, hours))
    assert format_hour(now.interval_start) == format_hour(max(hours))
    assert now.version in {row.version for row in published}
    went = [format_hour(move.interval_start) for move in moves]
    assert went == sorted(set(went)), "live went back, or moved twice to the same hour"
    for hour in hours:
        here, there = hashes_of(settings, hour), hashes_of(calm, hour)
        differing = {table: (here.get(table), there.get(table)) for table in here | there}
        differing = {table: hashes for table, hashes in differing.items() if hashes[0] != hashes[1]}
        assert there and not differing, f"{format_hour(hour)}: {differing}"
