"""Alarms: a stage has failed for good, or an hour is late. One sentence in the log, and to a webhook where one is set.

Airflow calls `tell_failure` in the process of the task (or in the DAG processor, when that process is gone) and
`tell_lateness` in its triggerer; both must be importable there, which is why they stand in the installed package. An
alarm that cannot be sent never fails anything: it is a warning in the log.
"""

import asyncio
import json
import logging
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pipeline.errors import BadInput, TreasureHuntError
from pipeline.hours import floor_hour, format_hour
from pipeline.settings import load_settings

WAIT_SECONDS = 5.0  # an alarm must not hold up the process that it is about

log = logging.getLogger("treasure_hunt")


@dataclass(frozen=True)
class Alarm:
    """What a webhook is sent: `kind` is failed or late, `stage` is empty where the whole run is meant."""

    kind: str
    dag: str
    hour: str
    stage: str
    sentence: str


def tell_failure(context: Mapping[str, Any]) -> None:
    """The log says in one sentence that a task has failed for good, and so has the webhook, if there is one."""
    task, hour = context["ti"], name_hour(context.get("logical_date"))
    said = f"{task.dag_id}: {f'the hour {hour}' if hour else 'a run'} failed in {task.task_id}: "
    tell(Alarm("failed", task.dag_id, hour, task.task_id, said + explain(context.get("exception"))))


async def tell_lateness(context: Mapping[str, Any], minutes: float) -> None:
    """The same of a run that has not ended in time; an hour of a backfill is never late, since whoever asked watches it.

    All hours of a backfill are queued at once, so all but the first few would be called late.
    """
    run = context["dag_run"]
    if run["run_type"] == "backfill":
        return
    moment = run["logical_date"] and datetime.fromisoformat(str(run["logical_date"]).replace("Z", "+00:00"))
    hour = name_hour(moment)
    sentence = (
        f"{run['dag_id']}: {f'the hour {hour}' if hour else run['dag_run_id']} has not ended {minutes:g} minutes after it "
        "was queued; readers are served the version before it. See its tasks in Airflow, and that its scheduler runs."
    )
    await asyncio.to_thread(tell, Alarm("late", run["dag_id"], hour, "", sentence))


def tell(alarm: Alarm) -> None:
    """The alarm stands in the log and was sent; when it could not be sent, the log says so and nothing is raised."""
    log.error("ALARM: %s", alarm.sentence)
    try:
        url = load_settings().alert_webhook
        if url:
            send(url, alarm)
    except BadInput as error:
        log.warning("the alarm was not sent: %s", error)
    except (OSError, ValueError) as error:  # not its text: it may quote the address, which may hold a secret
        log.warning("the alarm was not sent: the webhook did not take it (%s).", type(error).__name__)


def send(url: str, alarm: Alarm) -> None:
    """The alarm was posted as JSON; raises `OSError` when nobody takes it within a few seconds."""
    if not url.lower().startswith(("http://", "https://")):
        raise BadInput("TREASURE_HUNT_ALERT_WEBHOOK is no http or https address.")
    body = json.dumps(asdict(alarm)).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:  # noqa: S310 (http or https, see above)
        answer.read(0)


def explain(error: BaseException | str | None) -> str:
    """Our own sentence; of any other error only its kind, since its text may hold rows."""
    if isinstance(error, TreasureHuntError):
        return str(error)
    if isinstance(error, BaseException):
        return f"{type(error).__name__}; the log of the task says more."
    return "its process ended without a word, killed or out of memory; the log of the task may say more."


def name_hour(moment: datetime | None) -> str:
    """The hour that a run is about; empty for a run without one."""
    return format_hour(floor_hour(moment)) if moment else ""
