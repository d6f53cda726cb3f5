"""A home that ran some hours of a shop in which one user, the canary, can be told from all others in every byte."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from handmade_shop import FIRST, event, fill_shop, item

from pipeline.errors import AuditFailed
from pipeline.hours import HOUR, hours_between
from pipeline.line import STAGES, run_stage
from pipeline.manifests import read_manifest
from pipeline.privacy.erase import erase_request
from pipeline.privacy.requests import file_request
from pipeline.run import Run
from pipeline.serving import database
from pipeline.settings import Settings, load_settings

CANARY, SESSION, QUERY = "canary-user-7f3e", "canary-session-51ac", "Canary  query d00d"
TRACES = [CANARY, SESSION, "canary query d00d", QUERY]
HOURS = 3
ITEMS = [f"i{place}" for place in range(6)]


def canary_events() -> Iterator[dict[str, Any]]:
    """What the canary does: typed before logging in, found, bought, and one row that is refused."""
    for hour in range(HOURS):
        mine: dict[str, Any] = {"session_id": SESSION, "hour": hour}
        yield event("search", None, QUERY, minute=1, **mine)
        yield event("click", None, "i3", minute=2, **mine | {"session_id": f"{SESSION}\n"})
        yield event("search", CANARY, QUERY, minute=3, **mine)
        yield event("click", CANARY, "i1", minute=4, **mine)
        yield event("purchase", f" {CANARY}\u00a0", "i2", minute=5, **mine)
        yield event("veiw", f"{CANARY}\t", "i2", minute=6, **mine)
        yield event("search", CANARY, "red shoes", minute=7, **mine)


def other_events() -> Iterator[dict[str, Any]]:
    for hour in range(HOURS):
        for user in ("ann", "bob", "eve"):
            yield event("search", user, "red shoes", hour=hour, minute=8)
            yield event("click", user, "i1", hour=hour, minute=9)
            yield event("add_to_cart", user, "i4", hour=hour, minute=10)
        yield event("veiw", "ann", "i2", hour=hour, minute=11)


def fill_source(source: Path) -> None:
    """The source holds everybody's events and a small catalog."""
    source.parent.mkdir(parents=True, exist_ok=True)
    numbered = [row | {"event_id": f"e{place}"} for place, row in enumerate([*other_events(), *canary_events()])]
    fill_shop(f"sqlite:///{source}", [item(name) for name in ITEMS], numbered)


def canary_settings(home: Path, source: Path, serving_url: str = "") -> Settings:
    return load_settings(
        home=home,
        source_url=f"sqlite:///{source}",
        serving_url=serving_url if serving_url.startswith("postgres") else "",
        factors=4,
        iterations=2,
        gate_min_rows=1,
        malformed_limit=0.5,
        min_model_users=0,
    )


def run_hours(settings: Settings, repull: bool = False) -> None:
    """All hours have run, and the last one once more in vain, so that there is evidence of it."""
    for hour in hours_between(FIRST, FIRST + (HOURS - 1) * HOUR):
        for stage in STAGES:
            run_stage(stage, hour, settings, repull=repull)
    strict = settings.model_copy(update={"malformed_limit": 0.0})
    with pytest.raises(AuditFailed):
        run_stage("ingest_events", FIRST + (HOURS - 1) * HOUR, strict, repull=True)


def found_in_files(settings: Settings) -> list[str]:
    """Where a trace of the canary stands: in the bytes of a file, or in the text of a table."""
    found = []
    for path in sorted(path for path in settings.home.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":  # compressed: also what can be read out of it
            content += json.dumps(pq.read_table(path).to_pydict(), default=str, ensure_ascii=False).encode()
        found += [f"{path.relative_to(settings.home)}: {trace}" for trace in TRACES if trace.encode() in content]
    return found


def found_in_postgres(settings: Settings) -> list[str]:
    """Where a trace stands: in any row of any table of any schema, statistics included."""
    if not settings.serving_url.startswith("postgres"):
        return []
    found = []
    with psycopg.connect(settings.serving_url) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
        ).fetchall()
        for schema, name in [*tables, ("pg_catalog", "pg_stats")]:
            for trace in TRACES:
                query = f'select count(*) from "{schema}"."{name}" as t where t::text like %s'
                if connection.execute(query, [f"%{trace}%"]).fetchone() != (0,):
                    found.append(f"{schema}.{name}: {trace}")
    return found


def found(settings: Settings) -> list[str]:
    return found_in_files(settings) + found_in_postgres(settings)


def others(settings: Settings) -> dict[str, list[str]]:
    """Everybody else's rows of every landed table about people, as text."""
    kept: dict[str, list[str]] = {}
    for step in range(HOURS):
        run = Run(FIRST + step * HOUR, settings)
        for stage in STAGES:
            manifest = read_manifest(run, stage)
            for table in manifest["tables"] if manifest else ():
                told = rows_as_text(settings, table, step)
                kept[f"{table}@{step}"] = [row for row in told if not any(trace in row for trace in TRACES)]
    return kept


def rows_as_text(settings: Settings, table: str, step: int) -> list[str]:
    run = Run(FIRST + step * HOUR, settings)
    for stage in STAGES:
        manifest = read_manifest(run, stage)
        if manifest and table in manifest["tables"]:
            path = Path(manifest["folder"]) / manifest["tables"][table]["file"]
            return [json.dumps(row, default=str) for row in pq.read_table(path).to_pylist()]
    raise AssertionError(table)


def erase(settings: Settings, user: str = CANARY) -> dict[str, int]:
    engine = database.connect(settings.serving)
    number = file_request(engine, settings, user)
    engine.dispose()
    return erase_request(settings, number)
