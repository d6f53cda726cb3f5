"""Plans of faults, what they do to what a log delivers, and when a fault was over for readers."""

import json
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arms_world import at, event, listed, make_bundle, make_log

from pipeline.comparison.faults import BAD_DAY, Fault, FaultyFeed, break_ids, count_wrong, find_recovery, read_plan
from pipeline.comparison.feed import Feed
from pipeline.comparison.log import Log, record_shop
from pipeline.errors import BadInput
from pipeline.hours import HOUR, parse_hour

FIRST = parse_hour("2026-01-05T10")
HOURS = [FIRST + step * HOUR for step in range(3)]
LATE = {"fault": "late", "kind": "late", "hour": 1, "minutes": 25}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = tmp_path_factory.mktemp("faults") / "log"
    return record_shop(folder, HOURS[0], HOURS[-1], seed=1, users=60, items=80, events_per_hour=200, dirt=0.1)


def plan_of(folder: Path, *faults: dict[str, Any], **more: Any) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps({"schema": 1, "name": "test", "faults": list(faults)} | more))
    return path


def feed_of(folder: Path, log: Log, *faults: dict[str, Any]) -> FaultyFeed:
    return FaultyFeed(log, folder / "feed", read_plan(plan_of(folder, *faults), log))


def test_the_plan_of_the_repository_is_one_of_its_own_log() -> None:
    from pipeline.comparison.reenact import SHOP

    hours = int(SHOP[SHOP.index("--hours") + 1])
    log = Log(Path(), "shop", 0, FIRST, FIRST + hours * HOUR, {}, "")
    assert {fault.kind for fault in read_plan(BAD_DAY, log)} == {
        "late",
        "cut",
        "broken",
        "repeated",
        "catalog_cut",
        "database_away",
        "killed",
    }


