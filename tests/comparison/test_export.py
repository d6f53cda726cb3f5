"""Bundles of runs that went wrong."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.comparison.bundle import read_table
from pipeline.comparison.clock import split_hours
from pipeline.comparison.export import export_run, source_of
from pipeline.comparison.feed import Feed
from pipeline.comparison.interval import Ran, Took
from pipeline.comparison.log import record_shop
from pipeline.comparison.validate import find_breaches
from pipeline.hours import HOUR, parse_hour
from pipeline.settings import load_settings

FIRST = parse_hour("2026-01-05T10")
DESCRIBED = {
    "arm": "batch 1h",
    "kind": "batch",
    "seed": 1,
    "cadence_seconds": 3600.0,
    "delay_seconds": 0.0,
    "notes": "",
}


def test_when_every_run_fails_nobody_is_answered_and_every_event_is_lost(tmp_path: Path) -> None:
    shop = {"users": 60, "items": 80, "events_per_hour": 200, "dirt": 0.1}
    log = record_shop(tmp_path / "log", FIRST, FIRST + HOUR, seed=1, **shop)
    settings = load_settings(home=tmp_path / "home")
    took = [Took("ingest_events", 2.0, 1.0, 1 << 20, 0, 0)]
    ran = [
        Ran(one, one.end, one.end + timedelta(seconds=2), trouble="no good.", took=took)
        for one in split_hours(log.started, log.ended, HOUR)
    ]
    export_run(tmp_path / "out", log, Feed(log, tmp_path / "feed"), ran, settings, DESCRIBED)
    assert find_breaches(tmp_path / "out", log.folder) == []
    tables = {
        name: read_table(tmp_path / "out", name) for name in ("runs", "reads", "event_visibility", "recommendations")
    }
    assert tables["runs"]["status"].to_pylist() == ["failed", "failed"]
    assert Counter(tables["reads"]["status"].to_pylist()) == {503: log.counts["reads"]}
    assert Counter(tables["event_visibility"]["fate"].to_pylist()) == {"lost": log.counts["events"]}
    assert tables["event_visibility"]["first_visible"].null_count == log.counts["events"]
    assert tables["recommendations"].num_rows == 0


@pytest.mark.parametrize(
    ("reason", "source"),
    [
        ('["popular"]', "popular"),
        ('["popular","games"]', "segment"),
        ('["searched","chess"]', "searches"),
        ('["bought_together","i1"]', "personal"),
    ],
)
def test_a_row_comes_from_where_its_reason_says(reason: str, source: str) -> None:
    assert source_of(reason) == source
