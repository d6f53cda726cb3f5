"""Start and stop a real Airflow on this machine: for one job (`airflow_running`) or until told (`up`, `down`).

It listens on 127.0.0.1 only, keeps everything in `<home>/airflow` and lets in one user, `admin`, with a generated
password: also on one's own machine, web pages and other users must not be able to run code through an open Airflow.
One Airflow at a time owns a home: a lock that the kernel frees tells whether it is there, whoever started it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.demo import airflow_processes as processes
from pipeline.demo.airflow_client import AirflowClient
from pipeline.demo.children import STOP_SECONDS, Children
from pipeline.errors import BadInput, TreasureHuntError, Unreachable
from pipeline.hours import floor_hour, format_hour, parse_hour
from pipeline.settings import Settings, load_settings

PORT = 8080
SHOP = (str(Path(sys.executable).with_name("treasure-hunt")), "simulate", "--follow")  # keeps the shop trading
START_SECONDS = 120.0
COMPONENTS = {
    "api-server": ("api-server",),
    "dag-processor": ("dag-processor",),
    "scheduler": ("scheduler", "--skip-serve-logs"),  # its log server would listen to the whole network
}
TRIGGERER = ("triggerer", "--skip-serve-logs")  # tells of late hours; a backfill has none


@dataclass(frozen=True)
class Login:
    """Where a running Airflow's UI is and who may enter."""

    url: str
    user: str
    password: str


@contextmanager
def airflow_running(settings: Settings, port: int | None = None) -> Iterator[AirflowClient]:
    """A client of an Airflow that runs no hour by itself, only backfills; stopped at the end, also by SIGTERM.

    When `up` runs already in this home, that one is used and left running.
    """
    home = processes.home_of(settings)
    lock = processes.take_lock(home)
    if lock is None:
        yield _join(settings)
        return
    left_by = processes.read_state(home).get("mode")
    children = Children(home, lock)
    before = signal.signal(signal.SIGTERM, _exit)  # by default Python would die without stopping its children
    try:
        port = _choose_port(port)
        processes.write_state(home, pid=os.getpid(), mode="run", port=port)
        environment = processes.airflow_environment(settings, port, scheduled=False)
        processes.migrate(home, environment)
        since = datetime.now(UTC)
        for name, command in COMPONENTS.items():
            children.start(name, processes.airflow(*command), environment)
        client = _connect(home, port, children)
        _prepare(client, since)
        _wait_for_health(client, ("scheduler",), home)
        if left_by == "run":  # a job that was killed: nobody waits for what it had queued
            client.abandon(client.open_backfills())
        try:
            yield client
        except BaseException:
            with suppress(TreasureHuntError):
                client.abandon(client.started)
            raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # stopping is under way
        children.stop()
        signal.signal(signal.SIGTERM, before)
        lock.close()


