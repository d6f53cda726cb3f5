from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sql_tables import END, rows_of

LANDED, PUBLISHED = END + timedelta(seconds=60), END + timedelta(seconds=300)


def ages(*seconds_before_the_end: float, **moments: datetime | None) -> dict[str, dict[str, Any]]:
    """The row of each step, for events that occurred so many seconds before the end of the hour."""
    events = [
        {"event_id": f"e{place}", "occurred_at": END - timedelta(seconds=seconds)}
        for place, seconds in enumerate(seconds_before_the_end)
    ]
    values = {"landed_at": LANDED, "published_at": PUBLISHED, "objective_seconds": 1000.0, **moments}
    return {row.pop("step"): row for row in rows_of("event_freshness", values, events=events)}


def test_an_event_ages_from_when_it_occurred_to_each_step() -> None:
    found = ages(0, 100, 1000)
    assert found["landed"] | {"p95_seconds": None, "p99_seconds": None} == {
        "events": 3,
        "p50_seconds": 160.0,
        "p95_seconds": None,
        "p99_seconds": None,
        "worst_seconds": 1060.0,
        "share_late": pytest.approx(1 / 3),
    }
    assert (found["published"]["p50_seconds"], found["published"]["worst_seconds"]) == (400.0, 1300.0)


def test_95_of_100_events_are_younger_than_p95() -> None:
    found = ages(*range(100))["landed"]
    assert found["p95_seconds"] == pytest.approx(60 + 94.05)
    assert found["p99_seconds"] == pytest.approx(60 + 98.01)


def test_a_step_that_was_not_reached_has_no_row() -> None:
    assert set(ages(5, published_at=None)) == {"landed"}
    assert ages() == {}


def test_an_event_from_a_clock_that_is_ahead_is_0_old() -> None:
    assert ages(-200)["landed"]["worst_seconds"] == 0.0


def test_what_is_exactly_as_old_as_the_objective_is_not_late() -> None:
    assert ages(940)["landed"]["share_late"] == 0.0
    assert ages(940.001)["landed"]["share_late"] == 1.0


@given(st.lists(st.integers(-300, 100_000), min_size=1, max_size=50), st.integers(0, 10_000))
def test_percentiles_rise_and_publishing_adds_what_it_took(seconds: list[int], took: int) -> None:
    found = ages(*seconds, published_at=LANDED + timedelta(seconds=took))
    names = ("p50_seconds", "p95_seconds", "p99_seconds", "worst_seconds")
    for row in found.values():
        values = [row[name] for name in names]
        assert values == sorted(values)
        assert (row["share_late"] > 0) == (row["worst_seconds"] > 1000)
        assert row["events"] == len(seconds)
    if min(seconds) >= -60:  # nothing was cut off at 0
        for name in names:
            assert found["published"][name] == pytest.approx(found["landed"][name] + took)
