"""What a piece of work took: seconds, seconds of processor time, the process's largest memory so far, and when it ended."""

import resource
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Clocks = tuple[float, float]  # seconds by the wall and of the processor, from a start of their own


def read_clocks() -> Clocks:
    """Where the clocks stand now."""
    return time.perf_counter(), time.process_time()


def time_since(started: Clocks, share: int = 1) -> dict[str, float]:
    """What was taken since then, in seconds and MiB; pieces that cannot be told apart each bear their share of the time."""
    wall, cpu = read_clocks()
    return {
        "seconds": round((wall - started[0]) / share, 3),
        "cpu_seconds": round((cpu - started[1]) / share, 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def read_moment() -> str:
    """This moment by the clock, as text in UTC. It is measured and shown, and decides nothing."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def when_landed(tables: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, str]:
    """When tables land now, and since when these very bytes have been there: landing them again changes nothing.

    `before` is the manifest that this landing replaces.
    """
    now = read_moment()
    known = (before or {}).get("timings", {}).get("landed_first_at")
    is_same = {name: entry["sha256"] for name, entry in tables.items()} == {
        name: entry["sha256"] for name, entry in (before or {}).get("tables", {}).items()
    }
    return {"landed_at": now, "landed_first_at": known if known and is_same else now}
