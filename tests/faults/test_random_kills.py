"""A process that runs hours of a shop again and again is killed at random moments, while readers look on.

`make test-faults` kills 200 times (RANDOM_KILLS=200), the ordinary run 20 times; half on each serving database. The seed is
printed, RANDOM_SEED=… repeats it.
"""

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from handmade_shop import FIRST
from invariants import broken, content_of_lake, content_of_serving, residue_in_lake, residue_in_serving
from killing import act, kill, start
from watching import watching

from pipeline.hours import HOUR
from pipeline.line import STAGES, run_stage
from pipeline.serving.database import connect
from pipeline.settings import Settings

pytestmark = [pytest.mark.alone, pytest.mark.xdist_group("faults")]
KILLS = int(os.environ.get("RANDOM_KILLS", "20")) // 2
SEED = int(os.environ.get("RANDOM_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
LONGEST_SECONDS = 6.0 if KILLS > 10 else 2.0
HOURS = (FIRST + 3 * HOUR, FIRST + 4 * HOUR)


def run_for_ever(settings: Settings) -> None:
    """Two hours run whole, in turns with longer and shorter lists, so that there is always something new to publish."""
    while True:
        for length in (settings.k, settings.k - 1):
            for hour in HOURS:
                for stage in STAGES:
                    run_stage(stage, hour, settings.model_copy(update={"k": length}))


def run_once(settings: Settings) -> None:
    """Two hours run whole."""
    for hour in HOURS:
        for stage in STAGES:
            run_stage(stage, hour, settings)


def content(settings: Settings) -> dict[str, Any]:
    """The lake, and the live version with its rows; versions with shorter lists are there as well, or not."""
    engine = connect(settings.serving)
    try:
        serving = content_of_serving(engine)
        [live] = serving.pop("live")
        del serving["versions"]
        rows = {table: [row for row in rows if f"'{live}'" in row] for table, rows in serving.items()}
        return {"lake": content_of_lake(settings), "live": live, "rows": rows}
    finally:
        engine.dispose()


@pytest.mark.timeout(3600)
def test_killed_at_random_moments_nobody_reads_anything_wrong_and_the_hours_come_out_the_same(
    brink: Any, tmp_path: Path
) -> None:
    print(f"RANDOM_SEED={SEED}")
    chance = random.Random(SEED)
    settings, calm = brink.copy(tmp_path / "killed"), brink.copy(tmp_path / "calm")
    engine = connect(settings.serving)
    with watching(settings.serving, "popular_items", "segment", ["all"], ["plain", "prepared repeatable"]) as seen:
        for _ in range(KILLS):
            process = start(run_for_ever, settings)
            time.sleep(chance.uniform(0, LONGEST_SECONDS))
            kill(process)
            assert process.exitcode == -9  # it was at work, not ended by an error of its own
            assert broken(settings, engine) == []
    assert [wrong for one in seen for wrong in one.wrong] == []
    assert all(one.reads > KILLS for one in seen)
    assert act(run_once, settings) == act(run_once, calm) == 0
    assert broken(settings, engine) == [*residue_in_lake(settings, staging=False), *residue_in_serving(engine)] == []
    engine.dispose()
    assert content(settings) == content(calm)