def test_a_fault_holds_from_when_it_can_be_met_until_it_is_mended(tmp_path: Path, log: Log) -> None:
    more = [
        {"fault": "away", "kind": "database_away", "hour": 0.5, "minutes": 15},
        {"fault": "again", "kind": "repeated", "hour": 2, "hours": 1},
        {"fault": "half", "kind": "catalog_cut", "hour": 0, "share": 0.5},
        {"fault": "killed", "kind": "killed", "hour": 1.5},
    ]
    minutes = {
        fault.fault: tuple(moment and (moment - FIRST) / timedelta(minutes=1) for moment in (fault.began, fault.over))
        for fault in read_plan(plan_of(tmp_path, LATE, *more), log)
    }
    # In the order in which they begin; a file is wanted when its hour is over.
    assert list(minutes.items()) == [
        ("away", (30, 45)),
        ("half", (60, 120)),
        ("killed", (90, 90)),
        ("late", (120, 145)),
        ("again", (180, None)),
    ]


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([], r"plan\.json: faults is \[\]; it must not be empty\.$"),
        ([LATE | {"kind": "flood"}], r'faults\.0\.kind is "flood"; it must be one of late, cut, .*, killed\.$'),
        ([LATE | {"minuts": 5}], r"faults\.0 has minuts; its fields are fault, kind, hour, minutes, share, hours\.$"),
        ([{"fault": "x", "kind": "late"}], r"faults\.0 lacks hour\.$"),
        ([LATE | {"minutes": "5"}], r'faults\.0\.minutes is "5"; it must be a number\.$'),
        ([LATE | {"minutes": 0}], r"faults\.0\.minutes is 0; it must be more than 0\.$"),
        ([LATE | {"hour": -1}], r"faults\.0\.hour is -1; it must be at least 0\.$"),
        ([{"fault": "x", "kind": "late", "hour": 1}], "a fault late needs minutes"),
        ([LATE | {"share": 0.5}], "has minutes, share; a fault late needs minutes"),
        ([{"fault": "x", "kind": "killed", "hour": 1, "minutes": 3}], "a fault killed needs nothing else"),
        ([LATE | {"hour": 3}], "is of hour 3; it must be one of the log's, which has 3"),
        ([LATE | {"hour": 0.5}], "a whole one where a delivery is wrong"),
        ([LATE, LATE | {"hour": 2}], "two faults have the same name"),
        ([LATE, LATE | {"fault": "other", "kind": "cut", "share": 0.5}], "two faults have the same file"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_sentence(
    tmp_path: Path, log: Log, faults: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        read_plan(plan_of(tmp_path, *faults), log)


def test_a_plan_that_is_not_there_or_no_json_is_refused(tmp_path: Path, log: Log) -> None:
    (tmp_path / "plan.json").write_text("{")
    for path in (tmp_path / "plan.json", tmp_path / "none.json"):
        with pytest.raises(BadInput, match="is no plan of faults"):
            read_plan(path, log)


@pytest.mark.parametrize("kind", ["late", "cut", "broken"])
def test_a_file_is_wrong_until_it_is_mended_and_then_what_the_log_has(tmp_path: Path, log: Log, kind: str) -> None:
    share = {} if kind == "late" else {"share": 0.5}
    feed, plain = feed_of(tmp_path, log, LATE | {"kind": kind} | share), Feed(log, tmp_path / "plain")
    for hour in HOURS[:2]:
        assert feed.deliver(hour) == plain.deliver(hour)
    file, whole = feed.path_of("events", HOURS[1]), plain.path_of("events", HOURS[1]).read_bytes()
    feed.mend(HOURS[2] + timedelta(minutes=24))
    assert not file.exists() if kind == "late" else file.read_bytes() != whole
    if kind == "cut":
        assert len(file.read_bytes()) == round(len(whole) / 2)
    feed.mend(HOURS[2] + timedelta(minutes=25))
    assert file.read_bytes() == whole
    assert feed.path_of("events", HOURS[0]).read_bytes() == plain.path_of("events", HOURS[0]).read_bytes()


def test_so_large_a_share_of_ids_is_broken_and_no_other_value() -> None:
    rows = pa.table({"user_id": [f"u{place}" for place in range(10)] + [None], "item_id": ["i"] * 11})
    broken = break_ids(rows, 0.3)
    assert [user for user in broken["user_id"].to_pylist() if user and user.endswith("\x00\x00")] == [
        "u3\x00\x00",
        "u6\x00\x00",
        "u9\x00\x00",
    ]
    assert broken["user_id"].to_pylist()[10] is None
    assert broken["item_id"].equals(rows["item_id"])


def test_hours_that_come_again_stand_behind_the_hours_own_rows(tmp_path: Path, log: Log) -> None:
    feed = feed_of(tmp_path, log, {"fault": "again", "kind": "repeated", "hour": 2, "hours": 2})
    plain = Feed(log, tmp_path / "plain")
    expected = [plain.events_of(hour)["event_id"].to_pylist() for hour in (HOURS[2], HOURS[0], HOURS[1])]
    feed.deliver(HOURS[2])
    assert pq.read_table(feed.path_of("events", HOURS[2]))["event_id"].to_pylist() == [*chain(*expected)]
    assert feed.repeats_of(HOURS[2])["event_id"].to_pylist() == [*chain(*expected[1:])]
    assert len(feed.repeats_of(HOURS[1])) == 0


def test_of_a_cut_catalog_the_first_rows_are_left(tmp_path: Path, log: Log) -> None:
    half = {"fault": "half", "kind": "catalog_cut", "hour": 1, "share": 0.25}
    feed, plain = feed_of(tmp_path, log, half), Feed(log, tmp_path / "plain")
    feed.deliver(HOURS[1])
    plain.deliver(HOURS[1])
    whole, left = (pq.read_table(one.path_of("items", HOURS[1])) for one in (plain, feed))
    assert left.equals(whole.slice(0, round(len(whole) / 4)))


def fault(kind: str, began: float, over: float | None) -> Fault:
    return Fault("f", kind, at(began), at(began), None if over is None else at(over))


@pytest.mark.parametrize(
    ("kind", "began", "over", "recovered"),
    [
        # The run of 1 has read without the file; that of 3 is the first that began after it came.
        ("late", 1.0, 1.05, 3.1),
        ("late", 1.0, 0.5, 1.1),
        ("database_away", 1.0, 1.05, 1.1),  # the lists of 1 came when it was back
        ("killed", 3.05, 3.05, 3.1),
        ("late", 1.0, 9.0, None),
        ("repeated", 1.0, None, None),
    ],
)
def test_readers_are_served_as_before_by_the_first_lists_that_a_fault_does_not_touch(
    kind: str, began: float, over: float | None, recovered: float | None
) -> None:
    published = [(at(hour), at(hour + 0.1)) for hour in (1.0, 3.0, 5.0)]
    expected: datetime | None = None if recovered is None else at(recovered)
    assert find_recovery(fault(kind, began, over), at(began), published) == expected


def test_wrong_rows_are_those_of_what_cannot_be_bought_and_of_whom_nobody_knows(tmp_path: Path) -> None:
    log = make_log(tmp_path / "log", [event(1, "u", "a"), event(1, "w", "b")], [], items={"a": 0.0, "b": 0.0, "c": 5.0})
    lists = [
        *listed("1", "u", "abc", 2, 4),  # c came into the catalog later
        *listed("2", "u", "abc", 6),
        *listed("1", "stranger", "ab", 2, 4),
        *listed("1", None, "ab", 2),
    ]
    bundle = make_bundle(tmp_path / "bundle", log, {"recommendations": lists})
    assert count_wrong(bundle, log, at(3), at(5)) == 1 + 2
    assert count_wrong(bundle, log, at(4), None) == 0
    assert count_wrong(bundle, log, at(0), at(2)) == 0
    assert count_wrong(bundle, log, at(3), at(3)) == 0  # no time, no rows
