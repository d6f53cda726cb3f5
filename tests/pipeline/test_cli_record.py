"""The commands that record logs and run arms."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.comparison.log import read_log
from pipeline.errors import BadInput

SMALL = ["--users", "60", "--items", "80", "--events-per-hour", "200"]


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def log(tmp_path: Path) -> Path:
    said = run("record", str(tmp_path / "log"), "--hours", "3", "--seed", "5", *SMALL)
    assert "events" in said and read_log(tmp_path / "log").log_hash in said
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
        (["--cadence", "15m"], "takes in whole hours"),
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