def up(settings: Settings, port: int = PORT) -> Login:
    """Airflow runs detached, its DAG unpaused and every missed hour caught up, and the demonstration shop trades on."""
    home = processes.home_of(settings)
    if is_up(settings):
        state = processes.read_state(home)
        raise BadInput(f"Airflow runs already, at http://{processes.HOST}:{state['port']} (process {state['pid']}).")
    _choose_port(port)
    remember_start(home)
    processes.write_state(home, pid=None, mode="up", port=port)
    log = home / "logs" / "up.log"
    with log.open("ab") as out:
        supervisor = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", __name__, str(port)],
            env=dict(os.environ) | processes.pipeline_environment(settings) | {"PYTHONPATH": str(processes.ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS + 60
    while time.monotonic() < deadline:
        state = processes.read_state(home)
        if state.get("ready") and state["pid"] == supervisor.pid:
            return login(settings)
        if supervisor.poll() is not None:
            raise Unreachable(state.get("error") or f"Airflow did not start; see {log}.")
        time.sleep(0.2)
    supervisor.terminate()
    raise Unreachable(f"Airflow did not start within {START_SECONDS + 60:.0f} s; see {log}.")


def down(settings: Settings) -> bool:
    """Whether an Airflow ran in this home; it does not any more, nor does anything that it had started."""
    home = processes.home_of(settings)
    if not is_up(settings):
        return False
    pid = processes.read_state(home)["pid"]
    with suppress(ProcessLookupError):  # it was killed, and what it left is just being stopped
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS + 20
    while time.monotonic() < deadline:
        if not is_up(settings):
            return True
        time.sleep(0.1)
    raise Unreachable(f"Airflow (process {pid}) did not stop; see {home / 'logs' / 'up.log'}.")


def is_up(settings: Settings) -> bool:
    """Whether an Airflow runs in this home, started by `up` or for one job."""
    lock = processes.take_lock(processes.home_of(settings))
    if lock is not None:
        lock.close()
    return lock is None


def login(settings: Settings) -> Login:
    """Where the UI of this home's Airflow is, or was last, and who may enter."""
    home = processes.home_of(settings)
    port = processes.read_state(home).get("port", PORT)
    return Login(f"http://{processes.HOST}:{port}", processes.USER, processes.read_secrets(home)["password"])


def first_hour(settings: Settings) -> datetime:
    """The first hour that `up` schedules, or would schedule if it were called now, by itself."""
    return remember_start(processes.home_of(settings))


def remember_start(home: Path) -> datetime:
    """The first hour that `up` schedules by itself: that of the first `up` ever, so that no later hour is missed."""
    file = home / "start"
    if not file.exists():
        file.write_text(format_hour(floor_hour(datetime.now(UTC))))
    return parse_hour(file.read_text())


def supervise(settings: Settings, port: int) -> None:
    """Run Airflow and the shop until SIGTERM; what dies is started again."""
    home = processes.home_of(settings)
    lock = processes.take_lock(home)
    if lock is None:
        raise BadInput(f"another Airflow was started in {home} at the same time.")
    state: dict[str, Any] = {"pid": os.getpid(), "mode": "up", "port": port}
    state["settings"] = processes.fingerprint(settings)
    processes.write_state(home, **state)
    settings = settings.model_copy(update={"start": remember_start(home)})
    environment = processes.airflow_environment(settings, port, scheduled=True)
    commands = {name: processes.airflow(*command) for name, command in COMPONENTS.items()}
    commands["triggerer"] = processes.airflow(*TRIGGERER)
    if settings.source == "shop" and not settings.source_url:
        commands["shop"] = list(SHOP)
    children = Children(home, lock)
    signal.signal(signal.SIGTERM, _exit)
    try:
        processes.migrate(home, environment)
        since = datetime.now(UTC)
        for name in ("api-server", "dag-processor"):
            children.start(name, commands[name], environment)
        client = _connect(home, port, children)
        _prepare(client, since)
        # only now: a scheduler that knew last time's start hour would begin with hours nobody wants
        for name in commands.keys() - {"api-server", "dag-processor"}:
            children.start(name, commands[name], environment)
        _wait_for_health(client, ("scheduler",), home)
        client.fill_gap(settings.start)
        processes.write_state(home, **state, ready=True)
        while True:
            time.sleep(5)
            for name, code in children.ended().items():
                print(f"{datetime.now(UTC):%FT%TZ} {name} ended with {code}, started again", flush=True)
                children.start(name, commands[name], environment)
    except TreasureHuntError as error:
        processes.write_state(home, **state, error=str(error))
        raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        children.stop()
        lock.close()


def _join(settings: Settings) -> AirflowClient:
    """A client of the Airflow that runs in this home, if it was started by `up` under the same settings."""
    state = processes.read_state(processes.home_of(settings))
    if state.get("mode") != "up":
        raise BadInput(f"Airflow is busy with another job here (process {state.get('pid')}); wait for it to end.")
    if not state.get("ready"):
        raise BadInput("Airflow is just starting or stopping; try again in a minute.")
    if state.get("settings") != processes.fingerprint(settings):
        raise BadInput("Airflow is up under other settings than these; stop it first (make down).")
    there = login(settings)
    client = AirflowClient(there.url, there.user, there.password)
    client.unpause()
    return client


def _prepare(client: AirflowClient, since: datetime) -> None:
    """The DAG as it is now is known to Airflow, unpaused, and its pool exists."""
    client.create_pool()
    client.wait_until_parsed(since)
    client.unpause()


def _connect(home: Path, port: int, children: Children) -> AirflowClient:
    """A client whose Airflow answers; raises with the name of the log file when a component dies or time runs out."""
    password = processes.read_secrets(home)["password"]
    client = AirflowClient(f"http://{processes.HOST}:{port}", processes.USER, password, children.check)
    _wait_for_health(client, ("metadatabase",), home)
    return client


def _wait_for_health(client: AirflowClient, parts: tuple[str, ...], home: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not client.is_healthy(parts):
        client.check()
        if time.monotonic() > deadline:
            raise Unreachable(
                f"Airflow's {', '.join(parts)} did not come up in {START_SECONDS:.0f} s; see {home / 'logs'}."
            )
        time.sleep(0.1)


def _choose_port(port: int | None) -> int:
    if port is None:
        return processes.find_free_port()
    if not processes.is_free(port):
        raise BadInput(f"port {port} is taken by another program; stop it or choose another port.")
    return port


def _exit(signum: int, frame: Any) -> None:
    raise SystemExit(128 + signum)


if __name__ == "__main__":
    try:
        supervise(load_settings(), int(sys.argv[1]))
    except TreasureHuntError as failure:
        sys.exit(f"{type(failure).__name__}: {failure}")
