"""The bench that compares arms: what it makes, in which order, and that it never goes on with another shop's log."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from arms import compare, make_arms, make_log, parse, plan_arms
from arms_world import event
from arms_world import make_bundle as write_bundle
from arms_world import make_log as write_log

from pipeline.comparison import plan
from pipeline.comparison.plan import Bundle
from pipeline.errors import BadInput, TreasureHuntError

Words = list[tuple[str, ...]]


@pytest.fixture
def hunted(monkeypatch: pytest.MonkeyPatch) -> Words:
    """The commands that were given; a log or bundle that one should leave is left."""
    given: Words = []

    def hunt(words: Sequence[str | Path], say: plan.Say | None = None) -> None:
        given.append(tuple(map(str, words)))
        if words[0] == "record":
            write_log(Path(words[1]), [event(1, "u", "a")], [])
        elif words[0] == "arm":
            write_bundle(Path(words[4]), Path(words[3]), {})

    monkeypatch.setattr(plan, "hunt", hunt)
    return given


def test_the_first_cadence_is_the_first_arm_and_others_are_made_from_it() -> None:
    planned = plan_arms(["4h", "1h"], seed=2)
    assert [bundle.name for bundle in planned][:3] == ["batch-4h-2", "batch-1h-2", "batch-4h-late-2"]
    assert {bundle.batch for bundle in planned} == {"", "batch-4h-2", "batch-4h-late-2"}


def test_a_week_of_a_shop_that_drifts_is_compared_where_nothing_else_is_said(hunted: Words, tmp_path: Path) -> None:
    compare(parse(["--out", str(tmp_path)]))
    recorded, *arms, judged = hunted
    assert "--hours=168" in recorded and "--drift" in recorded
    assert len(arms) == 9 and {words[2] for words in arms} == {"batch", "bare", "story", "stream", "popular", "nothing"}
    assert judged[-2:] == ("--horizon", "24")
    hunted.clear()
    compare(parse(["--out", str(tmp_path / "still"), "--no-drift", "--hours", "48"]))
    assert "--hours=48" in hunted[0] and "--drift" not in hunted[0]


def test_a_log_of_another_shop_is_not_gone_on_with(hunted: Words, tmp_path: Path) -> None:
    assert make_log(tmp_path, "--hours=2") == make_log(tmp_path, "--hours=2") == tmp_path / "log"
    assert hunted == [("record", str(plan.aside(tmp_path / "log") / "made"), "--hours=2")]
    with pytest.raises(BadInput, match="was recorded with --hours=2; name another --out for --hours=2 --drift"):
        make_log(tmp_path, "--hours=2", "--drift")


def test_what_is_there_is_not_made_again_and_after_a_failure_nothing_is_begun(
    hunted: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_log(tmp_path)
    hunted.clear()
    planned = [Bundle(name, "popular", batch="batch") for name in ("one", "two")]
    for _ in range(2):
        make_arms(planned, log, tmp_path, processes=2)
    assert sorted(words[4] for words in hunted) == [
        str(plan.aside(tmp_path / name) / "made") for name in ("one", "two")
    ]

    def fail(words: Sequence[str | Path], say: plan.Say | None) -> None:
        hunted.append(("failed",))
        raise TreasureHuntError("it fails.")

    hunted.clear()
    monkeypatch.setattr(plan, "hunt", fail)
    with pytest.raises(TreasureHuntError):
        make_arms([Bundle(name, "popular") for name in "abcdefgh"], log, tmp_path, processes=1)
    assert hunted == [("failed",)]
