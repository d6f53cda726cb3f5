"""What a comparison is made of, and that what is there is not made again."""

import os
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from arms_world import START, event, make_bundle, make_log

from pipeline.comparison import plan
from pipeline.comparison.log import Log
from pipeline.comparison.places import folder_of, page_of
from pipeline.comparison.plan import Bundle, plan_bundles
from pipeline.errors import BadInput, TreasureHuntError

BATCH = Bundle("batch-1h-0", "batch", ("--cadence", "1h"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return make_log(tmp_path / "log", [event(1, "u", "a")], [(2, "u")])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, log: Path) -> list[list[str]]:
    """The command line is not called: it is written down, and a bundle of this log, or its log, stands where it should."""
    calls: list[list[str]] = []

    def hunt(arguments: Sequence[str | Path], say: plan.Say | None = None) -> None:
        calls.append([str(word) for word in arguments])
        if arguments[0] == "record":
            make_log(Path(arguments[1]), [event(1, "u", "a")], [])
        else:
            make_bundle(Path(arguments[4]), log, {})

    monkeypatch.setattr(plan, "hunt", hunt)
    return calls


def names(bundles: list[Bundle]) -> list[str]:
    return [bundle.name for bundle in bundles]


def test_the_stream_and_controls_are_made_from_the_first_batch_and_the_bare_one_from_the_last() -> None:
    planned = plan_bundles(plan.ARMS, ["1h", "4h+4h"], [0, 7])
    assert names(planned)[:6] == [
        "batch-1h-0",
        "batch-4h+4h-0",
        "stream-of-batch-1h-0",
        "popular-of-batch-1h-0",
        "nothing-of-batch-1h-0",
        "bare-of-batch-4h+4h-0",
    ]
    assert [name.replace("-7", "-0") for name in names(planned)[6:]] == names(planned)[:6]
    assert planned[1].options == ("--cadence", "4h", "--delay", "4h", "--seed", "0")
    assert planned[0].options == ("--cadence", "1h", "--delay", "0s", "--seed", "0")
    assert [bundle.batch for bundle in planned[2:6]] == ["batch-1h-0"] * 3 + ["batch-4h+4h-0"]


def test_of_batches_that_are_not_asked_for_only_those_are_run_that_others_are_made_from() -> None:
    assert names(plan_bundles(["stream"], ["1h", "4h"], [0])) == ["batch-1h-0", "stream-of-batch-1h-0"]
    assert names(plan_bundles(["bare"], ["1h", "4h"], [0])) == ["batch-4h-0", "bare-of-batch-4h-0"]
    assert names(plan_bundles(["batch"], ["1h", "4h"], [0])) == ["batch-1h-0", "batch-4h-0"]


def test_a_cadence_or_horizon_that_the_log_has_no_room_for_is_refused_at_once() -> None:
    log = Log(Path("log"), "shop", 1, START, START + timedelta(hours=12), {}, "hash")
    plan.check_plan(log, ["1h", "15m", "4h+30m"], 11)
    with pytest.raises(BadInput, match="which 5 does not divide"):
        plan.check_plan(log, ["1h", "5h"], 4)
    with pytest.raises(BadInput, match="'later' is not a duration"):
        plan.check_plan(log, ["1h+later"], 4)
    with pytest.raises(BadInput, match="a horizon of 12 h leaves no read to be scored in a log of 12 h"):
        plan.check_plan(log, ["1h"], 12)


def test_a_bundle_that_is_there_and_valid_is_not_made_again(tmp_path: Path, log: Path, asked: list[list[str]]) -> None:
    said: list[str] = []
    for _ in range(2):
        folder = plan.make_bundle(BATCH, log, tmp_path / "arms", said.append)
    made = tmp_path / "arms" / ".making" / BATCH.name / "made"
    assert asked == [["arm", "run", "batch", str(log), str(made), "--cadence", "1h"]]
    assert folder == tmp_path / "arms" / BATCH.name and not made.exists()
    assert said == [f"{folder} is there, valid and of this log; it is not made again"]
    plan.make_bundle(Bundle("bare", "bare", batch=BATCH.name), log, tmp_path / "arms")
    assert asked[-1][-2:] == ["--batch", str(folder)]


def test_a_bundle_that_was_altered_or_is_of_another_log_is_made_anew(
    tmp_path: Path, log: Path, asked: list[list[str]]
) -> None:
    folder = plan.make_bundle(BATCH, log, tmp_path / "arms")
    (folder / "runs.parquet").write_bytes((folder / "costs.parquet").read_bytes())
    plan.make_bundle(BATCH, log, tmp_path / "arms")
    assert len(asked) == 2
    other = make_log(tmp_path / "other", [event(1, "u", "b")], [(2, "u")])
    make_bundle(folder, other, {})
    plan.make_bundle(BATCH, log, tmp_path / "arms")
    assert len(asked) == 3


def test_what_fails_or_was_killed_leaves_nothing_under_its_name(
    tmp_path: Path, log: Path, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, arms = plan.hunt, tmp_path / "arms"

    def fail(arguments: Sequence[str | Path], say: plan.Say | None) -> None:
        whole(arguments, say)
        raise TreasureHuntError("the disk is full.")

    monkeypatch.setattr(plan, "hunt", fail)
    with pytest.raises(TreasureHuntError, match="the disk is full"):
        plan.make_bundle(BATCH, log, arms)
    assert not (arms / BATCH.name).exists()
    assert (arms / ".making" / BATCH.name / "made" / "arm.json").exists()  # as after a kill
    (arms / ".making" / BATCH.name / ".batch-1").mkdir()
    monkeypatch.setattr(plan, "hunt", whole)
    plan.make_bundle(BATCH, log, arms)
    assert {path.name for path in arms.iterdir()} == {".making", BATCH.name}
    assert not [*(arms / ".making" / BATCH.name).iterdir()]


def test_a_log_that_is_there_is_not_recorded_again(tmp_path: Path, asked: list[list[str]]) -> None:
    for _ in range(2):
        assert plan.make_log(tmp_path / "logs" / "small", ["--hours", "3"]).counts["events"] == 1
    assert asked == [["record", str(tmp_path / "logs" / ".making" / "small" / "made"), "--hours", "3"]]


def command(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """The command line is this shell script."""
    path = folder / "command"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    monkeypatch.setattr(plan.sys, "executable", str(path))


def test_a_command_that_fails_is_its_one_sentence_and_its_lines_are_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    command(monkeypatch, tmp_path, "echo first, $*; echo treasure-hunt: what is wrong. >&2; echo last; exit 1")
    with pytest.raises(TreasureHuntError, match=r"^what is wrong\.$"):
        plan.hunt(["arm", "run"], said.append)
    assert said == ["first, -m pipeline.cli arm run", "treasure-hunt: what is wrong.", "last"]
    with pytest.raises(TreasureHuntError, match=r"^arm run failed; it says why above\.$"):
        plan.hunt(["arm", "run"])


def test_a_command_ends_with_the_one_who_asked_for_it_and_gives_way_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(monkeypatch, tmp_path, "echo $$; exec sleep 40")
    heard: list[int] = []

    def interrupt(line: str) -> None:
        heard.append(int(line))
        assert os.getpriority(os.PRIO_PROCESS, heard[0]) == plan.GIVING_WAY
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        plan.hunt(["record"], interrupt)
    assert time.monotonic() - begun < 30  # it was not waited for, but ended
    with pytest.raises(ProcessLookupError):
        os.kill(heard[0], 0)


def test_every_name_has_a_folder_of_its_own_below_the_home(tmp_path: Path) -> None:
    runs = ["manual__2026-01-05T10:00:00+00:00", "..", ".", "%2E.", "a/b", "a%2Fb", "../../etc"]
    folders = [folder_of(tmp_path, "judged", run) for run in runs]
    assert len({folder.resolve() for folder in folders}) == len(runs)
    assert {folder.resolve().parent for folder in folders} == {(tmp_path / "comparisons" / "judged").resolve()}
    assert folders[0].name == runs[0]
    assert page_of(tmp_path, "a").parts[-4:] == ("comparisons", "judged", "a", "judgement.html")
