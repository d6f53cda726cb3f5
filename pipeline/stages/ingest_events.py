"""Stage `ingest_events`: what the source delivered in the hour, every row accepted, quarantined or known as a duplicate."""

from datetime import timedelta

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.boundary import ID_LENGTH, take_in
from pipeline.lake import open_stage, reuse_landed
from pipeline.run import Run, StageResult
from pipeline.seeds import event_types

QUERY_LENGTH = 512
CLOCK_SKEW = timedelta(minutes=5)


def ingest_events(run: Run) -> StageResult:
    """`events` and `quarantined_events` of the hour have landed; an hour that has landed is reused unless re-pulled."""
    landed = reuse_landed(run, "ingest_events")
    if landed:
        return landed
    lookback = run.settings.lookback_hours
    limits = {
        "event_types": event_types(),
        "earliest": (run.hour - timedelta(hours=lookback)).isoformat(),
        "latest": (run.end + CLOCK_SKEW).isoformat(),
        "id_length": ID_LENGTH,
        "query_length": QUERY_LENGTH,
    }
    with open_stage(run, "ingest_events") as work:
        known = work.read_window("events", lookback, include_own=False)
        accepted = take_in(work, "events", limits, {"known_events": known})
        if accepted:
            moments = pq.read_table(work.draft("events"), columns=["occurred_at"])["occurred_at"]
            work.facts["newest_event_at"] = pc.max(moments).as_py().isoformat()
        else:
            work.note("no events in this hour")
        work.keep("events", **limits)
        work.keep("quarantined_events")
    return work.result()
