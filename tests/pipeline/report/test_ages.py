"""How old an hour's events were when they landed and when they were published, by clocks that the test holds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from handmade_shop import FIRST, event, item, open_shop
from hypothesis import given
from hypothesis import strategies as st

from pipeline import landing, stopwatch
from pipeline.hours import HOUR
from pipeline.line import run_stage
from pipeline.manifests import read_manifest
from pipeline.report.ages import divide_way, measure_ages
from pipeline.run import Run
from pipeline.settings import Settings

END = FIRST + HOUR
MINUTE = timedelta(minutes=1)
Land = Callable[..., Settings]


@pytest.fixture
def land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Land:
    """Lands two events, 59 and 29 minutes before the hour's end, with the clock at so many minutes after it."""
    settings = open_shop(tmp_path, [item("a")], [event("click", f"u{n}", "a", minute=n) for n in (1, 31)])

    def land_at(minutes: float, repull: bool = False) -> Settings:
        moment = END + minutes * MINUTE
        monkeypatch.setattr(stopwatch, "read_moment", lambda: moment.isoformat())
        run_stage("ingest_events", FIRST, settings, repull)
        return settings

    return land_at


def measure(settings: Settings, *published: float) -> dict[str, Any]:
    moments = [END + minutes * MINUTE for minutes in published]
    return measure_ages(Run(FIRST, settings), moments, settings.home)


def worst(found: dict[str, Any]) -> dict[str, float]:
    return {step: ages["worst_seconds"] / 60 for step, ages in found["steps"].items()}


def test_an_hour_that_is_not_published_has_the_step_landed_alone(land: Land) -> None:
    found = measure(land(2))
    assert worst(found) == {"landed": 61.0}
    assert (found["published_at"], found["is_backfilled"]) == (None, False)
    assert found["steps"]["landed"]["events"] == 2


def test_the_first_version_after_the_landing_counts_and_a_later_one_changes_nothing(land: Land) -> None:
    settings = land(2)
    assert worst(measure(settings, 600, 5)) == worst(measure(settings, 5)) == {"landed": 61.0, "published": 64.0}


def test_the_same_bytes_landed_again_are_as_old_as_before(land: Land) -> None:
    land(2)
    settings = land(900, repull=True)
    manifest = read_manifest(Run(FIRST, settings), "ingest_events")
    assert manifest
    assert manifest["timings"]["landed_at"] > manifest["timings"]["landed_first_at"] == (END + 2 * MINUTE).isoformat()
    assert worst(measure(settings, 5)) == {"landed": 61.0, "published": 64.0}


def test_other_bytes_of_the_hour_wait_for_a_version_of_their_own(land: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    settings = land(2)
    with sqlite3.connect(settings.shop_url.removeprefix("sqlite:///")) as shop:
        shop.execute("update events set user_id = 'another' where event_id = 'e0'")
    land(900, repull=True)
    assert worst(measure(settings, 5, 905)) == {"landed": 959.0, "published": 964.0}


@pytest.mark.parametrize(("hours", "expected"), [(0.1, False), (24.0, False), (24.1, True), (500.0, True)])
def test_an_hour_published_more_than_a_day_after_its_end_is_backfilled(
    land: Land, hours: float, expected: bool
) -> None:
    assert measure(land(2), hours * 60)["is_backfilled"] is expected


def test_an_hour_that_an_earlier_release_landed_is_not_measured(land: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "when_landed", lambda tables, before: {})
    assert measure(land(2), 5) == {}


def stage(name: str, minutes: float, seconds: float) -> dict[str, Any]:
    return {"stage": name, "seconds": seconds, "landed_at": (END + minutes * MINUTE).isoformat(), "sentence": None}


def account(*stages: dict[str, Any], half: float = 2100.0) -> dict[str, Any]:
    published = max((datetime.fromisoformat(one["landed_at"]) for one in stages), default=END)
    steps = {"published": {"p50_seconds": half}}
    return {"stages": list(stages), "freshness": {"published_at": published.isoformat(), "steps": steps}}


def test_the_way_is_made_up_of_waiting_and_of_what_each_stage_took() -> None:
    way = divide_way(account(stage("ingest_events", 3, 60), stage("train", 4, 30), stage("publish", 5, 60)), END)
    assert way == [
        ("until the hour ended", 1800.0),
        ("until its run began", 120.0),
        ("ingest_events", 60.0),
        ("between the stages", 30.0),
        ("train", 30.0),
        ("publish", 60.0),
    ]


def test_of_stages_side_by_side_only_what_the_others_did_not_cover_counts() -> None:
    way = dict(
        divide_way(
            account(stage("ingest_events", 3, 60), stage("ingest_catalog", 3.5, 90), stage("publish", 4, 30)), END
        )
    )
    assert (way["ingest_events"], way["ingest_catalog"]) == (60.0, 30.0)


@given(st.lists(st.tuples(st.floats(0.1, 500), st.floats(0, 9_000)), min_size=1, max_size=8))
def test_the_parts_add_up_to_the_age_of_an_event_in_the_middle(landed: list[tuple[float, float]]) -> None:
    names = [*(f"stage {place}" for place in range(len(landed) - 1)), "publish"]
    stages = [stage(name, *one) for name, one in zip(names, sorted(landed), strict=True)]
    half = sorted(landed)[-1][0] * 60 + 1800
    assert sum(seconds for _, seconds in divide_way(account(*stages, half=half), END)) == pytest.approx(half, abs=0.01)


def test_an_hour_that_was_not_published_has_no_way() -> None:
    assert divide_way(account(stage("ingest_events", 3, 60)), END) == []


def test_moments_are_told_in_utc() -> None:
    moment = datetime.fromisoformat(stopwatch.read_moment())
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
    assert moment.utcoffset() == timedelta(0)
