"""How old an hour's events were at each step on their way to readers, and what the way was made up of."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.duck import connect, fetch_table, view_files
from pipeline.manifests import find_table, read_manifest
from pipeline.report.account import Account
from pipeline.run import Run

STEPS = ("landed", "published")
# An hour published later than this after its end was fetched afterwards: its ages are true, and say nothing of the line.
BACKFILLED_AFTER = timedelta(days=1)


def measure_ages(run: Run, published: Sequence[datetime], folder: Path) -> dict[str, Any]:
    """The ages of the hour's landed events: `steps` with percentiles, `published_at`, `is_backfilled`; empty where no events
    have landed.

    Of the moments at which versions of the hour were published the first one after the events landed counts. Raises
    `duckdb.Error` when the events cannot be read.
    """
    manifest, found = read_manifest(run, "ingest_events"), find_table(run, "events")
    landed_text = manifest["timings"].get("landed_first_at") if manifest else None
    if found is None or landed_text is None:  # nothing has landed, or an earlier release landed it
        return {}
    landed = datetime.fromisoformat(landed_text)
    moments = sorted(published)
    first = next((moment for moment in moments if moment >= landed), moments[-1] if moments else None)
    with connect(run.settings, folder) as connection:
        view_files(connection, "events", [found[0]])
        rows = fetch_table(
            connection,
            "event_freshness",
            landed_at=landed,
            published_at=first,
            objective_seconds=run.settings.freshness_objective_minutes * 60,
        ).to_pylist()
    return {
        "landed_at": landed_text,
        "published_at": first.isoformat(timespec="milliseconds") if first else None,
        "is_backfilled": first is not None and first - run.end > BACKFILLED_AFTER,
        "objective_seconds": run.settings.freshness_objective_minutes * 60,
        "steps": {row.pop("step"): row for row in rows},
    }


def divide_way(account: Account, end: datetime) -> list[tuple[str, float]]:
    """What the time from the hour's events to its publishing was made up of: name and seconds, in the order of the way.

    Half of the events waited longer than the first part for their hour to end; then each stage's own seconds, and what was
    spent waiting before and between them. Of stages that ran side by side only what the others did not cover counts.
    """
    landed = {
        stage["stage"]: (datetime.fromisoformat(stage["landed_at"]), stage["seconds"])
        for stage in account["stages"]
        if stage.get("landed_at") and not stage["sentence"]
    }
    published = account["freshness"].get("published_at")
    if "publish" not in landed or not published or "published" not in account["freshness"]["steps"]:
        return []
    half = account["freshness"]["steps"]["published"]["p50_seconds"]
    parts = {"until the hour ended": max(half - (datetime.fromisoformat(published) - end).total_seconds(), 0.0)}
    reached = end
    for stage, (moment, seconds) in sorted(landed.items(), key=lambda item: item[1]):
        wall = max((moment - reached).total_seconds(), 0.0)
        waiting = "until its run began" if reached == end else "between the stages"
        parts[waiting] = parts.get(waiting, 0.0) + max(wall - seconds, 0.0)
        parts[stage] = min(wall, seconds)
        reached = max(reached, moment)
    return list(parts.items())
