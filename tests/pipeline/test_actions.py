"""Sums of past hours: made once, right whatever landed in which order, and gone when they have to be."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from handmade_shop import FIRST, Row, event, item, landed, open_shop, rows

from pipeline.actions import FOLDER, drop_actions
from pipeline.hours import HOUR
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.manifests import find_table
from pipeline.run import Run
from pipeline.settings import Settings

ITEMS = [item(name) for name in "abc"]
TABLES = ("interactions", "queries", "query_items", "popular_items", "bought")
# The first hour is 10:00: hours 14 to 37 are the day after it.
BUSY = (13, 14, 20, 37, 38, 39)


def open_lake(folder: Path, events: Iterable[Row], hours: Iterable[int], **knobs: Any) -> Settings:
    """A shop of which these hours have landed, each list of hours in one go."""
    settings = open_shop(folder, ITEMS, events, **{"holdout_share": 0.0, "window_days": 2, "few_items": 1, **knobs})
    land(settings, hours)
    return settings


def land(settings: Settings, hours: Iterable[int]) -> None:
    for stage in ("ingest_events", "ingest_catalog"):
        list(run_stage_of_hours(stage, [FIRST + hour * HOUR for hour in hours], settings))


def prepare(settings: Settings, hour: int) -> dict[str, str]:
    """The hashes of what `prepare` of the hour made."""
    run_stage("prepare", FIRST + hour * HOUR, settings)
    found = {table: find_table(Run(FIRST + hour * HOUR, settings), table) for table in TABLES}
    return {table: one[1]["sha256"] for table, one in found.items() if one}


def sums(settings: Settings) -> dict[str, int]:
    """The files of sums there are, by day and hour, and when each was written."""
    files = sorted((settings.lake / FOLDER).rglob("*.parquet"))
    return {f"{path.parent.name}/{path.name.split('.')[0]}": path.stat().st_mtime_ns for path in files}


def of_hours(*hours: int) -> set[str]:
    return {f"{FIRST + hour * HOUR:%Y-%m-%d/%H}" for hour in hours}


def trade(hours: Iterable[int]) -> list[Row]:
    return [
        row
        for hour in hours
        for row in (
            event("search", f"u{hour % 3}", "red", hour=hour, minute=57),
            event("click", f"u{hour % 3}", "abc"[hour % 3], hour=hour, minute=58),
            event("purchase", f"u{hour % 3}", "abc"[hour % 3], hour=hour, minute=59),
        )
    ]


def delivered(row: Row, hour: int) -> Row:
    return row | {"ingested_at": f"{FIRST + hour * HOUR + timedelta(minutes=30):%Y-%m-%d %H:%M:%S}"}


def test_an_hour_makes_its_own_sums_only_and_a_whole_day_is_summed_once(tmp_path: Path) -> None:
    settings = open_lake(tmp_path, trade(BUSY), BUSY)
    prepare(settings, 38)
    before = sums(settings)
    assert set(before) == of_hours(13, 14, 20, 37, 38) | {"2026-01-06/day"}
    prepare(settings, 39)
    after = sums(settings)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == of_hours(39)


def test_sums_that_are_there_give_the_bytes_that_events_give(tmp_path: Path) -> None:
    settings = open_lake(tmp_path, trade(BUSY), BUSY)
    for hour in (20, 37, 38):
        prepare(settings, hour)
    kept = prepare(settings, 39)
    drop_actions(settings.lake)
    assert not sums(settings)
    assert prepare(settings, 39) == kept


def test_a_day_says_what_its_hours_say(tmp_path: Path) -> None:
    """But for the last millionth: a weight that is kept at the end of the day is rounded there."""
    settings = open_lake(tmp_path, trade(BUSY), BUSY)
    prepare(settings, 39)
    whole = landed(settings, "interactions", 39).to_pylist()
    files = list((settings.lake / FOLDER).rglob("*.parquet"))
    day = [path for path in files if path.name.startswith("day.")]
    assert len(day) == 1
    found = pq.read_table(day[0]).to_pylist()
    assert sum(row["events"] for row in found) == 9
    assert {(row["user_id"], row["item_id"], row["kind"]) for row in whole} == {
        (f"u{hour % 3}", "abc"[hour % 3], "purchase") for hour in BUSY
    }
    assert sum(row["weight"] for row in whole) == pytest.approx(len(BUSY) * 10_000_000, rel=0.1)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_links_and_repeats_do_not_depend_on_the_order_in_which_hours_landed(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    """The search came in the hour before its click; the click was delivered again in the hour after."""
    click = event("click", "u", "a", hour=1, minute=5, event_id="twice")
    events = [
        event("search", "u", "red", hour=0, minute=59),
        click,
        delivered(click, 2),
        event("click", "v", "b", hour=2),
    ]
    settings = open_lake(tmp_path, events, [])
    for hour in order:
        land(settings, [hour])
    prepare(settings, 2)
    assert rows(settings, "query_items", "query", "item_id", hour=2) == [("red", "a")]
    weights = dict(rows(settings, "interactions", "item_id", "weight", hour=2))
    assert 0.9 * weights["b"] < weights["a"] < 1.1 * weights["b"], "the repeated click counts once"


def test_a_search_that_is_delivered_after_its_click_changes_no_link(tmp_path: Path) -> None:
    late = delivered(event("search", "u", "red", hour=0, minute=1), 1)
    settings = open_lake(tmp_path, [event("click", "u", "a", minute=2), late], [0, 1])
    prepare(settings, 1)
    assert rows(settings, "interactions", "item_id", "query", hour=1) == [("a", None)]


def test_a_search_that_lands_late_in_an_hour_before_is_linked_to_then(tmp_path: Path) -> None:
    """Hour 1 was summed when hour 0 had not landed; its click belongs to a search of hour 0."""
    settings = open_lake(tmp_path, [event("search", "u", "red", minute=59), event("click", "u", "a", hour=1)], [1])
    prepare(settings, 1)
    assert rows(settings, "interactions", "item_id", "query", hour=1) == [("a", None)]
    land(settings, [0])
    prepare(settings, 1)
    assert rows(settings, "interactions", "item_id", "query", hour=1) == [("a", "red")]


def test_another_setting_makes_other_sums(tmp_path: Path) -> None:
    settings = open_lake(tmp_path, trade([0, 1]), [0, 1])
    first = prepare(settings, 1)
    quick = settings.model_copy(update={"half_life_days": 0.05})
    other = prepare(quick, 1)
    assert other["interactions"] != first["interactions"]
    assert prepare(settings, 1) == first
    drop_actions(settings.lake)
    assert prepare(quick, 1) == other


def test_a_damaged_file_of_sums_is_made_again(tmp_path: Path) -> None:
    settings = open_lake(tmp_path, trade([0, 1]), [0, 1])
    first = prepare(settings, 1)
    for path in (settings.lake / FOLDER).rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-7])
    assert prepare(settings, 1) == first


def test_hours_before_the_window_go(tmp_path: Path) -> None:
    settings = open_lake(tmp_path, trade([0, 1, 20, 24]), [0, 1, 20, 24], window_days=1)
    for hour, kept in ((0, {0}), (1, {0, 1}), (20, {0, 1, 20}), (24, {1, 20, 24})):
        prepare(settings, hour)
        assert set(sums(settings)) == of_hours(*kept)


def test_sums_up_to_an_hour_go_or_all(tmp_path: Path) -> None:
    for name in ("2026-01-04/23.x", "2026-01-05/09.x", "2026-01-05/10.x", "2026-01-05/11.x", "2026-01-05/day.x"):
        path = tmp_path / FOLDER / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    drop_actions(tmp_path, until=FIRST)
    assert [path.name for path in (tmp_path / FOLDER).rglob("*.parquet")] == ["11.x.parquet"]
    drop_actions(tmp_path)
    assert not list((tmp_path / FOLDER).iterdir())
    drop_actions(tmp_path / "no lake")


@pytest.mark.parametrize(("repeats", "minutes", "hours"), [(6, 30, 6), (0, 30, 1), (0, 61, 2), (1, 180, 3)])
def test_links_look_as_far_back_as_repeats_and_never_less_than_they_last(
    repeats: int, minutes: int, hours: int
) -> None:
    assert Settings(lookback_hours=repeats, link_minutes=minutes).look_back_hours == hours
