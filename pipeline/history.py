"""Looking back from an hour: what users searched for lately, and how the hours went."""

from datetime import datetime, timedelta
from typing import Any

from pipeline.duck import connect
from pipeline.files import as_pattern
from pipeline.hours import HOUR, parse_hour
from pipeline.manifests import find_table, read_failure, stage_facts
from pipeline.report.account import count_rules, read_account
from pipeline.run import Run
from pipeline.settings import Settings
from pipeline.tables import LANDING


def newest_hour(settings: Settings, stage: str | None = None, with_failed: bool = True) -> datetime | None:
    """The newest hour that a stage (any, when none is named) has landed in, or (unless told otherwise) anything failed in.

    None when there is no such hour.
    """
    stages = (stage,) if stage else LANDING
    hours = settings.lake / "hours"
    for day in sorted((path.name for path in hours.iterdir()), reverse=True) if hours.is_dir() else []:
        for hour in sorted((path.name for path in (hours / day).iterdir()), reverse=True):
            folder = hours / day / hour
            landed = any((folder / f"{name}.json").exists() for name in stages)
            if landed or (with_failed and (folder / "failed").is_dir()):
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
            paths.append(as_pattern(found[0]))
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
    """The last hours, newest first: what landed, the ledger of their events, and the sentences of what failed or warned.

    Told by the lake's manifests and not by the serving database, which may be the very thing that does not answer.
    """
    states = []
    for step in range(count):
        run = Run(hour=last - timedelta(hours=step), settings=settings)
        account, report = read_account(run), read_failure(run, "report")
        failures = [
            f"{stage['stage']}: {stage['sentence'].removeprefix(f'{run.name}: ')}"
            for stage in account["stages"]
            if stage["sentence"]
        ]
        if report:
            failures.append(f"report: {report['sentence']}")
        if not account["stages"] and not failures:
            continue
        states.append(
            {
                "hour": run.name,
                "ledger": account["ledgers"].get("events"),
                "catalog": stage_facts(run, "ingest_catalog").get("catalog"),
                "stages": [stage["stage"] for stage in account["stages"] if not stage["sentence"]],
                "seconds": sum(stage["seconds"] for stage in account["stages"] if not stage["sentence"]),
                "usd": account["usd"],
                "unpriced": account["unpriced"],
                "version": account["version"],
                "rules": count_rules(account),
                "failures": failures,
                "warnings": [
                    f"{found['table']}: {found['rule']}: {found['sentence'].removeprefix(found['table'] + ': ')}"
                    for found in account["quality"]
                    if not found["passed"] and found["severity"] == "warning"
                ],
            }
        )
    return states
