"""What the local Airflow is told and what it keeps: its folder, secrets, environment, ports, and whose it is just now.

Everything lies in `<home>/airflow`, readable by its owner only.
"""

import fcntl
import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from pipeline.errors import Unreachable
from pipeline.hours import format_hour
from pipeline.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
LOCAL_SETTINGS = Path(__file__).with_name("airflow_config")
HOST = "127.0.0.1"  # nobody but this machine's users may reach the login page
USER = "admin"
# Nothing else of the shell leaks into Airflow; the last two decide by which kernels a model is computed (`arithmetic.py`).
PASSED_ON = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
PRELOADED = (  # imported once per scheduler, inherited by every task; nothing of ours, so that edits count at once
    "airflow.executors.local_executor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.execution_time.supervisor",
    "airflow.dag_processing.dagbag",
    "airflow.providers.standard.decorators.python",
    "pydantic_settings",
    "great_expectations",
    "duckdb",
    "implicit.cpu.als",
)


def preloaded() -> list[str]:
    """PRELOADED; where pyspark is installed without what would end a fork server (see `pipeline/validation.py`)."""
    return [name for name in PRELOADED if name != "great_expectations" or find_spec("pyspark") is None]


def home_of(settings: Settings) -> Path:
    """The folder of all of Airflow's state (AIRFLOW_HOME); made when missing."""
    home = settings.home / "airflow"
    (home / "logs").mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    return home


def read_secrets(home: Path) -> dict[str, str]:
    """The password of the UI's user and Airflow's keys: made once, kept in files that only their owner can read."""
    file = home / "secrets.json"
    if not file.exists():
        made = {"password": secrets.token_urlsafe(12)}
        made |= {name: secrets.token_urlsafe(64) for name in ("jwt_secret", "secret_key")}
        _write_private(file, json.dumps(made))
        _write_private(home / "passwords.json", json.dumps({USER: made["password"]}))
    return dict(json.loads(file.read_text()))


def pipeline_environment(settings: Settings) -> dict[str, str]:
    """The `TREASURE_HUNT_*` variables that make these settings again in another process."""
    chosen = settings.model_dump(exclude_defaults=True)
    return {
        f"{PREFIX}{name.upper()}": format_hour(value) if isinstance(value, datetime) else str(value)
        for name, value in chosen.items()
    }


def fingerprint(settings: Settings) -> str:
    """What tells two environments of tasks apart; the scheduled start is not part of it."""
    environment = pipeline_environment(settings)
    environment.pop(f"{PREFIX}START", None)
    return hashlib.sha256(json.dumps(environment, sort_keys=True).encode()).hexdigest()


def airflow_environment(settings: Settings, port: int, scheduled: bool) -> dict[str, str]:
    """All that a component of Airflow is told; without `scheduled` only backfills run, no hour by itself."""
    home, kept, url = home_of(settings), read_secrets(home_of(settings)), f"http://{HOST}:{port}"
    options = {
        "core.dags_folder": ROOT / "dags",
        "core.plugins_folder": ROOT / "plugins",
        "core.load_examples": False,
        "core.executor": "LocalExecutor",
        "core.parallelism": 4,  # a worker may linger a second after its task, so more than run at once
        "core.hostname_callable": "socket.gethostname",  # the default asks DNS, which may not be there
        "core.execution_api_server_url": f"{url}/execution/",
        "core.simple_auth_manager_users": f"{USER}:admin",
        "core.simple_auth_manager_passwords_file": home / "passwords.json",
        "database.sql_alchemy_conn": f"sqlite:///{home / 'airflow.db'}?timeout=60",  # seconds; 500 hours hold it for 6
        "api.host": HOST,
        "api.port": port,
        "api.base_url": url,
        "api.workers": 1,
        "api.worker_timeout": 5,  # an open browser tab would hold up stopping for two minutes
        "api.secret_key": kept["secret_key"],
        "api_auth.jwt_secret": kept["jwt_secret"],
        "logging.base_log_folder": home / "logs",
        "scheduler.use_job_schedule": scheduled,
        "scheduler.scheduler_idle_sleep_time": 0.2,
        "workers.min_heartbeat_interval": 1,  # also how long a worker may overlook that its task has ended
        "scheduler.mp_start_method": "forkserver",
        "core.mp_forkserver_preload": ",".join(preloaded()),
        "usage_data_collection.enabled": False,
    }
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"AIRFLOW__{}__{}".format(*name.upper().split(".")): str(value) for name, value in options.items()}
    environment |= {"AIRFLOW_HOME": str(home), "PYTHONPATH": f"{ROOT}{os.pathsep}{LOCAL_SETTINGS}"}
    environment |= {"OPENBLAS_NUM_THREADS": "1"}  # as everywhere else: see the Makefile
    return environment | pipeline_environment(settings)


def migrate(home: Path, environment: Mapping[str, str]) -> None:
    """The metadata database exists and fits this Airflow; asked of Airflow (seconds) only after its version changed."""
    marker, wanted = home / "migrated", version("apache-airflow-core")
    if marker.exists() and marker.read_text() == wanted and (home / "airflow.db").exists():
        return
    log = home / "logs" / "migrate.log"
    with log.open("wb") as out:
        done = subprocess.run(  # noqa: S603
            airflow("db", "migrate"), check=False, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
    if done.returncode != 0:
        raise Unreachable(f"Airflow's own database could not be made or migrated; see {log}.")
    marker.write_text(wanted)


def airflow(*arguments: str) -> list[str]:
    """The command line of this virtual environment's Airflow."""
    return [sys.executable, "-m", "airflow", *arguments]


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left counts as free
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def find_free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def take_lock(home: Path) -> IO[str] | None:
    """The open lock file when nobody runs an Airflow in this folder, else None; the kernel frees it at any death."""
    lock = (home / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def write_state(home: Path, **state: Any) -> None:
    """Who runs Airflow here (process, port, mode), for other processes to read."""
    draft = home / "server.json.tmp"
    draft.write_text(json.dumps(state))
    draft.replace(home / "server.json")


def read_state(home: Path) -> dict[str, Any]:
    """What the last owner of the lock wrote; empty when nobody ever did."""
    file = home / "server.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def _write_private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
