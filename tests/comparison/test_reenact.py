"""The story's comparison as one command makes it: resumed, never mixed, and refused in one sentence."""

import json
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from arms_world import event, make_bundle, make_log
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.comparison import plan as planning
from pipeline.comparison import reenact as module
from pipeline.comparison.faults import BAD_DAY
from pipeline.comparison.reenact import SHOP, reenact
from pipeline.errors import BadInput

EVENTS = [event(1, "u", "a"), event(11, "u", "b"), event(13, "w", "c")]
NAMES = ["batch-faults", "story-faults", "story"]
MET = ["batch with", "story with", "story without"]
Words = Sequence[str | Path]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return make_log(tmp_path / "log", EVENTS, [(10, "u"), (12, "w")])


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, log: Path) -> list[str]:
    """Stand-ins of the commands: which were run, and whether arms met a plan."""
    ran: list[str] = []

    def hunt(words: Words, _say: object = None) -> None:
        if words[0] == "record":
            shutil.copytree(log, words[1])
            ran.append("record")
            assert tuple(words[2:]) == SHOP
            return
        _arm, _run, arm, of, out, *options = words
        ran.append(f"{arm} {'with' if '--faults' in options else 'without'}")
        make_bundle(Path(out), Path(of), {}, arm=ran[-1])

    monkeypatch.setattr(planning, "hunt", hunt)
    return ran


def command(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_both_arms_meet_the_plan_and_the_storys_runs_once_more_without(
    tmp_path: Path, log: Path, made: list[str]
) -> None:
    found = reenact(tmp_path / "out", log, None)
    assert found == (log, [tmp_path / "out" / "arms" / name for name in NAMES])
    assert made == MET


def test_what_is_whole_is_not_made_again_and_what_is_half_or_of_another_log_is_made_anew(
    tmp_path: Path, log: Path, made: list[str]
) -> None:
    reenact(tmp_path / "out", log, None)
    (tmp_path / "out" / "arms" / "story" / "arm.json").unlink()
    made.clear()
    reenact(tmp_path / "out", log, None)
    assert made == ["story without"]
    reenact(tmp_path / "out", make_log(tmp_path / "other", EVENTS[:1], [(10, "u")]), None)
    assert made[1:] == MET


def test_without_a_log_one_of_a_small_shop_is_recorded_once(tmp_path: Path, made: list[str]) -> None:
    for _ in range(2):
        assert reenact(tmp_path / "out", None, None)[0] == tmp_path / "out" / "log"
    assert made == ["record", *MET]


def test_arms_that_met_another_plan_are_not_mixed_with_these(tmp_path: Path, log: Path, made: list[str]) -> None:
    reenact(tmp_path / "out", log, None)
    plan = json.loads(BAD_DAY.read_text())
    (tmp_path / "plan.json").write_text(json.dumps(plan | {"name": "another"}))
    with pytest.raises(BadInput, match="have met another plan"):
        reenact(tmp_path / "out", log, tmp_path / "plan.json")
    with pytest.raises(BadInput, match="is no plan of faults"):
        reenact(tmp_path / "new", log, tmp_path / "none.json")
    assert made == MET


def test_one_command_makes_the_arms_and_judges_them(tmp_path: Path, log: Path, made: list[str]) -> None:
    said = command("compare", "--story", "--log", log, "--out", tmp_path / "out")
    judgement = json.loads((tmp_path / "out" / "judgement.json").read_text())
    assert [one["arm"] for one in judgement["arms"]] == made == MET
    assert judgement["options"]["horizon_hours"] == module.HORIZON_HOURS
    assert "judgement.html" in said
    command("compare", "--story", "--log", log, "--out", tmp_path / "out", "--horizon", "6")
    assert json.loads((tmp_path / "out" / "judgement.json").read_text())["options"]["horizon_hours"] == 6
    assert made == MET


def test_what_is_interrupted_says_how_to_go_on(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # To this thread, and so at once.
    monkeypatch.setattr(planning, "hunt", lambda *_given: signal.raise_signal(signal.SIGTERM))
    words = ["compare", "--story", "--log", str(log), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 130
    assert "what is whole stays, run the same command to go on" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (lambda log, out: ["--log", log, "--out", out], "give either bundles to judge, or --story"),
        (lambda log, out: ["x", "--story", "--log", log, "--out", out], "give either bundles to judge, or --story"),
        (lambda log, out: ["--story", "--log", log, "--check", out], "give either bundles to judge, or --story"),
        (lambda _log, out: ["x", "--out", out], "give --log"),
        (lambda log, out: ["x", "--log", log, "--out", out, "--faults", BAD_DAY], "--faults only goes with --story"),
        (lambda log, out: ["--story", "--log", log, "--out", log], "is a log"),
        (lambda log, _out: ["--story", "--log", log], "give either --out"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    tmp_path: Path, log: Path, words: Callable[[Path, Path], list[object]], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        command("compare", *words(log, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
