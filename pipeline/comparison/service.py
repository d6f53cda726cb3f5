"""What an arm was like to run and to ask, whatever it recommended: freshness, runs, availability, cost, recovery."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.duck import fetch_table
from pipeline.prices import HOURS_A_MONTH

CAUSES = ("unanswered", "5xx", "4xx", "other status", "empty", "stale")
# Upper bounds of the bars of a distribution of ages, in seconds.
AGES = {
    "under 1 s": 1.0,
    "1 to 10 s": 10.0,
    "10 s to 1 min": 60.0,
    "1 to 5 min": 300.0,
    "5 to 15 min": 900.0,
    "15 to 60 min": 3600.0,
    "1 to 2 h": 7200.0,
    "2 to 4 h": 14_400.0,
    "4 to 24 h": 86_400.0,
    "over 24 h": np.inf,
}
MONTH_SECONDS = HOURS_A_MONTH * 3600.0


class Measure(NamedTuple):
    """One figure of one arm: `n` is how many things it is about; None is a figure that there is not."""

    family: str
    measure: str
    slice: str
    unit: str
    value: float | None
    n: int


def quantile(values: NDArray[np.float64], share: float) -> float | None:
    """The smallest value that so large a share does not exceed; None without values, and where it is infinite (never)."""
    if not len(values):
        return None
    found = float(np.quantile(values, share, method="inverted_cdf"))
    return found if np.isfinite(found) else None


def freshness(connection: duckdb.DuckDBPyConnection, values: Mapping[str, Any]) -> Iterator[Measure]:
    """From when an event occurred until a read could reflect it; never counts as longer than any time."""
    ages = fetch_table(connection, "comparison/event_ages", **values).column("age_seconds").fill_null(np.inf).to_numpy()
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        yield Measure("freshness", name, "all", "s", quantile(ages, share), len(ages))
    never = np.isinf(ages)
    yield Measure("freshness", "never", "all", "share", float(never.mean()) if len(ages) else None, len(ages))
    below = 0.0
    for name, bound in AGES.items():
        inside = (ages >= below) & (ages < bound) & ~never
        yield Measure("freshness", "share", name, "share", float(inside.mean()) if len(ages) else None, len(ages))
        below = bound


def runs(connection: duckdb.DuckDBPyConnection, arm: Mapping[str, Any]) -> Iterator[Measure]:
    """How long runs took, how late they began, how they ended, and which intervals nothing was made for."""
    found = connection.sql(
        "select epoch(ended - started) as duration, epoch(started - scheduled) as skew, status, "
        "status in ('published', 'superseded') as is_made, epoch(interval_start) as begins, epoch(interval_end) as ends "
        "from runs order by interval_start, run_id"
    ).to_arrow_table()
    count = found.num_rows
    for name in ("duration", "skew"):
        took = found.column(name).to_numpy()
        for share in (50, 95):
            yield Measure("runs", f"{name}_p{share}", "all", "s", quantile(took, share / 100), count)
    statuses = Counter(found.column("status").to_pylist())
    for status in ("published", "superseded", "failed", "skipped"):
        yield Measure("runs", "runs", status, "runs", float(statuses[status]), count)
    delivered = (
        connection.sql("select epoch(delivered_at) as at from log_events").to_arrow_table().column("at").to_numpy()
    )
    # A stream runs when there is something to do: an interval without a run is none that it missed.
    cadence = None if arm["kind"] == "streaming" else arm["cadence_seconds"]
    missed = missed_intervals(found, delivered, cadence)
    yield Measure("runs", "missed_intervals", "all", "intervals", missed, count)


def missed_intervals(found: pa.Table, delivered: NDArray[np.float64], cadence_seconds: float | None) -> float | None:
    """How many intervals, one each cadence from the first to the last run, hold rows that no run which made lists is about.

    `found` are runs in order of their intervals, `delivered` the moments at which rows could be read, in seconds.
    """
    if not cadence_seconds or not found.num_rows:
        return None
    begins, ends = (found.column(name).to_numpy() for name in ("begins", "ends"))
    is_made = found.column("is_made").to_numpy(zero_copy_only=False)
    asked = delivered[(delivered >= begins[0]) & (delivered < ends.max())]
    # Until when the made runs that begin no later than a moment reach; before the first of them, nowhere.
    reach = np.concatenate([[-np.inf], np.maximum.accumulate(ends[is_made])])
    missed = asked[reach[np.searchsorted(begins[is_made], asked, side="right")] <= asked]
    return float(len(np.unique((missed - begins[0]) // cadence_seconds)))


def answers(connection: duckdb.DuckDBPyConnection, stale_seconds: float) -> pa.Table:
    """The rows of sql/comparison/arm_answers.sql."""
    return fetch_table(connection, "comparison/arm_answers", stale_seconds=stale_seconds)


def availability(answered: pa.Table) -> Iterator[Measure]:
    """Good reads of all reads of the log, the others each by one cause (stale among them), and how long answers took.

    Reads that got the list of everyone are good ones; their share stands apart.
    """
    count = answered.num_rows
    outcomes = Counter(answered.column("outcome").to_pylist())
    yield Measure("availability", "good", "all", "share", outcomes["good"] / count if count else None, count)
    for cause in CAUSES:
        yield Measure("availability", "not_good", cause, "share", outcomes[cause] / count if count else None, count)
    fallback = answered.column("is_fallback").to_numpy(zero_copy_only=False)
    yield Measure("availability", "fallback", "all", "share", float(fallback.mean()) if count else None, count)
    took = answered.column("latency_ms").drop_null().to_numpy()
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        yield Measure("latency", name, "all", "ms", quantile(took, share), len(took))


def cost(
    connection: duckdb.DuckDBPyConnection, values: Mapping[str, Any], prices: Mapping[str, Any], is_asked: bool
) -> Iterator[Measure]:
    """What the arm used while the log was replayed, and its price: a bill where there is one, else by the price sheet.

    `is_asked` says whether the arm was read at all; if so, what went into lists that nobody read is told, every list of an
    arm having cost as much as any other of it.
    """
    [(cpu, gb, read, written, usd, parts)] = connection.sql(
        "select coalesce(sum(cpu_seconds), 0), coalesce(sum(gb_seconds), 0), coalesce(sum(bytes_read), 0), "
        "coalesce(sum(bytes_written), 0), coalesce(sum(coalesce(usd, "
        "(cpu_seconds * $cpu_price + gb_seconds * $gb_price) / 3600)), 0), count(*) from costs",
        params={"cpu_price": prices["per_cpu_hour"], "gb_price": prices["per_gb_hour"]},
    ).fetchall()
    [(users, reads, events)] = connection.sql(
        "select (select count(distinct user_id) from log_reads), (select count(*) from log_reads), "
        "(select count(*) from log_events)"
    ).fetchall()
    seconds = (values["log_end"] - values["log_start"]).total_seconds()
    raw = {"cpu_seconds": (cpu, "CPU s"), "gb_seconds": (gb, "GB s"), "bytes_read": (read, "B")}
    for name, (amount, unit) in (raw | {"bytes_written": (written, "B")}).items():
        yield Measure("cost", name, "all", unit, float(amount) if parts else None, parts)
    for part, used in connection.sql("select what, sum(cpu_seconds) from costs group by what order by what").fetchall():
        yield Measure("cost", "cpu_seconds", part, "CPU s", float(used), 1)
    per = {
        "usd_per_1000_users": (1e3, users),
        "usd_per_1000_reads": (1e3, reads),
        "usd_per_million_events": (1e6, events),
    }
    for name, (size, among) in (per | {"usd_per_month": (MONTH_SECONDS, seconds)}).items():
        yield Measure("cost", name, "all", "USD", float(usd) * size / among if parts and among else None, parts)
    if is_asked:
        (found,) = fetch_table(connection, "comparison/lists_read").to_pylist()
        unread = 1 - found["lists_read"] / found["lists"] if found["lists"] else None
        yield Measure("cost", "lists_unread", "all", "share", unread, found["lists"])
        wasted = None if unread is None or not parts else float(usd) * unread * MONTH_SECONDS / seconds
        yield Measure("cost", "usd_unread_per_month", "all", "USD", wasted, found["lists"])


def recovery(connection: duckdb.DuckDBPyConnection) -> Iterator[Measure]:
    """Of each fault, how long until it was noticed and until readers were served as before, and the wrong rows meanwhile."""
    rows = connection.sql(
        "select fault, count(*), avg(epoch(detected - started)), count(detected), avg(epoch(recovered - started)), "
        "count(recovered), sum(bad_rows) from faults group by fault order by fault"
    ).fetchall()
    for fault, count, detected, noticed, recovered, mended, bad in rows:
        # Where one of them never was, an average of the others would flatter.
        yield Measure("recovery", "detected_after", fault, "s", detected if noticed == count else None, count)
        yield Measure("recovery", "recovered_after", fault, "s", recovered if mended == count else None, count)
        yield Measure("recovery", "bad_rows", fault, "rows", float(bad), count)
