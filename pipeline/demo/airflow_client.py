"""Ask a running Airflow over its REST API for what a person does in its UI: unpause, backfill, watch, read errors."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from pipeline.errors import BadInput, TreasureHuntError, Unreachable
from pipeline.hours import format_hour

DAG = "treasure_hunt_hourly"
WRITER_POOL = "treasure_hunt_writer"  # the DAG's tasks from prepare on wait for its one slot
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # Airflow is on this machine: no proxy
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")


@dataclass(frozen=True)
class TaskState:
    """One stage of one run; state is None before the scheduler has looked at it, seconds None before it started."""

    stage: str
    state: str | None
    seconds: float | None
    tries: int


@dataclass(frozen=True)
class RunState:
    """One hour of a backfill and its stages, in the order in which they ended."""

    run_id: str
    hour: str
    state: str
    seconds: float | None
    tasks: tuple[TaskState, ...]


class AirflowClient:
    """A logged-in session with one Airflow; every method raises `Unreachable` when Airflow does not answer."""

    def __init__(self, url: str, user: str, password: str, check: Callable[[], None] = lambda: None) -> None:
        """`check` is called while waiting and raises when a component of Airflow has died."""
        self.url, self._login, self.check = url, {"username": user, "password": password}, check
        self._token = ""
        self.started: list[int] = []  # backfills that this client queued

    def token(self) -> str:
        """A fresh bearer token for the API."""
        return str(self._send("POST", "/auth/token", self._login, authorised=False)["access_token"])

    def is_healthy(self, components: tuple[str, ...]) -> bool:
        """Whether the API answers and says that the given components have given signs of life lately."""
        try:
            health = self._send("GET", "/api/v2/monitor/health", authorised=False)
        except Unreachable:
            return False
        return all((health.get(name) or {}).get("status") == "healthy" for name in components)

    def wait_until_parsed(self, since: datetime, timeout_seconds: float = 120.0) -> None:
        """Return when the DAG processor has read the DAG after `since`; raises with its sentence when it cannot be."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            self.check()
            dags = self._send("GET", f"/api/v2/dags?{urlencode({'dag_id_pattern': DAG, 'exclude_stale': False})}")[
                "dags"
            ]
            if any(read_time(dag["last_parsed_time"]) >= since for dag in dags if dag["last_parsed_time"]):
                return
            for error in self._send("GET", "/api/v2/importErrors")["import_errors"]:
                if read_time(error["timestamp"]) >= since:
                    raise BadInput(f"the DAG cannot be read: {error['stack_trace'].strip().splitlines()[-1]}")
            time.sleep(0.2)
        raise Unreachable(f"Airflow did not read the DAG {DAG} within {timeout_seconds:.0f} s.")

    def create_pool(self) -> None:
        """The one-slot pool that the DAG's writing tasks share exists."""
        pool = {"name": WRITER_POOL, "slots": 1, "description": "Stages that write derived tables: one at a time"}
        with suppress(AlreadyThereError):
            self._send("POST", "/api/v2/pools", pool)

    def unpause(self) -> None:
        """The DAG is not paused; runs of a paused DAG, those of a backfill too, would wait for ever."""
        self._send("PATCH", f"/api/v2/dags/{DAG}?update_mask=is_paused", {"is_paused": False})

    def backfill(self, first: datetime, last: datetime, reprocess: str = "completed", repull: bool = False) -> int:
        """Queue every hour from first to last, both included, oldest first, one at a time; returns the backfill's id.

        `reprocess` says what happens to hours that have run: completed (all again), failed (only those), none.
        Raises `BadInput` while another backfill has runs to do: Airflow does one at a time.
        """
        request = {
            "dag_id": DAG,
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "reprocess_behavior": reprocess,
            "max_active_runs": 1,
            "run_backwards": False,
            "dag_run_conf": {"repull": repull},
        }
        for last_try in (False, True):
            try:
                self.started.append(int(self._send("POST", "/api/v2/backfills", request)["id"]))
                return self.started[-1]
            except AlreadyThereError:
                if last_try:
                    break
                self._close_ended_backfills()
        raise BadInput(f"another backfill of {DAG} is not over; wait for it, or cancel it in Airflow's UI (make up).")

    def fill_gap(self, first: datetime) -> int | None:
        """Queue the hours since `first` that were never run though a later one was; the backfill's id, if any.

        Airflow schedules on from the latest hour that was run or backfilled, so it never comes back to these.
        """
        latest = self._send("GET", f"/api/v2/dags/{DAG}/dagRuns?limit=1&order_by=-logical_date")["dag_runs"]
        last = read_time(latest[0]["logical_date"]) if latest else first
        if last <= first:
            return None
        asked = {
            "dag_id": DAG,
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "reprocess_behavior": "none",
        }
        missing = self._send("POST", "/api/v2/backfills/dry_run", asked)["backfills"]
        return self.backfill(first, last, reprocess="none") if missing else None

    def open_backfills(self) -> list[int]:
        """Backfills that are not over, for Airflow at least."""
        asked = urlencode({"dag_id": DAG, "limit": 100, "order_by": "-id"})
        return [
            row["id"] for row in self._send("GET", f"/api/v2/backfills?{asked}")["backfills"] if not row["completed_at"]
        ]

    def cancel(self, backfill_id: int) -> None:
        """The backfill is over: its queued runs have failed; the one that runs goes on."""
        with suppress(AlreadyThereError):  # it was over already
            self._send("PUT", f"/api/v2/backfills/{backfill_id}/cancel")

    def abandon(self, backfill_ids: Iterable[int]) -> None:
        """Those of the backfills that are open are over, and none of their runs goes on."""
        for backfill_id in set(backfill_ids) & set(self.open_backfills()):
            runs = self.runs(backfill_id)
            self.cancel(backfill_id)
            for run in runs:
                if run.state == "running":
                    path = f"/api/v2/dags/{DAG}/dagRuns/{quote(run.run_id)}?update_mask=state"
                    self._send("PATCH", path, {"state": "failed"})

    def wait(
        self,
        backfill_id: int,
        on_progress: Callable[[list[RunState]], None] = lambda runs: None,
        timeout_seconds: float = 3600.0,
    ) -> list[RunState]:
        """The runs of a backfill once every one has ended, oldest first; `on_progress` gets them at every change."""
        deadline, before = time.monotonic() + timeout_seconds, None
        while time.monotonic() < deadline:
            self.check()
            runs = self.runs(backfill_id)
            if runs != before:
                on_progress(runs)
            if all(run.state in ENDED for run in runs):
                self.cancel(backfill_id)  # Airflow would call it "in progress" for half a minute more
                return runs
            before = runs
            time.sleep(0.3)
        raise Unreachable(
            f"backfill {backfill_id} did not end within {timeout_seconds:.0f} s; see {self.url}/dags/{DAG}."
        )

    def runs(self, backfill_id: int) -> list[RunState]:
        """The runs that a backfill queued, oldest first, with their stages; not the hours that it left alone."""
        backfill = self._send("GET", f"/api/v2/backfills/{backfill_id}")
        # a run does not name its backfill: it is one of the range that was queued after the backfill was made
        asked = {
            "logical_date_gte": backfill["from_date"],
            "logical_date_lte": backfill["to_date"],
            "run_type": "backfill",
            "order_by": "logical_date",
        }
        runs = [
            run
            for run in self.read_pages(f"/api/v2/dags/{DAG}/dagRuns", "dag_runs", asked)
            if run["queued_at"] and read_time(run["queued_at"]) >= read_time(backfill["created_at"])
        ]
        return [
            RunState(
                run_id=run["dag_run_id"],
                hour=format_hour(read_time(run["logical_date"])),
                state=run["state"],
                seconds=run["duration"],
                tasks=self._tasks(run["dag_run_id"]) if run["state"] != "queued" else (),
            )
            for run in runs
        ]

    def errors(self, run_id: str, task: TaskState) -> list[str]:
        """The error lines in the log of a task's last try, our own one sentence first."""
        path = f"/api/v2/dags/{DAG}/dagRuns/{quote(run_id)}/taskInstances/{task.stage}/logs/{max(task.tries, 1)}"
        lines = self._send("GET", path)["content"]
        return [str(line.get("event", "")) for line in lines if isinstance(line, dict) and line.get("level") == "error"]

    def _tasks(self, run_id: str) -> tuple[TaskState, ...]:
        path = f"/api/v2/dags/{DAG}/dagRuns/{quote(run_id)}/taskInstances"
        tasks = self.read_pages(path, "task_instances", {})
        tasks.sort(key=lambda task: (task["end_date"] is None, task["end_date"] or "", task["task_id"]))
        return tuple(TaskState(task["task_id"], task["state"], task["duration"], task["try_number"]) for task in tasks)

    def _close_ended_backfills(self) -> None:
        """Backfills whose runs have all ended are closed now; Airflow would do it up to 30 s later."""
        for backfill_id in self.open_backfills():
            runs = self.runs(backfill_id)
            if runs and all(run.state in ENDED for run in runs):
                self.cancel(backfill_id)

    def read_pages(self, path: str, key: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Every page of a listing."""
        rows: list[dict[str, Any]] = []
        while True:
            page = self._send("GET", f"{path}?{urlencode({**asked, 'limit': 100, 'offset': len(rows)})}")
            rows += page[key]
            if not page[key] or len(rows) >= page["total_entries"]:
                return rows

    def _send(self, method: str, path: str, body: Any = None, authorised: bool = True) -> Any:
        """The JSON answer to one request, logging in first when needed."""
        for attempt in (1, 2):
            if authorised and not self._token:
                self._token = self.token()
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            if authorised:
                headers["Authorization"] = f"Bearer {self._token}"
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 (our own http://)
            try:
                with OPENER.open(request, timeout=30) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code == 401 and authorised and attempt == 1:
                    self._token = ""  # expired while a long backfill ran
                    continue
                said = error.read().decode(errors="replace")[:300]
                if error.code == 409:
                    raise AlreadyThereError(said) from None
                if error.code in (400, 404, 422):
                    raise BadInput(f"Airflow refuses {method} {path}: {said}") from None
                raise Unreachable(f"Airflow answers {method} {path} with {error.code}: {said}") from None
            except OSError as error:
                raise Unreachable(f"Airflow at {self.url} does not answer: {error}") from None
        raise Unreachable(f"Airflow at {self.url} accepts no login.")


class AlreadyThereError(TreasureHuntError):
    """Airflow has such a thing already."""


def read_time(text: str) -> datetime:
    """A moment as Airflow writes it."""
    return datetime.fromisoformat(text)
