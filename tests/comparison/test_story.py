"""The batch as teams write it first: what its job makes of what is delivered, and its arm with and without faults."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipeline.comparison.bundle import read_document, read_table
from pipeline.comparison.faults import Fault
from pipeline.comparison.log import Log, record_shop
from pipeline.comparison.story import CHUNKS, make_lists, read_history, reload_table, weigh_pairs
from pipeline.comparison.story_arm import run_story
from pipeline.comparison.story_job import Told, find_death
from pipeline.comparison.validate import find_breaches
from pipeline.errors import BadInput
from pipeline.hours import HOUR, parse_hour
from pipeline.settings import Settings, load_settings

FIRST = parse_hour("2026-01-05T10")
KNOBS: dict[str, Any] = {"factors": 8, "iterations": 2, "k": 5}
LOAD = HOUR / 2
CLOCK: dict[str, Any] = {"cadence": HOUR, "delay": HOUR, "load": LOAD}
SECOND = timedelta(seconds=1)
Rows = list[dict[str, Any]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path, **KNOBS)


def deliver(folder: Path, events: list[tuple[str | None, str, str | None]], name: str = "events") -> Path:
    path = folder / f"{name}.parquet"
    pd.DataFrame(events, columns=["user_id", "event_type", "item_id"]).to_parquet(path)
    return path


def offer(folder: Path, items: str) -> Path:
    path = folder / "items.parquet"
    rows = [{"item_id": item, "title": item, "price": "1", "is_available": "false"} for item in items]
    pd.DataFrame(rows, columns=["item_id", "title", "price", "is_available"]).to_parquet(path)
    return path


def test_a_row_that_comes_twice_counts_twice_and_a_type_that_nobody_knows_not_at_all(tmp_path: Path) -> None:
    rows = [("u", "click", "a"), ("u", "click", "a"), ("u", "veiw", "a"), ("u", "purchase", "b"), (None, "click", "a")]
    pairs = weigh_pairs(read_history([deliver(tmp_path, [*rows, ("u", "search", None)]), tmp_path / "late.parquet"]))
    assert pairs.to_dict("records") == [
        {"user_id": "u", "item_id": "a", "weight": 4.0},
        {"user_id": "u", "item_id": "b", "weight": 8.0},
    ]


def test_a_user_whose_id_is_broken_is_another_user_and_what_cannot_be_bought_is_recommended(
    tmp_path: Path, settings: Settings
) -> None:
    events = [(user, "click", item) for user, items in (("u", "ab"), ("u\x00", "bc"), ("w", "cd")) for item in items]
    lists, count = make_lists(settings, [deliver(tmp_path, events)], offer(tmp_path, "abc"))
    assert count == 6
    assert set(lists["user_id"]) == {"u", "u\x00", "w"}
    assert set(lists["item_id"]) <= set("abc")  # d is in no catalog; none of the others can be bought
    for user in ("u", "w"):
        of = lists[lists["user_id"] == user]
        assert list(of["rank"]) == [1, 2, 3]  # the place that d had is given to the next


def test_a_history_of_nothing_makes_no_list(tmp_path: Path, settings: Settings) -> None:
    lists, count = make_lists(settings, [], offer(tmp_path, "a"))
    assert (len(lists), count) == (0, 0)


def test_the_table_comes_back_part_by_part_after_it_was_dropped(tmp_path: Path) -> None:
    users = [f"u{place:03}" for place in range(50)]
    lists = pd.DataFrame({"user_id": users, "rank": 1, "item_id": "a", "score": 1.0, "title": "a", "price": "1"})
    with closing(sqlite3.connect(tmp_path / "served.db")) as connection:
        assert [*chain(*reload_table(connection, lists))] == users
        parts = reload_table(connection, lists)
        there = next(parts) + next(parts)
        parts.close()
        assert [user for (user,) in connection.execute("select user_id from recommendations")] == there == users[:5]
        assert len(list(reload_table(connection, lists))) == CHUNKS


def fault(kind: str, began: float, over: float | None = None) -> Fault:
    moments = (FIRST + began * HOUR, FIRST + (began if over is None else over) * HOUR)
    return Fault(kind, kind, moments[0], *moments)


@pytest.mark.parametrize(
    ("one", "dies"),
    [
        (fault("killed", 1), 4.25),
        (fault("killed", 4.4), 4.4),
        (fault("killed", 4.5), None),  # loaded by then
        (fault("database_away", 4.1, 4.2), 4.1),
        (fault("database_away", 3, 4.1), 4),
        (fault("database_away", 3, 4), None),
        (fault("database_away", 4.5, 5), None),
        (fault("late", 4.1, 4.2), None),
    ],
)
def test_a_job_dies_half_way_of_a_kill_and_of_a_database_that_goes_away_while_it_loads(
    one: Fault, dies: float | None
) -> None:
    expected = (None, None) if dies is None else (one, FIRST + dies * HOUR)
    assert find_death([one], FIRST + 4 * HOUR, LOAD) == expected


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = tmp_path_factory.mktemp("story") / "log"
    shop = {"users": 60, "items": 80, "events_per_hour": 200, "dirt": 0.1}
    return record_shop(folder, FIRST, FIRST + 5 * HOUR, seed=1, **shop)


@pytest.fixture(scope="module")
def calm(log: Log, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Told]]:
    out = tmp_path_factory.mktemp("calm") / "story"
    return out, run_story(log, out, cadence=2 * HOUR, delay=HOUR, load=LOAD, **KNOBS)


def rows_of(bundle: Path, table: str) -> Rows:
    return read_table(bundle, table).to_pylist()


def test_the_story_leaves_a_valid_bundle_of_a_control(log: Log, calm: tuple[Path, list[Told]]) -> None:
    bundle, _ = calm
    assert find_breaches(bundle, log.folder) == []
    arm = read_document(bundle, "arm")
    assert (arm["arm"], arm["kind"], arm["delay_seconds"]) == ("story 2h +1h", "control", 3600.0)
    assert rows_of(bundle, "faults") == []
    assert {path.name for path in bundle.parent.iterdir()} == {"story"}


def test_a_run_ends_its_delay_after_it_began_and_reads_what_is_there_when_it_begins(
    log: Log, calm: tuple[Path, list[Told]]
) -> None:
    runs = rows_of(calm[0], "runs")
    assert [run["interval_end"] for run in runs] == [FIRST + step * HOUR for step in (2, 4, 6)]
    for run, before in zip(runs, [None, *runs], strict=False):
        assert run["started"] == max([run["scheduled"], *([before["ended"]] if before else [])])
        assert HOUR <= run["ended"] - run["started"] < HOUR + 30 * SECOND
        assert run["published"] < run["ended"] and run["version"]
    assert runs[-1]["events_in"] == log.counts["events"]  # every row, however often it came


def test_lists_are_there_from_their_part_of_the_load_until_the_table_is_dropped(calm: tuple[Path, list[Told]]) -> None:
    bundle, told = calm
    lists = {(row["version"], row["user_id"]): row for row in rows_of(bundle, "recommendations")}
    for one, after in zip(told, [*told[1:], None], strict=True):
        mine = [row for (version, _), row in lists.items() if version == one.version]
        assert {row["valid_to"] for row in mine} == {after.dropped if after else None}
        assert one.dropped and min(row["valid_from"] for row in mine) >= one.dropped + LOAD / CHUNKS
        assert max(row["valid_from"] for row in mine) == one.ended
        assert len({row["valid_from"] for row in mine}) == min(CHUNKS, len({row["user_id"] for row in mine}))
    assert None not in {user for _, user in lists}  # there is no list of everyone


def test_who_has_no_row_is_answered_400_once_there_was_one(calm: tuple[Path, list[Told]]) -> None:
    bundle, _ = calm
    lists = rows_of(bundle, "recommendations")
    spans: dict[str, list[tuple[Any, Any]]] = {}
    for row in lists:
        spans.setdefault(row["user_id"], []).append((row["valid_from"], row["valid_to"]))
    first = min(row["valid_from"] for row in lists)
    expected = [
        503
        if row["t"] < first
        else 200
        if any(
            since <= row["t"] and (until is None or row["t"] < until) for since, until in spans.get(row["user_id"], [])
        )
        else 400
        for row in rows_of(bundle, "reads")
    ]
    assert [row["status"] for row in rows_of(bundle, "reads")] == expected
    assert {200, 400, 503} == set(expected)


def test_every_row_counts_and_is_visible_once_lists_that_have_read_it_are_whole(
    log: Log, calm: tuple[Path, list[Told]]
) -> None:
    bundle, told = calm
    seen, events = rows_of(bundle, "event_visibility"), log.read("events").to_pylist()
    assert Counter(row["fate"] for row in seen) == {"accepted": log.counts["events"]}
    for row, event in zip(seen, events, strict=True):
        one = next(one for one in told if event["delivered_at"] < one.interval.end)
        reaches = event["user_id"] and event["item_id"] and event["event_type"] in {"click", "add_to_cart", "purchase"}
        if event["event_type"] != "search":
            assert row["first_visible"] == (one.ended if reaches else None)
        assert row["landed"] == one.started


def test_loading_cannot_take_longer_than_the_job(log: Log, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="loading takes 1h of 30m"):
        run_story(log, tmp_path / "out", cadence=HOUR, delay=HOUR / 2, load=HOUR)


FAULTS: Rows = [
    {"fault": "late", "kind": "late", "hour": 0, "minutes": 30},
    {"fault": "away", "kind": "database_away", "hour": 2.75, "minutes": 20},
    {"fault": "cut", "kind": "cut", "hour": 2, "minutes": 30, "share": 0.5},
    {"fault": "killed", "kind": "killed", "hour": 4.25},
    {"fault": "again", "kind": "repeated", "hour": 4, "hours": 1},
]


@pytest.fixture(scope="module")
def bad(log: Log, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Told]]:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "plan.json").write_text(json.dumps({"schema": 1, "name": "test", "faults": FAULTS}))
    out = folder / "story"
    return out, run_story(log, out, plan=folder / "plan.json", **CLOCK, **KNOBS)


def test_with_faults_the_bundle_is_valid_and_its_name_says_so(log: Log, bad: tuple[Path, list[Told]]) -> None:
    bundle, told = bad
    assert find_breaches(bundle, log.folder) == []
    assert read_document(bundle, "arm")["arm"] == "story 1h +1h (faults)"
    versions = {run["version"] for run in rows_of(bundle, "runs")}
    assert {row["version"] for row in rows_of(bundle, "recommendations")} <= versions
    # The runs of 11 to 16: the file of 10 is late, the database goes away while the second loads, the third cannot read.
    assert [one.status for one in told] == ["published", "failed", "failed", "failed", "published", "published"]
    assert [one.died_of and one.died_of.fault for one in told] == [None, "away", "cut", "killed", None, None]


def test_a_table_that_a_run_left_half_loaded_stays_so_until_the_next_that_comes_through(
    bad: tuple[Path, list[Told]],
) -> None:
    bundle, told = bad
    lists = rows_of(bundle, "recommendations")
    half = {row["user_id"] for row in lists if row["version"] == told[1].version}
    whole = told[1].lists
    assert whole is not None and 0 < len(half) < len(set(whole["user_id"].to_pylist()))
    assert {row["valid_to"] for row in lists if row["version"] == told[1].version} == {told[3].dropped}
    assert told[2].version is None and told[2].dropped is None  # it died before it dropped anything
    assert not {row["version"] for row in lists} - {one.version for one in told}


def test_while_the_database_is_away_everybody_is_answered_503(bad: tuple[Path, list[Told]]) -> None:
    away = (FIRST + 2.75 * HOUR, FIRST + 2.75 * HOUR + timedelta(minutes=20))
    meanwhile = [row for row in rows_of(bad[0], "reads") if away[0] <= row["t"] < away[1]]
    assert len(meanwhile) > 5
    assert {(row["status"], row["version"], row["items"]) for row in meanwhile} == {(503, None, 0)}


def test_what_was_late_is_visible_one_run_later(log: Log, bad: tuple[Path, list[Told]]) -> None:
    bundle, told = bad
    late = next(row for row in rows_of(bundle, "event_visibility") if row["first_visible"])  # of the first hour
    assert late["landed"] == told[1].started
    assert late["first_visible"] == told[4].ended


def test_the_story_notices_only_what_its_job_dies_of(bad: tuple[Path, list[Told]]) -> None:
    bundle, told = bad
    faults = {row["fault"]: row for row in rows_of(bundle, "faults")}
    assert {name: row["detected"] for name, row in faults.items()} == {
        "late": None,
        "away": told[1].ended,
        "cut": told[2].ended,
        "killed": told[3].ended,
        "again": None,
    }
    back = told[4].ended
    recovered = {name: row["recovered"] for name, row in faults.items()}
    assert recovered == {"late": back, "away": back, "cut": back, "killed": back, "again": None}
    assert faults["killed"]["started"] == told[3].ended


def test_rows_of_a_run_are_those_that_it_loaded(bad: tuple[Path, list[Told]]) -> None:
    written = Counter(row["version"] for row in rows_of(bad[0], "recommendations"))
    runs = rows_of(bad[0], "runs")
    assert {run["version"]: run["rows_out"] for run in runs if run["rows_out"]} == written
    assert [(run["published"] is None) for run in runs] == [one.dropped is None for one in bad[1]]
    assert (
        bad[1][0].status == "published" and runs[0]["rows_out"] == 0
    )  # of an hour whose file was late: an empty table


def test_arrow_tables_of_nothing_are_exported(log: Log, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    cut = {"fault": "cut", "kind": "cut", "hour": 0, "minutes": 6000, "share": 0.5}
    plan.write_text(json.dumps({"schema": 1, "name": "test", "faults": [cut]}))
    told = run_story(log, tmp_path / "out", plan=plan, **CLOCK, **KNOBS)
    assert {one.status for one in told} == {"failed"}
    assert find_breaches(tmp_path / "out", log.folder) == []
    assert isinstance(read_table(tmp_path / "out", "recommendations"), pa.Table)
    assert Counter(row["status"] for row in rows_of(tmp_path / "out", "reads")) == {503: log.counts["reads"]}
    assert Counter(row["fate"] for row in rows_of(tmp_path / "out", "event_visibility")) == {
        "lost": log.counts["events"]
    }
