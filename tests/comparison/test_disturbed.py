"""The batch arm under faults: tried again as the DAG does it, and served meanwhile as the read API does it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from pipeline.comparison import disturbed
from pipeline.comparison.batch import open_home, run_batch
from pipeline.comparison.bundle import read_document, read_table
from pipeline.comparison.clock import Interval
from pipeline.comparison.disturbed import (
    WAITS,
    Disturbed,
    answer_cut_off,
    find_notice,
    is_counted,
    recover,
    run_disturbed,
    take_database,
)
from pipeline.comparison.export import find_taker
from pipeline.comparison.faults import Fault, FaultyFeed
from pipeline.comparison.interval import PULLED, Ran
from pipeline.comparison.log import Log, record_shop
from pipeline.comparison.validate import find_breaches
from pipeline.errors import AuditFailed, BadInput, TreasureHuntError, Unreachable, Unreadable
from pipeline.hours import HOUR, parse_hour
from pipeline.line import STAGES
from pipeline.run import StageResult
from pipeline.serving.contract import Answer, Asked, Listed, Source
from pipeline.serving.database import connect, create_schema, reading
from pipeline.settings import Settings, load_settings

FIRST = parse_hour("2026-01-05T10")
HOURS = [FIRST + step * HOUR for step in range(3)]
INTERVALS = [Interval((hour,)) for hour in HOURS]
NONE = timedelta()
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = tmp_path_factory.mktemp("disturbed") / "log"
    return record_shop(folder, HOURS[0], HOURS[-1], seed=1, users=60, items=80, events_per_hour=200, dirt=0.1)


def arm_of(log: Log, folder: Path, *faults: Fault) -> Disturbed:
    return Disturbed(log, FaultyFeed(log, folder / "feed", faults), load_settings(home=folder), faults)


def stand_in(
    monkeypatch: pytest.MonkeyPatch, fails: Callable[[Ran, str], Exception | None]
) -> list[tuple[datetime, str]]:
    """Stages that take no time and fail as told; returns what was tried, and when."""
    tried: list[tuple[datetime, str]] = []

    def run_once(ran: Ran, stage: str, _settings: Settings) -> list[StageResult]:
        tried.append((ran.ended, stage))
        if error := fails(ran, stage):
            raise error
        if stage == "ingest_events":
            ran.landed = dict.fromkeys(ran.interval.hours, ran.ended)
        if stage == "publish":
            ran.status, ran.published, ran.version = "published", ran.ended, f"v{ran.interval.end:%H}"
        return [StageResult(stage, "", 1, 1, 0.0)]

    monkeypatch.setattr(disturbed, "run_once", run_once)
    monkeypatch.setattr(disturbed, "report_failure", lambda *given: tried.append((given[1][0] + HOUR, "told")))
    return tried


def test_a_stage_that_may_pass_later_is_tried_three_times_more_ever_later(
    monkeypatch: pytest.MonkeyPatch, log: Log, tmp_path: Path
) -> None:
    tried = stand_in(monkeypatch, lambda _ran, stage: Unreachable("away.") if stage == "publish" else None)
    arm = arm_of(log, tmp_path)
    run_disturbed(arm, INTERVALS[:1], NONE)
    waited = [(at - HOURS[1]) / timedelta(minutes=1) for at, stage in tried if stage == "publish"]
    assert waited == [0, 1, 3, 7]
    assert tried[-1][1] == "told"
    [ran] = arm.ran
    assert (ran.status, ran.trouble, ran.ended) == ("failed", "away.", HOURS[1] + sum(WAITS, NONE))


def test_a_stage_that_passes_at_last_lets_the_run_go_on(
    monkeypatch: pytest.MonkeyPatch, log: Log, tmp_path: Path
) -> None:
    errors = iter([Unreachable("away."), TreasureHuntError("killed.")])
    tried = stand_in(monkeypatch, lambda _ran, stage: next(errors, None) if stage == "train" else None)
    arm = arm_of(log, tmp_path)
    run_disturbed(arm, INTERVALS[:1], NONE)
    assert Counter(stage for _, stage in tried) == Counter(STAGES.keys()) + Counter({"train": 2})
    assert arm.ran[0].published == HOURS[1] + timedelta(minutes=3)
    assert [sentence for *_, sentence in arm.said] == ["away.", "killed."]


@pytest.mark.parametrize("error", [AuditFailed("no good."), BadInput("wrong.")])
def test_refused_data_and_wrong_input_are_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, log: Log, tmp_path: Path, error: Exception
) -> None:
    tried = stand_in(monkeypatch, lambda _ran, stage: error if stage == "prepare" else None)
    arm = arm_of(log, tmp_path)
    run_disturbed(arm, INTERVALS[:1], NONE)
    assert [stage for _, stage in tried] == [*PULLED, "prepare", "told"]
    assert arm.ran[0].ended == HOURS[1]


def cut(minutes: float) -> Fault:
    return Fault("cut", "cut", HOURS[0], HOURS[1], HOURS[1] + timedelta(minutes=minutes), share=0.5)


@pytest.mark.parametrize(
    ("minutes", "order"), [(50, ["10", "10 again", "11", "12"]), (70, ["10", "11", "10 again", "12"])]
)
def test_a_refused_hour_is_run_again_before_the_next_one_once_its_delivery_is_mended(
    monkeypatch: pytest.MonkeyPatch, log: Log, tmp_path: Path, minutes: float, order: list[str]
) -> None:
    fault = cut(minutes)

    def fails(ran: Ran, stage: str) -> Exception | None:
        is_cut = stage == "ingest_events" and ran.interval.hours == (HOURS[0],) and fault.is_on(ran.ended)
        return Unreadable("damaged") if is_cut else None

    stand_in(monkeypatch, fails)
    arm = arm_of(log, tmp_path, fault)
    run_disturbed(arm, INTERVALS, NONE)
    ran = [f"{one.interval.start:%H}{' again' if one.attempt > 1 else ''}" for one in arm.ran]
    assert ran == order
    assert [one.status for one in arm.ran].count("failed") == 1


def test_an_hour_that_is_refused_for_what_nobody_mends_is_not_run_again(
    monkeypatch: pytest.MonkeyPatch, log: Log, tmp_path: Path
) -> None:
    stand_in(monkeypatch, lambda ran, _stage: AuditFailed("no.") if ran.interval.start == FIRST else None)
    arm = arm_of(log, tmp_path)
    run_disturbed(arm, INTERVALS, NONE)
    assert [(one.status, one.attempt) for one in arm.ran] == [("failed", 1), ("published", 1), ("published", 1)]


def test_an_hour_whose_events_landed_is_not_run_again(
    monkeypatch: pytest.MonkeyPatch, log: Log, tmp_path: Path
) -> None:
    stand_in(
        monkeypatch, lambda ran, stage: AuditFailed("no.") if stage == "train" and ran.interval.start == FIRST else None
    )
    arm = arm_of(log, tmp_path)
    run_disturbed(arm, INTERVALS, NONE)
    assert [one.status for one in arm.ran] == ["failed", "published", "published"]


def really_taken_in(
    monkeypatch: pytest.MonkeyPatch, log: Log, folder: Path, intervals: list[Interval], *faults: Fault, **knobs: Any
) -> Disturbed:
    """An arm whose events were really taken in while these faults held; all other stages take no time."""
    really = disturbed.run_once
    stand_in(monkeypatch, lambda _ran, _stage: None)
    pretended = disturbed.run_once
    monkeypatch.setattr(
        disturbed,
        "run_once",
        lambda ran, stage, settings: (really if stage == "ingest_events" else pretended)(ran, stage, settings),
    )
    settings = open_home(folder, 1, len(intervals), malformed_limit=0.3, **knobs)
    arm = Disturbed(log, FaultyFeed(log, folder / "feed", faults), settings, faults)
    run_disturbed(arm, intervals, NONE)
    return arm


# Of some 150 rows an hour. Runs begin at 11, 12 and 13; one that was refused goes again at 12, before the next one.
@pytest.mark.parametrize(
    ("kind", "minutes", "knobs", "whole"),
    [
        ("broken", 40, {}, None),  # too few rows for a gate: what is broken is quarantined for good
        ("broken", 40, {"gate_min_rows": 100}, "10 again"),
        ("broken", 0, {}, "10"),  # mended before anybody read it
        ("late", 25, {}, "11"),
        ("late", 90, {"pull_lookback_hours": 1}, None),  # when the file comes nobody looks back so far
    ],
)
def test_a_delivery_that_is_read_once_is_over_with_the_first_lists_since_it_was_taken_in_whole(
    monkeypatch: pytest.MonkeyPatch,
    log: Log,
    tmp_path: Path,
    kind: str,
    minutes: float,
    knobs: dict[str, Any],
    whole: str | None,
) -> None:
    fault = Fault("f", kind, HOURS[0], HOURS[1], HOURS[1] + timedelta(minutes=minutes), share=0.5)
    arm = really_taken_in(monkeypatch, log, tmp_path, INTERVALS[: 3 if minutes > 60 else 2], fault, **knobs)
    published = {f"{one.interval.start:%H}{' again' if one.attempt > 1 else ''}": one.published for one in arm.ran}
    assert recover(arm, fault, fault.began) == (published[whole] if whole else None)
    noticed = find_notice(arm, fault, fault.began)
    if not minutes:
        assert noticed is None
    else:
        assert noticed and HOURS[1] < noticed < HOURS[1] + timedelta(minutes=1)


def test_a_file_that_comes_late_without_a_row_is_whole_with_the_next_lists(log: Log, tmp_path: Path) -> None:
    empty = FIRST + 9 * HOUR
    fault = Fault("f", "late", empty, empty + HOUR, empty + 1.5 * HOUR)
    arm = arm_of(log, tmp_path, fault)
    arm.ran.append(Ran(INTERVALS[0], empty + 2 * HOUR, empty + 2 * HOUR, published=empty + 2.1 * HOUR))
    assert recover(arm, fault, fault.began) == empty + 2.1 * HOUR


def test_of_two_late_files_in_a_row_each_is_taken_in_by_the_hour_that_found_it(
    monkeypatch: pytest.MonkeyPatch, log: Log, tmp_path: Path
) -> None:
    faults = [Fault(f"{at:%H}", "late", at, at + HOUR, at + 1.5 * HOUR) for at in HOURS[:2]]
    arm = really_taken_in(monkeypatch, log, tmp_path, INTERVALS, *faults)
    assert [find_taker(arm.feed, hour, arm.settings) for hour in HOURS] == [HOURS[1], HOURS[2], HOURS[2]]
    assert find_taker(arm.feed, HOURS[2] + HOUR, arm.settings) is None


def test_an_error_of_an_hour_in_the_middle_of_an_interval_is_noted_of_that_hour(
    monkeypatch: pytest.MonkeyPatch, log: Log, tmp_path: Path
) -> None:
    fault = Fault("cut", "cut", HOURS[1], HOURS[2], HOURS[2] + 5 * HOUR, share=0.5)
    arm = really_taken_in(monkeypatch, log, tmp_path, [Interval(tuple(HOURS))], fault)
    [(at, stage, hour, sentence)] = arm.said
    assert (stage, hour) == ("ingest_events", "2026-01-05T11") and "2026-01-05/11" in sentence
    assert find_notice(arm, fault, fault.began) == at


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        ("late", {"ledger": {"delivered": 3}, "late": 3}, True),  # rows of hours before, none of its own
        ("late", {"ledger": {"delivered": 3}, "late": 2}, False),
        ("broken", {"ledger": {"every_failed_rule": {"user_id_not_storable": 1}}}, True),
        ("broken", {"ledger": {"every_failed_rule": {"item_missing": 9}}}, False),
        ("catalog_cut", {"catalog": {"is_captured": False, "items_vanished": None}}, True),
        ("catalog_cut", {"catalog": {"is_captured": True, "items_vanished": 4}}, True),
        ("catalog_cut", {"catalog": {"is_captured": True, "items_vanished": 0}}, False),
        ("cut", {"ledger": {"delivered": 3}}, False),
    ],
)
def test_a_fault_is_noticed_by_what_the_stage_that_met_it_counted(
    log: Log, tmp_path: Path, kind: str, facts: dict[str, Any], expected: bool
) -> None:
    fault = Fault("f", kind, FIRST, HOURS[1], HOURS[2])
    assert is_counted(arm_of(log, tmp_path, fault), fault, facts) is expected


def test_what_was_mended_before_it_was_read_is_not_noticed(log: Log, tmp_path: Path) -> None:
    fault = Fault("f", "broken", FIRST, HOURS[1], HOURS[2], share=0.3)
    arm = arm_of(log, tmp_path, fault)
    facts = {"ledger": {"every_failed_rule": {"user_id_not_storable": 1}}}  # as the log itself may have one
    for started in (HOURS[2], HOURS[1]):
        result = StageResult("ingest_events", "2026-01-05T10", 1, 1, 0.0, facts=facts)
        arm.told = [(HOURS[2], Ran(INTERVALS[0], started, HOURS[2]), result)]
        assert find_notice(arm, fault, fault.began) == (HOURS[2] if started == HOURS[1] else None)


def test_a_database_that_is_away_does_not_answer_and_is_as_before_when_it_is_back(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    with closing_engine(settings) as engine:
        create_schema(engine)
    before = (tmp_path / "serving.db").read_bytes()
    with (
        take_database(settings),
        closing_engine(settings) as engine,
        pytest.raises(Unreachable, match="does not answer"),
    ):
        create_schema(engine)
    assert (tmp_path / "serving.db").read_bytes() == before
    with closing_engine(settings) as engine, reading(engine):
        pass
    assert not list(tmp_path.glob("*.away"))


@contextmanager
def closing_engine(settings: Settings) -> Iterator[Engine]:
    engine = connect(settings.serving)
    try:
        yield engine
    finally:
        engine.dispose()


def test_by_the_durations_of_another_bundle_no_fault_can_be_met(log: Log, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot go by the durations of another"):
        run_batch(log, tmp_path / "out", durations=tmp_path, plan=tmp_path / "plan.json")


class CutOff:
    """A reader whose database is away, or refuses what it is asked."""

    def __init__(self, seen: Answer | None, error: Exception) -> None:
        self.seen, self.error = seen, error

    def read(self, _asked: Asked) -> Answer:
        raise self.error

    def read_without_database(self, asked: Asked) -> Answer | None:
        return self.seen


def test_a_server_without_its_database_answers_by_the_popular_list_that_it_saw_last() -> None:
    rows = (Listed(1, "i1", None, None, None, 1.0, "popular right now", Source.POPULAR),)
    seen = Answer(rows, Source.POPULAR, "v1", HOURS[1], 60.0, False)
    live, at = Ran(INTERVALS[0], HOURS[1], HOURS[1]), HOURS[1] + timedelta(minutes=3)

    def answered(reader: Any) -> dict[str, Any]:
        return {name: said for name, said in answer_cut_off(reader, live, at, "u").items() if name != "latency_ms"}

    expected = {"status": 200, "version": "v1", "list_age_seconds": 180.0, "served_reason": "popular", "items": 1}
    assert answered(CutOff(seen, Unreachable("away."))) == expected
    assert answered(CutOff(None, Unreachable("away."))) == {"status": 503}
    assert answered(CutOff(seen, BadInput("no user."))) == {"status": 422}


def test_in_slow_motion_no_fault_can_be_met(log: Log, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is of hours and their files"):
        run_batch(log, tmp_path / "out", cadence=HOUR / 4, plan=tmp_path / "plan.json")


# The first hour finds no file. The second takes it in, with its own and what comes again; the process that publishes is
# killed, and the next one does not reach the database.
FAULTS: Rows = [
    {"fault": "late", "kind": "late", "hour": 0, "minutes": 10},
    {"fault": "killed", "kind": "killed", "hour": 1.5},
    {"fault": "again", "kind": "repeated", "hour": 1, "hours": 1},
    {"fault": "away", "kind": "database_away", "hour": 1.5, "minutes": 32},
]
AWAY = (FIRST + 1.5 * HOUR, FIRST + 1.5 * HOUR + timedelta(minutes=32))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = tmp_path_factory.mktemp("short") / "log"
    return record_shop(folder, HOURS[0], HOURS[1], seed=1, users=60, items=80, events_per_hour=200, dirt=0.1)


@pytest.fixture(scope="module")
def bad(short: Log, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a batch arm whose two hours meet faults, all of them for real."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "plan.json").write_text(json.dumps({"schema": 1, "name": "test", "faults": FAULTS}))
    knobs: dict[str, Any] = {"factors": 8, "iterations": 2, "data_docs": False}
    run_batch(short, folder / "batch", plan=folder / "plan.json", **knobs)
    return folder / "batch"


def rows_of(bundle: Path, table: str) -> Rows:
    return read_table(bundle, table).to_pylist()


def test_a_batch_that_met_faults_leaves_a_valid_bundle_that_says_so(short: Log, bad: Path) -> None:
    assert find_breaches(bad, short.folder) == []
    arm = read_document(bad, "arm")
    assert arm["arm"] == "batch 1h (faults)" and "meets a plan of faults" in arm["notes"]
    runs = rows_of(bad, "runs")
    assert [run["status"] for run in runs] == ["published", "published"]
    repeated = FaultyFeed(short, bad, []).events_of(FIRST).num_rows
    assert [run["events_in"] for run in runs] == [0, short.counts["events"] + repeated]
    first, second = (run["published"] - run["scheduled"] for run in runs)
    assert first < WAITS[0] < WAITS[0] + WAITS[1] < second < 2 * (WAITS[0] + WAITS[1])


def test_every_fault_is_noticed_by_what_the_arm_says_itself_and_is_over_with_the_next_lists(bad: Path) -> None:
    faults = {row["fault"]: row for row in rows_of(bad, "faults")}
    published = [run["published"] for run in rows_of(bad, "runs")]
    assert {name: row["recovered"] for name, row in faults.items()} == {
        "late": published[1],
        "killed": published[1],
        "away": published[1],
        "again": HOURS[2],  # every row was known, so no reader ever got anything of it
    }
    assert {row["bad_rows"] for row in faults.values()} == {0}
    assert faults["late"]["started"] <= faults["late"]["detected"] < published[0]
    assert HOURS[2] < faults["killed"]["started"] == faults["killed"]["detected"]
    assert faults["away"]["started"] == AWAY[0] < faults["away"]["detected"] < published[1]
    # Of so few rows no gate speaks, but the ledger counts them.
    assert HOURS[2] == faults["again"]["started"] < faults["again"]["detected"] < published[1]


def test_once_there_are_lists_no_read_fails_whatever_happens(bad: Path) -> None:
    runs, reads = rows_of(bad, "runs"), rows_of(bad, "reads")
    assert {row["status"] for row in reads if row["t"] >= runs[0]["published"]} == {200}
    away = [row for row in reads if AWAY[0] <= row["t"] < AWAY[1]]
    assert len(away) > 5
    assert {(row["served_reason"], row["version"]) for row in away} == {("popular", runs[0]["version"])}


def test_a_late_file_is_taken_in_by_the_next_hour_and_what_comes_again_is_known(short: Log, bad: Path) -> None:
    seen, published = rows_of(bad, "event_visibility"), rows_of(bad, "runs")[1]["published"]
    assert {row["event_id"] for row in seen} == set(short.read("events")["event_id"].to_pylist())
    assert {row["first_visible"] for row in seen if row["fate"] == "accepted"} == {published}
    own, again = seen[: short.counts["events"]], seen[short.counts["events"] :]
    fates = Counter(row["fate"] for row in own)
    assert fates["accepted"] > len(own) / 2 and set(fates) == {"accepted", "duplicate", "quarantined"}
    assert {row["fate"] for row in again} == {"duplicate", "quarantined"}
    assert not any(row["first_visible"] for row in again)
