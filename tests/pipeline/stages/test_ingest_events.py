"""Stage `ingest_events`: typed, counted, and told."""

from datetime import UTC, datetime
from pathlib import Path

from handmade_shop import FIRST, event, item, landed, ledger, open_shop

from pipeline.line import run_stage

ITEMS = [item("a")]


def test_an_hour_without_events_lands_an_empty_table_and_says_so(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [])
    result = run_stage("ingest_events", FIRST, settings)
    assert result.notes == ("no events in this hour",)
    assert (result.rows_in, result.rows_out) == (0, 0)
    assert landed(settings, "events").num_rows == 0
    assert ledger(settings) == {
        "delivered": 0,
        "accepted": 0,
        "quarantined": 0,
        "duplicate": 0,
        "replayed": 0,
        "mapped": 0,
        "by_rule": {},
        "every_failed_rule": {},
        "excluded_because": {},
    }


def test_an_empty_hour_has_the_columns_and_types_of_any_other(tmp_path: Path) -> None:
    empty, full = open_shop(tmp_path / "0", ITEMS, []), open_shop(tmp_path / "1", ITEMS, [event("click", "u", "a")])
    for settings in (empty, full):
        run_stage("ingest_events", FIRST, settings)
    for table in ("events", "quarantined_events"):
        one, two = (landed(settings, table).schema for settings in (empty, full))
        assert (one.names, one.types) == (two.names, two.types)


def test_a_late_event_belongs_to_the_hour_that_delivers_it(tmp_path: Path) -> None:
    late = event("click", "u", "a", hour=1, occurred_at="2026-01-05T10:59:00Z")
    settings = open_shop(tmp_path, ITEMS, [late])
    for hour in (0, 1):
        run_stage("ingest_events", FIRST.replace(hour=10 + hour), settings)
    assert landed(settings, "events").num_rows == 0
    (row,) = landed(settings, "events", 1).to_pylist()
    assert row["occurred_at"] == datetime(2026, 1, 5, 10, 59, tzinfo=UTC)
    assert row["lag_seconds"] == 3660


def test_an_event_is_too_late_past_the_look_back_and_from_the_future_past_five_minutes(tmp_path: Path) -> None:
    times = {
        "just in": "2026-01-05T08:00:00Z",
        "too late": "2026-01-05T07:59:59Z",
        "a little ahead": "2026-01-05T11:05:00Z",
        "too far ahead": "2026-01-05T11:05:01Z",
    }
    settings = open_shop(
        tmp_path, ITEMS, [event("click", user, "a", occurred_at=at) for user, at in times.items()], lookback_hours=2
    )
    run_stage("ingest_events", FIRST, settings)
    assert sorted(landed(settings, "events")["user_id"].to_pylist()) == ["a little ahead", "just in"]
    assert ledger(settings)["by_rule"] == {"future": 1, "too_late": 1}


def test_the_newest_event_is_a_fact_of_the_hour(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [event("click", "u", "a", minute=minute) for minute in (3, 44, 9)])
    assert run_stage("ingest_events", FIRST, settings).facts["newest_event_at"] == "2026-01-05T10:44:00+00:00"


def test_anonymous_sessions_count_as_much_as_users(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [event("search", None, "halo", session_id="s"), event("search", "u", "halo")])
    run_stage("ingest_events", FIRST, settings)
    assert ledger(settings)["accepted"] == 2
