"""What is measured of the line, as functions that a process of its own can be given."""

from datetime import datetime
from typing import Any

from measured import read_clocks
from parts import clock_parts, tell_parts

from pipeline.backfill import backfill_hours
from pipeline.line import STAGES, run_stage
from pipeline.manifests import hour_folder
from pipeline.settings import Settings


def do_stage(stage: str, hour: datetime, settings: Settings) -> dict[str, Any]:
    """A stage of the line has run."""
    result = run_stage(stage, hour, settings)
    told = {"rows_in": result.rows_in, "rows_out": result.rows_out, "way": result.facts.get("way", "")}
    if stage == "recommend" and result.facts["users"]:
        told["made_anew"] = 1 - result.facts["resting_users"] / result.facts["users"]
    return told


def do_stage_in_parts(stage: str, hour: datetime, settings: Settings) -> dict[str, Any]:
    """The same, and what its parts took."""
    with clock_parts() as parts:
        began, _ = read_clocks()
        told = do_stage(stage, hour, settings)
        return {**told, "parts": tell_parts(parts, read_clocks()[0] - began)}


def do_hour(hour: datetime, settings: Settings) -> dict[str, Any]:
    """Every stage of the hour has run in this process; returns what each took, and what the hour left behind."""
    took = {}
    for stage in STAGES:
        before = read_clocks()
        run_stage(stage, hour, settings)
        took[stage] = [now - then for now, then in zip(read_clocks(), before, strict=True)]
    files = [path for path in hour_folder(settings.lake, hour).rglob("*") if path.is_file()]
    return {"took": took, "files": len(files), "mb": sum(path.stat().st_size for path in files) / 1e6}


def do_hours(hours: list[datetime], settings: Settings, stages: list[str]) -> dict[str, Any]:
    """The stages of many hours have run, as a backfill runs them."""
    ledger = backfill_hours(settings, hours, stages)
    return {"rows_in": ledger["delivered"], "rows_out": ledger["accepted"]}
