"""Fail points: every one that is registered is reached in the code and the other way round, and off they do nothing."""

import errno
import re
from collections import Counter
from pathlib import Path

import pytest

from pipeline import failpoints
from pipeline.errors import BadInput
from pipeline.failpoints import POINTS, Failpoint, reach

ROOT = Path(__file__).resolve().parents[2]
POINT = "publish.announced"


@pytest.fixture(autouse=True)
def nothing_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failpoints, "_reached", Counter())


def test_every_point_in_the_code_is_registered_and_every_registered_one_stands_in_the_code_once() -> None:
    code = [
        path.read_text(encoding="utf-8")
        for folder in ("pipeline", "dags", "plugins")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "failpoints.py"
    ]
    reached = Counter(name for text in code for name in re.findall(r"\breach\(\"([^\"]+)\"\)", text))
    assert reached == dict.fromkeys(POINTS, 1)
    calls = sum(len(re.findall(r"\breach\(", text)) for text in code)
    assert calls == len(POINTS)  # none with a name made up on the way


def test_without_the_variable_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(failpoints.VARIABLE, raising=False)
    for name in POINTS:
        reach(name)


def test_only_the_named_point_acts_and_only_when_it_is_reached_for_the_nth_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(failpoints.VARIABLE, f"{POINT}:raise:2")
    reach("publish.audited")
    reach(POINT)
    with pytest.raises(Failpoint, match=POINT):
        reach(POINT)
    reach(POINT)


def test_running_out_of_space_looks_as_it_does_on_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(failpoints.VARIABLE, f"{POINT}:enospc")
    with pytest.raises(OSError) as raised:
        reach(POINT)
    assert raised.value.errno == errno.ENOSPC


@pytest.mark.parametrize("asked", ["", "nowhere:kill", POINT, f"{POINT}:explode", f"{POINT}:kill:0", f"{POINT}:kill:x"])
def test_a_point_or_action_that_is_not_there_is_refused(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(failpoints.VARIABLE, asked)
    with pytest.raises(BadInput, match="is not POINT:ACTION"):
        reach(POINT)
