"""What is counted of the API, for Prometheus; no label names a user, a query or an item.

With several processes, prometheus_client adds them up through the folder that PROMETHEUS_MULTIPROC_DIR names, which
`treasure-hunt serve` sets.
"""

import os
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from pipeline.api.desk import Desk
from pipeline.serving.contract import Asked

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
MOST_READS = 100  # of the files of all processes, until none is caught while it is written
requests = Counter(
    "treasure_hunt_requests", "Requests by route, HTTP status and reason served", ["route", "status", "served_reason"]
)
seconds = Histogram("treasure_hunt_request_seconds", "Seconds until a request is answered", ["route"], buckets=BUCKETS)
degraded = Counter("treasure_hunt_degraded", "Answers given without the database", ["route"])


def count(route: str, status: int, served_reason: str, took: float, is_degraded: bool) -> None:
    """One request more."""
    counted, timed = _figures(route, status, served_reason)
    counted.inc()
    timed.observe(took)
    if is_degraded:
        degraded.labels(route).inc()


@lru_cache(maxsize=1024)  # finding them takes longer than counting
def _figures(route: str, status: int, served_reason: str) -> tuple[Counter, Histogram]:
    return requests.labels(route, str(status), served_reason), seconds.labels(route)


class LiveVersion:
    """The live version that this process knows, the age of its data, and whether the database answers."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def collect(self) -> Iterator[GaugeMetricFamily | InfoMetricFamily]:
        """Asked for at every scrape."""
        up = "Whether the serving database answered when it was asked last"
        yield GaugeMetricFamily("treasure_hunt_database_up", up, value=self.desk.trouble is None)
        answer = self.desk.reader.read_without_database(Asked())
        seen = self.desk.reader.seen
        if answer and seen:
            told = {"version": answer.version, "tier": seen.tier or "unknown", "arm": self.desk.reader.arm}
            yield InfoMetricFamily("treasure_hunt_live_version", "The version that readers get", value=told)
            yield GaugeMetricFamily("treasure_hunt_data_age_seconds", "Age of its data", value=answer.age_seconds)
            yield GaugeMetricFamily("treasure_hunt_stale", "Whether that is too old", value=answer.is_stale)


def scrape(desk: Desk) -> bytes:
    """Everything, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(LiveVersion(desk))
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)
        for _ in range(MOST_READS - 1):
            # The library reads files without a lock: one that a process has just begun is empty, or half a line.
            with suppress(struct.error, RuntimeError, ValueError):
                return generate_latest(registry)
            time.sleep(0.002)
        return generate_latest(registry)
    return generate_latest(registry) + generate_latest(REGISTRY)
