"""The command `tune`: it searches on what users did, writes a settings file with its evidence, and changes nothing else."""

import json
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from handmade_shop import FIRST, landed_path
from typer.testing import CliRunner, Result

from pipeline import cli, cli_tune
from pipeline.benchmark import tune as tuning
from pipeline.cli_tune import MODEL, read_pairs
from pipeline.hours import HOUR, format_hour
from pipeline.run import Run
from pipeline.settings import Settings, load_settings

WHOLE = FIRST + 6 * HOUR


@pytest.fixture
def home(ran: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The small shop, as the environment's settings say it."""
    monkeypatch.setattr(tuning, "FIRST_FACTORS", 4)
    for name in ("home", "factors", "iterations"):
        monkeypatch.setenv(f"TREASURE_HUNT_{name.upper()}", str(getattr(ran, name)))
    return ran


def call(*words: str) -> Result:
    return CliRunner().invoke(cli.app, ["tune", *words])


def files_of(folder: Path, without: Path) -> dict[Path, bytes]:
    """Every file in a folder with its bytes, but those below another."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and without not in path.parents}


def test_settings_are_written_with_their_evidence_and_nothing_else_changes(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = cli_tune.search_knobs
    # On so small a shop the settings as they stand may win by chance; here they come last.
    last = {"key": lambda trial: trial.knobs.factors == home.factors}
    monkeypatch.setattr(cli_tune, "search_knobs", lambda *given, **named: sorted(search(*given, **named), **last))
    folder = home.home / "tuned" / "shop"
    before = files_of(home.home, folder)
    said = call("--minutes", "0")
    assert said.exit_code == 0, said.output
    assert files_of(home.home, folder) == before
    evidence = json.loads((folder / "tuned.json").read_text())
    assert evidence["hour"] == format_hour(WHOLE)
    best = evidence["trials"][0]["knobs"]
    assert best["factors"] == 4 and best["blend"] == 0
    shell = f"set -a; . {folder / 'tuned.env'}; set +a; env | grep ^TREASURE_HUNT_"
    told = subprocess.run(["sh", "-c", shell], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert dict(line.split("=") for line in told.stdout.split()) == {
        f"TREASURE_HUNT_{name.upper()}": str(best[name]) for name in MODEL
    }


def test_the_settings_as_they_are_are_tried_in_any_case_and_nothing_worse_is_written(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "FIRST_FACTORS", 1)  # far fewer than the setting says, and worse
    assert call("--minutes", "0").exit_code == 0
    folder = home.home / "tuned" / "shop"
    trials = json.loads((folder / "tuned.json").read_text())["trials"]
    assert sorted(trial["knobs"]["factors"] for trial in trials) == [1, home.factors]
    assert trials[0]["ndcg"] >= trials[1]["ndcg"]
    is_better = trials[0]["knobs"]["factors"] == 1
    assert (folder / "tuned.env").exists() == is_better


def test_a_second_call_goes_on_where_the_first_stopped(home: Settings) -> None:
    for calls in (1, 2):
        assert call("--minutes", "0").exit_code == 0
        trials = (home.home / "tuned" / "shop" / "trials.jsonl").read_text().splitlines()
        assert len(trials) >= 1
        if calls == 1:
            first = trials
    assert trials[: len(first)] == first


def test_pairs_are_what_users_did_and_no_hints(home: Settings) -> None:
    pairs, _ = read_pairs(Run(WHOLE, home))
    landed = landed_path(home, "interactions", 6)
    kinds = pq.read_table(landed, columns=["kind"])["kind"].to_pylist()
    assert 0 < len(pairs) == sum(kind != "search" for kind in kinds) < len(kinds)
    assert not pairs.isna().any().any()
    assert pairs["weight"].max() <= home.max_pair_weight
    ahead = 300  # seconds by which an event may be ahead of the hour that delivers it
    assert pairs["time"].between(FIRST.timestamp() - 6 * 3600, (WHOLE + HOUR).timestamp() + ahead).all()


def test_what_cannot_be_tuned_on_is_one_sentence(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = call(format_hour(FIRST))
    assert early.exit_code == 1
    assert f"interactions of {format_hour(FIRST)} has not landed; run prepare of {format_hour(FIRST)} again" in str(
        early.exception
    )
    path = landed_path(home, "interactions", 6)
    path.write_bytes(path.read_bytes()[:-1])
    assert "is damaged; run prepare" in str(call().exception)
    monkeypatch.setenv("TREASURE_HUNT_HOME", str(tmp_path / "nowhere"))
    assert "nothing has landed yet for source shop" in str(call().exception)
    assert load_settings().home == tmp_path / "nowhere"
