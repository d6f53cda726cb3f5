"""What is kept of an hour beside its page, so that later pages can chart it without looking into the lake again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pipeline.hours import HOUR, format_hour
from pipeline.report.account import Account, count_rules
from pipeline.report.served import overall

Brief = dict[str, Any]
# Of the stage evaluate.
FIGURES = ("recall", "predecessor_recall", "popular_recall", "ndcg", "predecessor_ndcg", "popular_ndcg")
# An hour that has not run; what a brief of an earlier release does not say is as here too.
NOTHING: Brief = {
    "state": "not run",
    "version": None,
    "ledgers": {},
    "live": None,
    "freshness": {},
    "figures": {},
    "served": {},
    "rules": {"failed": 0, "warned": 0, "refused": 0, "passed": 0},
    "gates": [],
    "seconds": {},
    "sentences": [],
}


def shorten(account: Account) -> Brief:
    """What later pages show of an hour."""
    stages = {stage["stage"]: stage for stage in account["stages"]}
    evaluated = stages.get("evaluate", {"figures": {}})["figures"]
    return {
        **{name: account[name] for name in ("hour", "state", "version", "ledgers", "live", "freshness")},
        "figures": {name: evaluated[name] for name in FIGURES if name in evaluated},
        "served": overall(account["prequential"]),
        "rules": count_rules(account),
        "gates": [
            {name: found[name] for name in ("stage", "rule", "observed", "limit")}
            for found in account["quality"]
            if found["is_gate"]
        ],
        "seconds": {name: stage["seconds"] for name, stage in stages.items()},
        "sentences": [stage["sentence"] for stage in account["stages"] if stage["sentence"]],
    }


def fill_hours(briefs: Sequence[Brief], last: datetime, count: int) -> list[Brief]:
    """Every one of the `count` hours up to `last`, oldest first; those of which there is no brief say `not run`."""
    known = {brief["hour"]: brief for brief in briefs}
    hours = [format_hour(last - step * HOUR) for step in range(count - 1, -1, -1)]
    return [{**NOTHING, "hour": hour, **known.get(hour, {})} for hour in hours]


def ages_of(brief: Brief, step: str) -> dict[str, float] | None:
    """The ages of the hour's events at a step; None where they were not measured, and of a backfilled hour."""
    freshness = brief["freshness"]
    return None if freshness.get("is_backfilled") else freshness.get("steps", {}).get(step)
