"""Runs on the simulated clock, of stages that take no time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.comparison import interval
from pipeline.comparison.clock import Interval
from pipeline.comparison.interval import run_interval
from pipeline.errors import AuditFailed
from pipeline.hours import HOUR, format_hour, parse_hour
from pipeline.line import STAGES
from pipeline.run import StageResult
from pipeline.settings import Settings, load_settings

FIRST = parse_hour("2026-01-05T10")
PAIR = Interval((FIRST, FIRST + HOUR))
FACTS = {"ledger": {"delivered": 7}, "outcome": "live", "version": "v"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path)


def stand_in(
    monkeypatch: pytest.MonkeyPatch, failing: str = "", after: int = 0, **facts: object
) -> list[tuple[str, str]]:
    """Stages that say FACTS; `failing` is refused when it is through with so many hours. Returns what ran."""
    ran: list[tuple[str, str]] = []

    def run_stage_of_hours(stage: str, hours: Sequence[datetime], _settings: Settings) -> Iterator[StageResult]:
        for place, hour in enumerate(hours):
            if stage == failing and place == after:
                raise AuditFailed("no good.")
            ran.append((stage, format_hour(hour)))
            yield StageResult(stage, format_hour(hour), 1, 1, 0.0, facts=FACTS | facts)

    monkeypatch.setattr(interval, "run_stage_of_hours", run_stage_of_hours)
    monkeypatch.setattr(interval, "report_failure", lambda *given: ran.append(("told", format_hour(given[1][0]))))
    return ran


def test_what_is_pulled_is_pulled_for_every_hour_and_the_rest_runs_as_of_the_last(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    told = stand_in(monkeypatch)
    ran = run_interval(PAIR, PAIR.end, settings)
    both = [(stage, format_hour(hour)) for stage in ("ingest_events", "ingest_catalog") for hour in PAIR.hours]
    assert told == both + [(stage, "2026-01-05T11") for stage in list(STAGES)[2:]]
    assert (ran.status, ran.version, ran.events_in) == ("published", "v", 14)
    assert sorted(ran.landed) == list(PAIR.hours)
    assert [took.stage for took in ran.took] == list(STAGES)


def test_the_clock_goes_on_by_what_each_stage_took(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    stand_in(monkeypatch)
    clock = iter(range(1000))  # every look at it is a second later
    monkeypatch.setattr("pipeline.stopwatch.time.perf_counter", lambda: float(next(clock)))
    ran = run_interval(PAIR, PAIR.end, settings)
    assert (ran.ended - ran.started).total_seconds() == len(STAGES)
    assert ran.published is not None
    assert (ran.published - ran.started).total_seconds() == list(STAGES).index("publish") + 1
    assert {(landed - ran.started).total_seconds() for landed in ran.landed.values()} == {1.0}


def test_a_stage_that_fails_ends_the_run_and_the_hour_is_reported(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    told = stand_in(monkeypatch, failing="train")
    ran = run_interval(PAIR, PAIR.end, settings)
    assert told[-2:] == [("prepare", "2026-01-05T11"), ("told", "2026-01-05T11")]
    assert (ran.status, ran.published, ran.version, ran.trouble) == ("failed", None, None, "no good.")
    assert [took.stage for took in ran.took] == ["ingest_events", "ingest_catalog", "prepare", "train"]


def test_only_hours_whose_events_landed_have_landed(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    stand_in(monkeypatch, failing="ingest_events", after=1)
    assert list(run_interval(PAIR, PAIR.end, settings).landed) == [FIRST]


def test_a_version_that_did_not_go_live_is_not_published(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    stand_in(monkeypatch, outcome="history")
    ran = run_interval(PAIR, PAIR.end, settings)
    assert (ran.status, ran.published, ran.version) == ("superseded", None, None)


def test_the_clock_goes_by_the_seconds_that_are_given(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    stand_in(monkeypatch)
    ran = run_interval(PAIR, PAIR.end, settings, dict.fromkeys(STAGES, 60.0))
    assert (ran.ended - ran.started).total_seconds() == 60 * len(STAGES)
    assert {took.seconds for took in ran.took} == {60.0}
