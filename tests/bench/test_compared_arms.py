"""The bench that compares arms: what it makes, in which order, and that it never goes on with another shop's log."""

from pathlib import Path

import arms
import pytest
from arms import Arm, make_arms, make_log, plan_arms

Words = list[tuple[str, ...]]


@pytest.fixture
def hunted(monkeypatch: pytest.MonkeyPatch) -> Words:
    """The commands that were given; a folder that one should leave is left."""
    given: Words = []

    def hunt(*words: str | Path) -> None:
        given.append(tuple(map(str, words)))
        out = Path(words[1] if words[0] == "record" else words[4])
        out.mkdir(parents=True)
        (out / ("log.json" if words[0] == "record" else "arm.json")).touch()

    monkeypatch.setattr(arms, "hunt", hunt)
    return given


def test_the_first_cadence_is_the_first_arm_and_others_are_made_from_it() -> None:
    planned = plan_arms(["4h", "1h"], seed=2)
    assert [arm.name for arm in planned][:3] == ["batch-4h-2", "batch-1h-2", "batch-4h-late-2"]
    assert {arm.batch for arm in planned} == {"", "batch-4h-2", "batch-4h-late-2"}


def test_a_log_of_another_shop_is_not_gone_on_with(hunted: Words, tmp_path: Path) -> None:
    assert make_log(tmp_path, "--hours=2") == make_log(tmp_path, "--hours=2") == tmp_path / "log"
    assert hunted == [("record", str(tmp_path / "log"), "--hours=2")]
    with pytest.raises(SystemExit, match="was recorded with --hours=2; name another --out for --hours=2 --drift"):
        make_log(tmp_path, "--hours=2", "--drift")


def test_what_is_there_is_not_made_again_and_after_a_failure_nothing_is_begun(
    hunted: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = [Arm(name, ("popular",), "batch") for name in ("one", "two")]
    for _ in range(2):
        make_arms(planned, tmp_path / "log", tmp_path, processes=2)
    assert sorted(words[4] for words in hunted) == [str(tmp_path / name) for name in ("one", "two")]

    def fail(*words: str | Path) -> None:
        hunted.append(("failed",))
        raise SystemExit(1)

    hunted.clear()
    monkeypatch.setattr(arms, "hunt", fail)
    with pytest.raises(SystemExit):
        make_arms([Arm(name, ("popular",)) for name in "abcdefgh"], tmp_path / "log", tmp_path, processes=1)
    assert hunted == [("failed",)]
