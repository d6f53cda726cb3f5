"""The story again: its batch and the batch arm on one log with the same faults, and the story's once more without any."""

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.comparison.batch import run_batch
from pipeline.comparison.bundle import read_document
from pipeline.comparison.faults import BAD_DAY
from pipeline.comparison.log import Log, read_log, record_shop
from pipeline.comparison.story_arm import run_story
from pipeline.errors import BadInput
from pipeline.hours import HOUR, parse_hour

FIRST, HOURS = parse_hour("2026-01-05T00"), 36
SHOP: dict[str, Any] = {"users": 600, "items": 300, "events_per_hour": 600.0, "dirt": 0.03}
HORIZON_HOURS = 12  # of its judgement: a third of the log
PLAN = "plan.json"


def reenact(folder: Path, log: Path | None, plan: Path | None, say: Callable[[str], None]) -> tuple[Path, list[Path]]:
    """The log and the bundles stand below the folder, the batch arm's first; returns where.

    Without a log one of a small shop is recorded; without a plan it is `bad_day.json`. What is whole already is not made
    again. Raises `BadInput` where bundles of another log or plan stand there.
    """
    plan = plan or BAD_DAY
    if log is None:
        log = folder / "log"
        if not (log / "log.json").exists():
            say(f"{log}: recording {HOURS} hours of a small shop")
            record_shop(make_room(log), FIRST, FIRST + (HOURS - 1) * HOUR, seed=0, **SHOP)
    read = read_log(log)
    arms = folder / "arms"
    keep_plan(arms, plan)

    def make(name: str, run: Callable[[Path], object]) -> Path:
        bundle = arms / name
        if not (bundle / "arm.json").exists():
            say(f"{bundle} …")
            run(make_room(bundle))
        elif read_document(bundle, "arm")["log_hash"] != read.log_hash:
            raise BadInput(f"{bundle} was made from another log than {log}; give --out another folder.")
        return bundle

    return log, [
        make("batch-faults", lambda out: run_batch(read, out, plan=plan, tell=lambda ran: tell(say, ran.ended, read))),
        make("story-faults", lambda out: run_story(read, out, plan=plan)),
        make("story", lambda out: run_story(read, out)),
    ]


def make_room(folder: Path) -> Path:
    """Nothing half made is left of a log or a bundle."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def keep_plan(arms: Path, plan: Path) -> None:
    """The plan stands beside the bundles; raises `BadInput` where they have met another one."""
    arms.mkdir(parents=True, exist_ok=True)
    kept = arms / PLAN
    try:
        wanted = json.dumps(json.loads(plan.read_text(encoding="utf-8")), indent=1) + "\n"
    except (OSError, ValueError) as error:
        raise BadInput(f"{plan} is no plan of faults: {error}.") from None
    if kept.exists() and kept.read_text(encoding="utf-8") != wanted:
        raise BadInput(f"the arms in {arms} have met another plan than {plan}; give --out another folder.")
    kept.write_text(wanted, encoding="utf-8")


def tell(say: Callable[[str], None], at: datetime, log: Log) -> None:
    """How far a run of the batch arm has come."""
    say(f"batch arm at hour {(at - log.started) / HOUR:.1f} of {(log.ended - log.started) / HOUR:.0f}")
