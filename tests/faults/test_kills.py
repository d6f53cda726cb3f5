"""kill -9 at every named point: what readers get is right right after it, and trying again leads where no kill would have.

`make test-faults` kills at the first three times that each point is reached (KILLS=3), the ordinary test run at the first.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from invariants import (
    broken,
    broken_copy,
    content_of_lake,
    content_of_serving,
    residue_in_lake,
    residue_in_serving,
    residue_of_requests,
)
from killing import act, work_at

from pipeline.failpoints import POINTS
from pipeline.serving.database import connect
from pipeline.settings import Settings

KILLS = int(os.environ.get("KILLS", "1"))
KILLED = -9
# What is done to files is the same whatever the serving database; the ordinary run kills on PostgreSQL while it publishes.
ALIKE = ("files.", "lake.") if KILLS > 1 else ("files.", "lake.", "report.", "copy.", "forget.", "rewrite.", "erase.")
CASES = [("sqlite", point) for point in POINTS]
CASES += [("postgresql", point) for point in POINTS if not point.startswith(ALIKE)]


def content(settings: Settings) -> dict[str, Any]:
    engine = connect(settings.serving)
    try:
        return {"lake": content_of_lake(settings), "serving": content_of_serving(engine)}
    finally:
        engine.dispose()


def wrong(settings: Settings) -> list[str]:
    engine = connect(settings.serving)
    try:
        return [*broken(settings, engine), *broken_copy(settings)]
    finally:
        engine.dispose()


def residue(settings: Settings) -> list[str]:
    engine = connect(settings.serving)
    try:
        left = [*residue_in_serving(engine), *residue_of_requests(settings, engine)]
        return [*residue_in_lake(settings, staging=False), *left]
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a piece of work leads to from a brink when nothing goes wrong."""

    @cache
    def lead(brink: Any, work: Any) -> dict[str, Any]:
        settings = brink.copy(tmp_path_factory.mktemp("undisturbed"))
        assert act(work, settings) == 0
        assert wrong(settings) == residue(settings) == []
        return content(settings)

    return lead


@pytest.mark.parametrize("time", range(1, KILLS + 1))
@pytest.mark.parametrize(("brink", "point"), CASES, indirect=["brink"])
def test_a_kill_hurts_nobody_and_a_retry_converges(
    point: str, time: int, brink: Any, undisturbed: Any, tmp_path: Path
) -> None:
    work, settings = work_at(point), brink.copy(tmp_path)
    exit_code = act(work, settings, f"{point}:kill:{time}")
    if time > 1 and exit_code == 0:
        pytest.skip(f"{point} is reached fewer than {time} times")
    assert exit_code == KILLED, f"{point} is not reached by {work.__name__}"
    assert wrong(settings) == []
    assert act(work, settings) == 0
    assert wrong(settings) == residue(settings) == []
    assert content(settings) == undisturbed(brink, work)
