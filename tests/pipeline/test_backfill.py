"""Backfilling: hours oldest first, part by part, also in two processes at once, and a sum of their ledgers."""

import multiprocessing
import os
import pickle
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest
from handmade_shop import FIRST, event, fill_shop, item, lake_files, ledger, open_shop

from pipeline import backfill
from pipeline.actions import DAY
from pipeline.backfill import Ended, Piece, backfill_hours, do_piece, how_to_go_on, plan
from pipeline.errors import AuditFailed, DataError, OutOfMemory, Unreadable
from pipeline.hours import HOUR, hours_between
from pipeline.line import STAGES, TOGETHER, run_group_of_hours
from pipeline.manifests import hour_folder, landed_hours, read_manifest
from pipeline.run import Run, StageResult
from pipeline.settings import Settings

INGEST = ["ingest_events", "ingest_catalog"]


def test_the_ledgers_of_all_hours_are_added_up(traded: Settings) -> None:
    total = backfill_hours(traded, hours_between(FIRST, FIRST + 3 * HOUR), INGEST)
    each: Counter[str] = Counter()
    for step in range(4):
        counted = ledger(traded, step)
        each.update({name: counted[name] for name in ("delivered", "accepted", "quarantined", "duplicate")})
        each.update({f"rule {rule}": count for rule, count in counted["by_rule"].items()})
    assert total == each
    assert total["delivered"] == total["accepted"] + total["quarantined"] + total["duplicate"]


