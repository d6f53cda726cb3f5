"""Stage `ingest_events`: what the source delivered in the hour, every row accepted, quarantined or known as a duplicate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.boundary import ID_LENGTH, take_in
from pipeline.drift import judge_volume
from pipeline.files import hash_file
from pipeline.hours import HOUR
from pipeline.inbox import inboxes_stay
from pipeline.lake import Work, keep_together, open_stages, reuse_landed
from pipeline.run import Run, StageResult
from pipeline.seeds import event_types
from pipeline.sources.read import explain_absence

QUERY_LENGTH = 512
SKEW_SECONDS = 300


def ingest_events(run: Run) -> StageResult:
    """What the hour delivered has landed, accepted or refused; an hour that has landed is reused unless re-pulled."""
    return reuse_landed(run, "ingest_events") or ingest_events_of_hours([run])[0]


def ingest_events_of_hours(runs: Sequence[Run]) -> list[StageResult]:
    """The same for several hours at once, oldest first, which costs less than one by one; none lands when one is refused."""
    lookback = runs[0].settings.lookback_hours
    limits = suite_limits(lookback)
    with inboxes_stay(runs[0].lake), open_stages(runs, "ingest_events") as works:
        take_in(works, "events", limits, lambda work: known_events(work, works, lookback))
        for work in works:
            judge_volume(work, works)
            moments = pq.read_table(work.draft("events"), columns=["occurred_at"])["occurred_at"]
            if len(moments):
                work.facts["newest_event_at"] = pc.max(moments).as_py().isoformat()
            else:
                absent = explain_absence(work.run, "events", works[0].folder)
                work.note(f"no events in this hour{f': {absent}' * bool(absent)}")
        keep_together(works, "events", **limits)
        keep_together(works, "quarantined_events")
        keep_together(works, "delivered_rows")
    return [work.result() for work in works]


def suite_limits(lookback_hours: int) -> dict[str, Any]:
    """What the suite of events is called with."""
    return {
        "event_types": event_types(),
        "lookback_hours": lookback_hours,
        "skew_seconds": SKEW_SECONDS,
        "id_length": ID_LENGTH,
        "query_length": QUERY_LENGTH,
    }


def known_events(work: Work, works: Sequence[Work], lookback: int) -> list[Path]:
    """The events of the hours before, within the look-back: drafted beside this one, or landed."""
    drafted = {other.run.hour: other for other in works if other.run.hour < work.run.hour}
    paths = []
    for step in range(lookback, 0, -1):
        other = drafted.get(work.run.hour - step * HOUR)
        if other is None:
            paths += work.read_hour("events", work.run.hour - step * HOUR)
        else:
            work.inputs[f"events@{other.run.name}"] = hash_file(other.draft("events"))
            paths.append(other.draft("events"))
    return paths
