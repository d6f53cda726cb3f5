"""The commands that record logs and run arms."""

import json
import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.cli_record import tell_horizon
from pipeline.comparison import batch as batch_arm
from pipeline.comparison.interval import Ran
from pipeline.comparison.log import read_log
from pipeline.errors import BadInput, TreasureHuntError
from pipeline.hours import HOUR

SMALL = ["--users", "60", "--items", "80", "--events-per-hour", "200"]


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def log(tmp_path: Path) -> Path:
    said = run("record", str(tmp_path / "log"), "--hours", "3", "--seed", "5", *SMALL)
    assert "events" in said and read_log(tmp_path / "log").log_hash in said
    assert "scores no read of a log of 3 h; a log this short needs `--horizon`" in said
    return tmp_path / "log"


def test_a_shop_is_recorded_from_one_hour_to_another(log: Path, tmp_path: Path) -> None:
    assert (read_log(log).seed, read_log(log).name) == (5, "shop")
    again = tmp_path / "again"
    run("record", str(again), "--from", "2026-01-05T00", "--to", "2026-01-05T02", "--seed", "5", *SMALL)
    assert read_log(again).log_hash == read_log(log).log_hash


def test_the_configured_source_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREASURE_HUNT_HOME", str(tmp_path / "home"))
    run("simulate", "--from", "2026-01-05T00", "--to", "2026-01-05T01", *SMALL)
    run("record", str(tmp_path / "log"), "--source", "--hours", "2")
    assert (read_log(tmp_path / "log").seed, read_log(tmp_path / "log").name) == (None, "shop")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cadence", "45m"], "takes in whole hours"),
        (["--cadence", "2h"], "which 2 does not divide"),
        (["--cadence", "soon"], "is not a duration"),
        (["--delay", "1"], "is not a duration"),
        (["--durations", "nowhere"], "has no durations"),
    ],
)
def test_what_the_batch_arm_cannot_do_is_one_sentence(log: Path, options: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        run("arm", "run", "batch", str(log), str(log.parent / "out"), *options)
    assert not (log.parent / "out").exists()


@pytest.mark.parametrize("arm", ["popular", "nothing", "stream"])
def test_an_arm_without_a_batch_bundle_is_one_sentence(log: Path, arm: str) -> None:
    with pytest.raises(BadInput, match=r"arm\.json is missing"):
        run("arm", "run", arm, str(log), str(log.parent / "out"), "--batch", str(log.parent / "none"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "2026-01-05T02", "--hours", "3"], "give either --to"),
        (["--source", "--seed", "1", "--events-per-hour", "9"], "^--seed, --events-per-hour would make"),
        (["--source", "--drift"], "^--drift would make"),
    ],
)
def test_options_that_contradict_each_other_record_nothing(tmp_path: Path, options: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        run("record", str(tmp_path / "log"), *options)
    assert not (tmp_path / "log").exists()


def test_a_log_longer_than_the_horizon_says_until_when_reads_are_scored(log: Path) -> None:
    longer = replace(read_log(log), ended=read_log(log).started + 30 * HOUR)
    assert tell_horizon(longer) == "a comparison with the default horizon of 24 h scores reads until 2026-01-05T06"


def end_runs(monkeypatch: pytest.MonkeyPatch, *statuses: str) -> None:
    """Runs of a batch arm that take a second and end so, one after the other; their bundle is a file."""
    left = iter(statuses)

    def run_nothing(interval: Any, begun: Any, *given: object) -> Ran:
        status = next(left)
        if status.startswith("SIG"):
            os.kill(os.getpid(), signal.Signals[status])
        return Ran(
            interval, begun, begun + timedelta(seconds=1), status=status, trouble="" if status == "published" else "oh"
        )

    def export_something(out: Path, *given: object) -> None:
        out.mkdir()
        (out / "runs.parquet").touch()
        for status in left:
            os.kill(os.getpid(), signal.Signals[status])

    monkeypatch.setattr(batch_arm, "run_interval", run_nothing)
    monkeypatch.setattr(batch_arm, "export_run", export_something)


def test_an_arm_that_published_nothing_is_an_error_and_one_whose_run_failed_says_so(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_runs(monkeypatch, "published", "failed", "published")
    said = run("arm", "run", "batch", str(log), str(log.parent / "some")).splitlines()
    assert said[:3] == [
        "2026-01-05T00 published, 1 of 3",
        "2026-01-05T01 failed, 2 of 3",
        "2026-01-05T02 published, 3 of 3",
    ]
    assert said[-3] == "2026-01-05T01 failed: oh"
    assert "2 of 3 runs published, 1.0 s each" in said[-2]
    assert said[-1].startswith("1 of 3 runs failed and are not tried again")
    end_runs(monkeypatch, "failed", "failed", "failed")
    with pytest.raises(TreasureHuntError, match="none of 3 runs published"):
        run("arm", "run", "batch", str(log), str(log.parent / "none"))


@pytest.mark.parametrize(
    "statuses", [["published", "SIGINT"], ["SIGTERM"], ["published", "published", "published", "SIGTERM"]]
)
def test_an_interrupted_batch_arm_leaves_nothing_and_says_so(
    log: Path, monkeypatch: pytest.MonkeyPatch, statuses: list[str]
) -> None:
    end_runs(monkeypatch, *statuses)
    handler = signal.getsignal(signal.SIGTERM)
    deaf = signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    try:
        result = CliRunner().invoke(app, ["arm", "run", "batch", str(log), str(log.parent / "out")])
    finally:
        signal.signal(signal.SIGINT, deaf)
    assert result.exit_code == 130
    assert "nothing of this bundle stays, run the same command to start it again" in result.stderr
    assert [path.name for path in log.parent.iterdir()] == ["log"]
    assert signal.getsignal(signal.SIGTERM) == handler


@pytest.mark.parametrize(
    ("arm", "made_by"),
    [("stream", "pipeline.comparison.stream.run_stream"), ("popular", "pipeline.comparison.controls.run_control")],
)
def test_what_is_interrupted_or_fails_leaves_no_half_bundle_and_what_was_there_stays(
    log: Path, monkeypatch: pytest.MonkeyPatch, arm: str, made_by: str
) -> None:
    out, batch = log.parent / "out", str(log.parent / "batch")

    def make_half(end: BaseException) -> int:
        def make(*_given: Any, **_named: Any) -> None:
            out.mkdir()
            (out / "recommendations.parquet").touch()
            raise end

        monkeypatch.setattr(made_by, make)
        result = CliRunner().invoke(app, ["arm", "run", arm, str(log), str(out), "--batch", batch])
        return result.exit_code

    assert make_half(KeyboardInterrupt()) == 130 and not out.exists()
    assert make_half(BadInput("no")) != 0 and not out.exists()
    out.mkdir()
    (out / "arm.json").touch()
    assert make_half(KeyboardInterrupt()) != 130 and (out / "arm.json").exists()


def test_the_story_is_told_with_what_its_jobs_died_of(log: Path, tmp_path: Path) -> None:
    cut = {"fault": "cut", "kind": "cut", "hour": 1, "minutes": 30, "share": 0.5}
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"schema": 1, "name": "test", "faults": [cut]}))
    clock = ["--cadence", "1h", "--delay", "1h", "--load", "30m"]
    said = run("arm", "run", "story", str(log), str(tmp_path / "out"), *clock, "--faults", str(plan)).splitlines()
    assert said[:3] == [
        "2026-01-05T00 published, 1 of 3",
        "2026-01-05T01 failed, 2 of 3",
        "2026-01-05T02 published, 3 of 3",
    ]
    assert said[-3].startswith("2026-01-05T01 failed: ArrowInvalid: ")
    assert "2 of 3 runs published" in said[-2]
    assert said[-1] == "1 of 3 runs failed and are not tried again; the table stayed as they left it"
    assert "is a valid bundle" in run("arm", "validate", str(tmp_path / "out"), "--log", str(log))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cadence", "15m"], "takes in whole hours"),
        (["--cadence", "1h", "--load", "5h"], "loading takes 5h of 4h"),
        (["--cadence", "1h", "--faults", "nowhere.json"], "is no plan of faults"),
    ],
)
def test_what_the_story_cannot_do_is_one_sentence(log: Path, options: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        run("arm", "run", "story", str(log), str(log.parent / "out"), *options)
    assert not (log.parent / "out").exists()
