"""A real Airflow tells of a failed stage and of a late hour at a webhook, and of both in its own metrics."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from own_airflow import own_airflow, wait_for
from small_shop import open_small_shop

from pipeline.demo.airflow_server import COMPONENTS
from pipeline.hours import HOUR, floor_hour, format_hour

METRICS = (
    "dagrun.duration.failed",
    "deadline_alerts.deadline_missed",
    "pool.open_slots",
    "scheduler_heartbeat",
    "task.duration",
    "ti.finish",
)

pytestmark = [
    pytest.mark.alone,
    pytest.mark.xdist_group("airflow"),
    pytest.mark.timeout(900),
    pytest.mark.skipif("AIRFLOW_FAULTS" not in os.environ, reason="takes a minute or two; run by make test-airflow"),
]


@contextmanager
def listening(bodies: list[bytes]) -> Iterator[str]:
    """The URL of a server that keeps what is posted to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_failed_stage_and_a_late_hour_reach_the_webhook_and_the_metrics(tmp_path: Path) -> None:
    hour = floor_hour(datetime.now(UTC)) - HOUR
    alarms: list[bytes] = []
    exported: list[bytes] = []
    with listening(alarms) as webhook, listening(exported) as collector:
        settings = open_small_shop(
            tmp_path / "var",
            hour,
            1,
            start=hour,
            malformed_limit=0.0,  # this hour is refused …
            gate_min_rows=1,
            late_minutes=0.02,  # … and late
            alert_webhook=f"{webhook}/alarms",
        )
        telemetry = {
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{collector}/v1/metrics",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRIC_EXPORT_INTERVAL": "2000",
        }
        parts = (*COMPONENTS, "triggerer")
        with own_airflow(settings, parts, scheduled=True, extra=telemetry, metrics__otel_on=True):
            wait_for(lambda: {json.loads(body)["kind"] for body in alarms} == {"failed", "late"}, 240)
            with suppress(AssertionError):
                wait_for(lambda: not set(METRICS) - metric_names(exported), 30)
    assert set(METRICS) - metric_names(exported) == set(), sorted(metric_names(exported))
    told = {alarm["kind"]: alarm for alarm in map(json.loads, alarms)}
    assert {alarm["hour"] for alarm in told.values()} == {format_hour(hour)}
    assert told["failed"]["stage"] == "ingest_events"
    assert "rows are malformed" in told["failed"]["sentence"]
    assert "has not ended 0.02 minutes after it was queued" in told["late"]["sentence"]
    print("metrics:", *sorted(metric_names(exported)))


def metric_names(exported: list[bytes]) -> set[str]:
    """Names of the metrics that a collector was sent, without Airflow's prefix."""
    found = set()
    for body in list(exported):
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            found |= {metric.name for scope in resource.scope_metrics for metric in scope.metrics}
    return {name.removeprefix("airflow.") for name in found}