def part(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Parts have so many hours, and so few are enough for several processes."""
    monkeypatch.setattr(backfill, "PART", size)
    monkeypatch.setattr(backfill, "HOURS_FOR_A_PROCESS", 1)


@pytest.mark.parametrize("processes", [1, 2])
def test_hours_of_several_parts_are_the_same_as_hours_one_by_one(
    traded: Settings, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    hours = hours_between(FIRST, FIRST + 2 * HOUR)
    stages = list(STAGES)
    part(monkeypatch, 2)
    backfill_hours(traded, hours, stages, processes=processes)
    apart = traded.model_copy(update={"home": traded.home.parent / "apart", "source_url": traded.shop_url})
    for hour in hours:
        backfill_hours(apart, [hour], stages)
    assert lake_files(apart) == lake_files(traded)


def test_a_backfill_goes_on_where_it_was_stopped(tmp_path: object, traded: Settings) -> None:
    backfill_hours(traded, hours_between(FIRST, FIRST + HOUR), INGEST)
    before = lake_files(traded)
    total = backfill_hours(traded, hours_between(FIRST, FIRST + 2 * HOUR), INGEST)
    assert total["delivered"] == sum(ledger(traded, step)["delivered"] for step in range(3))
    assert before.items() <= lake_files(traded).items()


@pytest.mark.parametrize(
    ("size", "processes"), [(24, 1), (1, 1), (1, 2)], ids=["one part", "many parts", "two processes"]
)
def test_a_refused_hour_ends_a_backfill_and_leaves_the_hours_before_it(
    traded: Settings, monkeypatch: pytest.MonkeyPatch, size: int, processes: int
) -> None:
    part(monkeypatch, size)
    fill_shop(
        traded.shop_url,
        [],
        [event("veiw", "u", "a", hour=2, row_id=10**9 + place, event_id=f"bad {place}") for place in range(2000)],
    )
    stages = [*INGEST, "prepare", "train"]
    with pytest.raises(AuditFailed, match=r"2026-01-05T12: events: .* rows are malformed") as refused:
        backfill_hours(traded, hours_between(FIRST, FIRST + 4 * HOUR), stages, processes=processes)
    for stage in stages:
        assert landed_hours(traded.lake, stage, FIRST, FIRST + 9 * HOUR) == [FIRST, FIRST + HOUR]
    only = " --only ingest_events,ingest_catalog,prepare,train"
    assert str(refused.value).endswith(
        " 2026-01-05T10 to 2026-01-05T11 are done, 2026-01-05T13 to 2026-01-05T14 not finished; once it is mended, go on "
        f"with `treasure-hunt backfill 2026-01-05T12 2026-01-05T14{only}`, or without it with "
        f"`treasure-hunt backfill 2026-01-05T13 2026-01-05T14{only}`."
    )


MEETING = {("train",): [FIRST], ("ingest_events",): [FIRST + HOUR]}


def meet(stages: tuple[str, ...], hours: list[datetime], settings: Settings, repull: bool) -> Ended:
    """A piece; of two none is done before both have begun."""
    if MEETING.get(stages) == hours:
        (settings.home / f"{stages[0]} has begun").touch()
        until = time.monotonic() + 60
        while not all((settings.home / f"{one[0]} has begun").exists() for one in MEETING):
            assert time.monotonic() < until, "no other process does its piece meanwhile"
            time.sleep(0.05)
    return do_piece(stages, hours, settings, repull)


def test_the_next_part_is_taken_in_while_models_of_the_one_before_are_made(
    traded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    part(monkeypatch, 1)
    monkeypatch.setattr(backfill, "do_piece", meet)
    backfill_hours(traded, hours_between(FIRST, FIRST + HOUR), [*INGEST, "prepare", "train"], processes=2)
    assert landed_hours(traded.lake, "train", FIRST, FIRST + HOUR) == [FIRST, FIRST + HOUR]


@pytest.mark.parametrize("stages", [list(STAGES), INGEST, ["evaluate", "recommend", "publish"], ["publish", "report"]])
@pytest.mark.parametrize("count", [1, 24, 60])
def test_every_stage_of_every_hour_stands_in_one_piece_after_all_that_it_waits_for(
    stages: list[str], count: int
) -> None:
    pieces = plan(hours_between(FIRST, FIRST + (count - 1) * HOUR), stages)
    done = [(stage, hour) for piece in pieces for stage in piece.stages for hour in piece.hours]
    assert sorted(done) == [(stage, FIRST + step * HOUR) for stage in sorted(stages) for step in range(count)]
    assert all(max(piece.after, default=-1) < place for place, piece in enumerate(pieces))


def waits_for(pieces: list[Piece], place: int) -> set[int]:
    """All pieces that are done before one may begin."""
    found = set(pieces[place].after)
    return found.union(*(waits_for(pieces, one) for one in pieces[place].after)) if found else found


@pytest.mark.parametrize(
    ("stage", "step", "other", "of"),
    [
        ("prepare", 2, "ingest_events", 3),  # an hour taken in before is known to the next one
        ("recommend", 1, "recommend", 0),  # lists rest on those of the hour before
        ("review", 1, "recommend", 0),
        ("train", 2, "publish", 1),  # whether a model is carried on is known: its version was published, or not
        ("publish", 0, "evaluate", 1),  # and that it was made before does not depend on which process is quicker
        ("publish", 2, "report", 1),  # a report tells of what was live
        ("ingest_events", 4, "report", 1),  # no more than a part ahead
    ],
)
def test_a_piece_waits_for_what_would_change_what_it_makes(
    monkeypatch: pytest.MonkeyPatch, stage: str, step: int, other: str, of: int
) -> None:
    monkeypatch.setattr(backfill, "PART", 2)
    pieces = plan(hours_between(FIRST, FIRST + 5 * HOUR), list(STAGES))
    place_of = {
        (name, hour): place for place, piece in enumerate(pieces) for name in piece.stages for hour in piece.hours
    }
    assert place_of[other, FIRST + of * HOUR] in waits_for(pieces, place_of[stage, FIRST + step * HOUR])


def test_the_next_part_waits_for_no_list_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "PART", 1)
    pieces = plan(hours_between(FIRST, FIRST + HOUR), list(STAGES))
    (prepare,) = (one for one, piece in enumerate(pieces) if piece.stages == ("prepare",) and piece.hours != (FIRST,))
    assert {pieces[one].stages[0] for one in waits_for(pieces, prepare)} == {*INGEST, "prepare"}


def test_stages_that_do_many_hours_at_once_are_known_without_loading_them() -> None:
    modules = {stage: import_module(f"pipeline.stages.{stage}") for stage in STAGES}
    assert {stage for stage, module in modules.items() if hasattr(module, f"{stage}_of_hours")} == set(TOGETHER)


def die(*given: object) -> None:
    """What is killed for want of memory says nothing."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_was_killed_is_a_sentence_that_says_what_needs_less(
    traded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    part(monkeypatch, 1)
    monkeypatch.setattr(backfill, "do_piece", die)
    with pytest.raises(OutOfMemory, match="run the same backfill with --processes 1"):
        backfill_hours(traded, hours_between(FIRST, FIRST + HOUR), [*INGEST, "train"], processes=2)


class Unsendable(Exception):
    """One that cannot be made again from its arguments."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one)


def stumble(stages: tuple[str, ...], hours: list[datetime], *more: object) -> Iterator[StageResult]:
    """A defect in the second hour's model."""
    if stages == ("train",) and hours == [FIRST + HOUR]:
        raise Unsendable("a defect", "of a library")
    return run_group_of_hours(stages, hours, *more)  # type: ignore[arg-type]


def do_and_stumble(*given: Any) -> Ended:
    """A piece in whose process the second hour's model is a defect."""
    with patch.object(backfill, "run_group_of_hours", stumble):
        return do_piece(*given)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_defect_ends_a_backfill_with_its_cause_once_the_hours_before_are_reported(
    traded: Settings, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr(backfill, "HOURS_FOR_A_PROCESS", 1)
    monkeypatch.setattr(backfill, "do_piece", do_and_stumble)
    stages = [*INGEST, "prepare", "train", "report"]
    with pytest.raises((Unsendable, RuntimeError), match="a defect"):
        backfill_hours(traded, hours_between(FIRST, FIRST + 2 * HOUR), stages, processes=processes)
    assert landed_hours(traded.lake, "train", FIRST, FIRST + 2 * HOUR) == [FIRST]
    pages = {path.stem for path in traded.reports.rglob("2026-01-05/*.html")}
    assert pages == {"10", "11", "12"}


def test_text_of_old_hours_is_there_until_all_lists_are_made_and_gone_afterwards(
    traded: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = traded.model_copy(update={"lake_copy": str(tmp_path / "copy")})
    live = FIRST + 9 * DAY  # so that the hours are older than versions keep text
    fill_shop(shop.shop_url, [], [event("view", "u", "a", hour=9 * 24, row_id=10**9, event_id="late")])
    backfill_hours(shop, [live], list(STAGES))
    part(monkeypatch, 1)
    hours = hours_between(FIRST, FIRST + 2 * HOUR)
    backfill_hours(shop, hours, list(STAGES), processes=2)
    for hour in hours:
        recommended, prepared = (read_manifest(Run(hour, shop), stage) for stage in ("recommend", "prepare"))
        assert recommended and recommended["facts"]["queries"] > 0
        assert prepared and prepared["tables"]["queries"]["rows"] == 0
        manifest = hour_folder(shop.lake, hour) / "prepare.json"
        assert (tmp_path / "copy" / "shop" / manifest.relative_to(shop.lake)).read_bytes() == manifest.read_bytes()


def test_of_hours_that_cannot_be_reported_together_those_before_a_damaged_one_are(traded: Settings) -> None:
    hours = hours_between(FIRST, FIRST + 2 * HOUR)
    backfill_hours(traded, hours, INGEST)
    (hour_folder(traded.lake, FIRST + HOUR) / "ingest_catalog.json").write_text("no manifest")
    with pytest.raises(DataError, match="2026-01-05T10 to 2026-01-05T10 are done, 2026-01-05T12 to 2026-01-05T12 not"):
        backfill_hours(traded, hours, ["report"])
    assert {path.stem for path in traded.reports.rglob("2026-01-05/*.html")} == {"10"}


def refuse_two(stages: tuple[str, ...], hours: list[datetime], *more: object) -> Ended:
    """The fourth hour is refused first, then the second."""
    bad = FIRST + 3 * HOUR if stages == ("ingest_events",) else FIRST + HOUR
    if bad in hours:
        return Ended([], hours.index(bad), AuditFailed(f"{bad:%H} is refused"))
    return Ended([], len(hours), None)


def test_of_two_refused_hours_the_earlier_ends_a_backfill_and_the_other_is_told(
    traded: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(backfill, "do_piece", refuse_two)
    with pytest.raises(AuditFailed, match="11 is refused 2026-01-05T10 to 2026-01-05T10 are done"):
        backfill_hours(traded, hours_between(FIRST, FIRST + 5 * HOUR), INGEST)
    assert "also: 13 is refused" in capsys.readouterr().out


def wait_for_ever(*given: object) -> None:
    """A piece that goes on."""
    time.sleep(600)


def begin_and_wait(settings: Settings) -> None:
    """A backfill whose pieces go on for ever."""
    backfill.HOURS_FOR_A_PROCESS, backfill.do_piece = 1, wait_for_ever  # type: ignore[assignment]
    backfill_hours(settings, hours_between(FIRST, FIRST + HOUR), INGEST, processes=2)


def test_processes_end_with_a_backfill_that_was_killed(traded: Settings) -> None:
    parent = multiprocessing.get_context("spawn").Process(target=begin_and_wait, args=(traded,))
    parent.start()
    try:
        until, workers = time.monotonic() + 60, []
        while not workers and time.monotonic() < until:
            time.sleep(0.1)
            workers = [
                one for one in psutil.Process(parent.pid).children() if "resource_tracker" not in str(one.cmdline())
            ]
        time.sleep(3)  # until the workers have begun
    finally:
        parent.kill()
        parent.join()
    _, alive = psutil.wait_procs(workers, timeout=30)
    for one in alive:
        one.kill()
    assert workers and not alive


@pytest.mark.parametrize("error", [Unreadable("a.csv is cut off"), AuditFailed("no", [{"rule": "x"}]), DataError("no")])
def test_an_error_says_the_same_in_another_process(error: DataError) -> None:
    there = pickle.loads(pickle.dumps(error))
    assert (type(there), str(there), vars(there)) == (type(error), str(error), vars(error))


def test_the_last_hour_and_the_first_are_told_apart() -> None:
    hours = hours_between(FIRST, FIRST + HOUR)
    assert how_to_go_on(hours, 1, list(STAGES), repull=True) == (
        "2026-01-05T10 to 2026-01-05T10 are done; once it is mended, go on with "
        "`treasure-hunt backfill 2026-01-05T11 2026-01-05T11 --repull`."
    )
    assert how_to_go_on(hours, 0, list(STAGES), repull=False).startswith("No hour before it is done, 2026-01-05T11 to ")


def test_whole_hours_can_be_backfilled_up_to_the_serving_database(tmp_path: object, traded: Settings) -> None:
    hours = hours_between(FIRST, FIRST + HOUR)
    stages = [*INGEST, "prepare", "train", "evaluate", "recommend", "publish"]
    backfill_hours(traded, hours, stages)
    assert landed_hours(traded.lake, "publish", FIRST, FIRST + HOUR) == hours


def test_an_empty_shop_with_a_catalog_can_be_backfilled(tmp_path: object, traded: Settings) -> None:
    settings = open_shop(traded.home / "empty", [item("a")], [])
    assert backfill_hours(settings, hours_between(FIRST, FIRST + 25 * HOUR), INGEST)["delivered"] == 0
    assert len(landed_hours(settings.lake, "ingest_catalog", FIRST, FIRST + 40 * HOUR)) == 26
