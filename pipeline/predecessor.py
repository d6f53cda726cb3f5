"""The model that the hour's is made from and judged beside: of the latest earlier hour whose model was let through, and
whose publishing, if it was tried, did not fail.

Never of a later hour, whatever is live: a backfill meets its own past only, and `verify` what the manifest names.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.errors import NotLanded
from pipeline.holdout import Exam, Marks, mark_model
from pipeline.hours import HOUR, format_hour
from pipeline.lake import Work
from pipeline.manifests import check_lineage, read_failure, read_manifest, stage_facts
from pipeline.model import Scale, fold_in
from pipeline.model_files import Factors, find_vectors, read_factors
from pipeline.run import Run

LOOK_BACK = 24  # hours: an older model says little of what this hour's should be


@dataclass(frozen=True)
class Predecessor:
    """The hour of a model, its items' factors with their hash, what it was scaled with, and what its `train` has to tell."""

    hour: datetime
    sha256: str
    items: Factors
    scale: Scale
    trained: dict[str, Any]


def find_predecessor(work: Work) -> Predecessor | None:
    """The predecessor, registered as an input; None where no hour of the look-back has one."""
    for step in range(1, LOOK_BACK + 1):
        hour = work.run.hour - step * HOUR
        if not work.is_whole("evaluation", hour) or is_withheld(work.run, hour):
            continue
        paths = work.read_hour("item_factors", hour)  # none of an hour in tier popular, which has no model
        if paths:
            work.read_hour("evaluation", hour, even_empty=True)  # that it was let through is an input as well
            trained = stage_facts(at_hour(work.run, hour), "train")
            return Predecessor(
                hour,
                work.inputs[f"item_factors@{format_hour(hour)}"],
                read_factors(paths[0], "item_id"),
                Scale(float(trained["alpha"]), float(trained["regularization"])),
                trained,
            )
    return None


def is_withheld(run: Run, hour: datetime) -> bool:
    """Whether an hour was tried to be published as it stands in the lake, and never was.

    One that nobody has tried to publish yet is not: a backfill makes a day's models before its lists. Never of an hour
    that is computed again: which one was its predecessor is recorded.
    """
    there = at_hour(run, hour)
    try:
        if run.recorded is not None or read_failure(there, "publish") is None:
            return False
        check_lineage(there, "publish")
        return read_manifest(there, "publish") is None
    except NotLanded:
        return True


def mark_predecessor(exam: Exam, before: Predecessor, work: Work) -> Marks:
    """The predecessor's marks in this hour's exam: its users are folded into its items from what is not hidden now."""
    width = before.items.vectors.shape[1]
    settings = work.run.settings.model_copy(update={"factors": width})  # those that it was trained with
    users = fold_in(exam.pairs, before.items, before.scale, settings)
    return mark_model(exam, find_vectors(users, exam.users), before.items, settings)


def at_hour(run: Run, hour: datetime) -> Run:
    """An earlier hour, in the lake that such hours are read from."""
    return Run(hour, run.settings, lake=run.history or run.lake)
