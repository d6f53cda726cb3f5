"""The story again: its batch and the batch arm on one log with the same faults, and the story's once more without any."""

import json
from pathlib import Path

from pipeline.comparison.faults import BAD_DAY, read_plan
from pipeline.comparison.log import read_log
from pipeline.comparison.plan import Bundle, make_bundle, make_log
from pipeline.errors import BadInput

SHOP = ("--hours", "36", "--users", "600", "--items", "300", "--events-per-hour", "600")
HORIZON_HOURS = 12  # of its judgement: a third of the log
PLAN = "plan.json"


def reenact(folder: Path, log: Path | None, plan: Path | None) -> tuple[Path, list[Path]]:
    """The log and the bundles stand below the folder, the batch arm's first; returns where.

    Without a log one of a small shop is recorded; without a plan it is `bad_day.json`. What is valid and of this log already
    is not made again. Raises `BadInput` for what is no plan of this log, and where arms that met another one stand.
    """
    plan = plan or BAD_DAY
    read = read_log(log) if log else make_log(folder / "log", SHOP)
    read_plan(plan, read)
    arms = folder / "arms"
    keep_plan(arms, plan)
    faults = ("--faults", str(plan))
    wanted = (
        Bundle("batch-faults", "batch", faults),
        Bundle("story-faults", "story", faults),
        Bundle("story", "story"),
    )
    return read.folder, [make_bundle(one, read.folder, arms) for one in wanted]


def keep_plan(arms: Path, plan: Path) -> None:
    """The plan stands beside the bundles; raises `BadInput` where they have met another one."""
    arms.mkdir(parents=True, exist_ok=True)
    kept = arms / PLAN
    wanted = json.dumps(json.loads(plan.read_text(encoding="utf-8")), indent=1) + "\n"
    if kept.exists() and kept.read_text(encoding="utf-8") != wanted:
        raise BadInput(f"the arms in {arms} have met another plan than {plan}; give --out another folder.")
    kept.write_text(wanted, encoding="utf-8")
