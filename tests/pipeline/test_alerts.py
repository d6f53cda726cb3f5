"""Alarms: one sentence in the log and to the webhook, nothing personal in it, and nobody fails because of them."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline import alerts
from pipeline.errors import AuditFailed, BadInput

FAILED = {
    "ti": SimpleNamespace(dag_id="treasure_hunt_hourly", task_id="prepare"),
    "logical_date": datetime(2026, 1, 1, 13, 20, tzinfo=UTC),
    "exception": AuditFailed("interactions: 3 rows have no weight."),
}
LATE = {
    "dag_run": {
        "dag_id": "treasure_hunt_hourly",
        "dag_run_id": "scheduled__2026-01-01T14:00:00+00:00",
        "run_type": "scheduled",
        "logical_date": "2026-01-01T13:00:00Z",
    }
}


class Webhook:
    """What was posted to a server of this test's own, and how it answers."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.status, self.delay = 204, 0.0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                time.sleep(hook.delay)
                hook.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?token=s3cret"


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    threading.Thread(target=hook.server.serve_forever, daemon=True).start()
    monkeypatch.setenv("TREASURE_HUNT_ALERT_WEBHOOK", hook.url)
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


def test_a_failure_is_told_in_one_sentence_with_dag_hour_and_stage(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    alerts.tell_failure(FAILED)
    sentence = "treasure_hunt_hourly: the hour 2026-01-01T13 failed in prepare: interactions: 3 rows have no weight."
    assert webhook.bodies == [
        {
            "kind": "failed",
            "dag": "treasure_hunt_hourly",
            "hour": "2026-01-01T13",
            "stage": "prepare",
            "sentence": sentence,
        }
    ]
    assert caplog.messages == [f"ALARM: {sentence}"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("u000012 searched for running shoes"), "ValueError; the log of the task says more."),
        (None, "its process ended without a word, killed or out of memory; the log of the task may say more."),
    ],
)
def test_of_a_defect_only_its_kind_is_told(webhook: Webhook, error: Exception | None, said: str) -> None:
    alerts.tell_failure(FAILED | {"exception": error})
    assert webhook.bodies[0]["sentence"].endswith(f"failed in prepare: {said}")


def test_a_run_without_an_hour_is_told_too(webhook: Webhook) -> None:
    alerts.tell_failure({"ti": SimpleNamespace(dag_id="treasure_hunt_erase", task_id="erase")})
    assert webhook.bodies[0]["hour"] == ""
    assert webhook.bodies[0]["sentence"].startswith("treasure_hunt_erase: a run failed in erase: its process")


def test_a_late_hour_is_told(webhook: Webhook) -> None:
    asyncio.run(alerts.tell_lateness(LATE, 50.0))
    (body,) = webhook.bodies
    assert (body["kind"], body["hour"], body["stage"]) == ("late", "2026-01-01T13", "")
    assert body["sentence"].startswith("treasure_hunt_hourly: the hour 2026-01-01T13 has not ended 50 minutes after")


def test_an_hour_of_a_backfill_is_never_late(webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(alerts.tell_lateness({"dag_run": LATE["dag_run"] | {"run_type": "backfill"}}, 50.0))
    assert webhook.bodies == []
    assert caplog.messages == []


def test_without_a_webhook_the_alarm_stands_in_the_log_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TREASURE_HUNT_ALERT_WEBHOOK", raising=False)
    alerts.tell_failure(FAILED)
    assert len(caplog.messages) == 1


def test_a_webhook_that_refuses_hangs_or_is_away_fails_nothing_and_its_address_is_not_told(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(alerts, "WAIT_SECONDS", 0.2)
    webhook.status = 500
    alerts.tell_failure(FAILED)
    webhook.status, webhook.delay = 204, 1.0
    begun = time.monotonic()
    alerts.tell_failure(FAILED)
    assert time.monotonic() - begun < 0.9
    for url in ("http://127.0.0.1:9/s3cret", "ftp://127.0.0.1/s3cret", "file:///etc/s3cret", "no address s3cret"):
        monkeypatch.setenv("TREASURE_HUNT_ALERT_WEBHOOK", url)
        alerts.tell_failure(FAILED)
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 6
    assert all("the alarm was not sent" in warning for warning in warnings)
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/alarms", "/var/alarms"])
def test_an_alarm_is_posted_to_web_addresses_only(url: str) -> None:
    with pytest.raises(BadInput, match="no http or https address"):
        alerts.send(url, alerts.Alarm("failed", "d", "", "s", "It failed."))
