"""Charts over hours: a gap where nothing is known, a mark at what is usual, and how an hour stands."""

from datetime import timedelta
from typing import Any

import pytest
from handmade_shop import FIRST

from pipeline.hours import format_hour
from pipeline.report import strip, trends
from pipeline.report.briefs import NOTHING, Brief, ages_of, fill_hours
from pipeline.report.stages import usual_seconds


def brief(place: int = 0, p95: float | None = 3600.0, **other: Any) -> Brief:
    steps = {"published": {"p50_seconds": 1800.0, "p95_seconds": p95}} if p95 is not None else {}
    freshness = {"steps": steps, "is_backfilled": False, "objective_seconds": 4500.0}
    told = {"hour": format_hour(FIRST + timedelta(hours=place)), "state": "published", "freshness": freshness}
    return {**NOTHING, **told, **other}


BACKFILLED = {"steps": {"published": {"p95_seconds": 1e6}}, "is_backfilled": True, "objective_seconds": 4500.0}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (brief(), "in time"),
        (brief(p95=4500.0), "in time"),
        (brief(p95=4500.1), "too late"),
        (brief(p95=None), "no version"),
        (brief(p95=None, version="2026-01-05T10-3fa9c1d2e4b7"), "no events"),
        (brief(state="blocked"), "blocked"),
        (brief(freshness=BACKFILLED), "backfilled"),
        ({**NOTHING, "hour": "2026-01-05T10"}, None),
    ],
)
def test_how_an_hour_stands_against_the_objective(told: Brief, expected: str | None) -> None:
    assert strip.stand(told) == expected


def test_hours_that_did_not_run_keep_their_place() -> None:
    filled = fill_hours([brief(0), brief(2)], FIRST + timedelta(hours=2), 4)
    assert [(told["hour"][-2:], told["state"]) for told in filled] == [
        ("09", "not run"),
        ("10", "published"),
        ("11", "not run"),
        ("12", "published"),
    ]


def test_the_strip_has_a_column_and_a_mark_for_each_hour_that_ran_and_says_which() -> None:
    ledger = {"events": {"delivered": 40}}
    drawn = strip.week(fill_hours([brief(0, ledgers=ledger), brief(1, p95=9000.0)], FIRST + timedelta(hours=3), 168))
    assert drawn.count("<rect") == 3  # two marks, and one column of events
    assert "2026-01-05T10: 40 events" in drawn and "2026-01-05T11: too late, p95 150 min" in drawn


def test_a_backfilled_hour_is_no_point_of_the_freshness_chart() -> None:
    hours = [brief(0), brief(1, freshness=BACKFILLED), brief(2, p95=4800.0)]
    assert [ages_of(told, "published") is None for told in hours] == [False, True, False]
    drawn = trends.freshness(hours)
    assert drawn.count("<circle") == 4 and "p95 80 min" in drawn and "objective: 75 min" in drawn
    assert "<svg" not in trends.freshness([brief(freshness=BACKFILLED)])


def test_the_model_is_drawn_beside_the_popular_list_and_not_at_all_where_nothing_was_judged() -> None:
    drawn = trends.quality([brief(figures={"recall": 0.25, "popular_recall": 0.125}), brief(1)], "recall")
    assert drawn and "model 0.25" in drawn and "popular list 0.125" in drawn
    drawn = trends.quality([brief(figures={"recall": 0.25, "predecessor_recall": 0.375}), brief(1)], "recall")
    assert drawn and "predecessor 0.375" in drawn
    assert trends.quality([brief()], "recall") is None


def test_drift_is_drawn_with_its_limit_where_it_was_judged() -> None:
    def gate(observed: float | None) -> dict[str, Any]:
        return {"stage": "prepare", "rule": "queries_drifted", "observed": observed, "limit": 0.2}

    drawn = trends.drift([brief(gates=[gate(0.25)])])
    assert drawn and "queries 0.25" in drawn and "warning: 0.2" in drawn
    assert trends.drift([brief(gates=[gate(None)])]) is None


def test_usual_is_the_median_of_the_other_hours_from_three_up() -> None:
    day = [
        brief(place, seconds={"train": float(place), "publish": 1.0} if place else {"train": 0.0}) for place in range(4)
    ]
    account = {"hour": day[-1]["hour"]}
    assert usual_seconds(account, day) == {"train": 1.0}  # 0, 1 and 2; publish ran in two others only
