"""Looking back from an hour: what users searched for lately, and how the hours went."""

import json
from datetime import datetime, timedelta
from typing import Any

from pipeline.duck import connect
from pipeline.hours import HOUR, parse_hour
from pipeline.manifests import find_table, hour_folder, read_manifest
from pipeline.run import Run
from pipeline.settings import Settings
from pipeline.tables import PRODUCERS


def newest_hour(settings: Settings, stage: str = "ingest_events", with_failed: bool = True) -> datetime | None:
    """The newest hour that a stage has landed in, or (unless told otherwise) anything failed in, or None."""
    hours = settings.lake / "hours"
    for day in sorted((path.name for path in hours.iterdir()), reverse=True) if hours.is_dir() else []:
        for hour in sorted((path.name for path in (hours / day).iterdir()), reverse=True):
            folder = hours / day / hour
            if (folder / f"{stage}.json").exists() or (with_failed and (folder / "failed").is_dir()):
                return parse_hour(f"{day}T{hour}")
    return None


def recent_searches(settings: Settings, hour: datetime, users: int, searches: int = 3) -> dict[str, list[str]]:
    """The users who searched most lately, up to the end of the hour, each with their last different searches.

    Looks through the day before; a demonstration for people, never part of a table.
    """
    run = Run(hour=hour, settings=settings)
    paths = []
    for step in range(24):
        found = find_table(run, "events", hour - step * HOUR)
        if found and found[1]["rows"]:
            paths.append(str(found[0]))
    if not paths:
        return {}
    with connect(settings, settings.home) as connection:
        rows = connection.execute(
            """
            with typed as (
                select user_id, normalize_query(query) as query, max(occurred_at) as last_at
                from read_parquet($paths)
                where event_type = 'search' and user_id is not null
                group by all
            )
            select user_id, list(query order by last_at desc)[:$searches] as queries
            from typed
            group by user_id
            order by count(*) desc, user_id
            limit $users
            """,
            {"paths": paths, "users": users, "searches": searches},
        ).fetchall()
    return {user: list(queries) for user, queries in rows}


def hour_states(settings: Settings, last: datetime, count: int) -> list[dict[str, Any]]:
    """The last hours, newest first: what landed, the ledger of their events, and the sentence of what failed."""
    states = []
    for step in range(count):
        hour = last - timedelta(hours=step)
        run = Run(hour=hour, settings=settings)
        landed = {stage: read_manifest(run, stage) for stage in dict.fromkeys([*PRODUCERS.values(), "publish"])}
        failures = []
        for stage in landed:
            failed = hour_folder(settings.lake, hour) / "failed" / stage / "manifest.json"
            if failed.exists():
                failures.append(f"{stage}: {json.loads(failed.read_text(encoding='utf-8'))['sentence']}")
        if not any(landed.values()) and not failures:
            continue
        events = landed["ingest_events"]
        states.append(
            {
                "hour": run.name,
                "ledger": events["facts"]["ledger"] if events else None,
                "stages": [stage for stage, manifest in landed.items() if manifest],
                "seconds": sum(manifest["timings"]["seconds"] for manifest in landed.values() if manifest),
                "version": landed["publish"]["facts"]["version"] if landed["publish"] else None,
                "failures": failures,
            }
        )
    return states
