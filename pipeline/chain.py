"""From one hour's model to the next: whether the predecessor's is carried on, and when a model is learnt anew.

A chain starts with a refit, every later model is made from the one before. It ends with its day, after `chain_hours` models,
when there is a quarter more to learn from, and whenever the model before is not to be carried on; which it was, and why,
stands in the manifest.
"""

from dataclasses import dataclass
from typing import Any

from pipeline.hours import HOUR, format_hour, parse_hour
from pipeline.lake import Work
from pipeline.manifests import read_manifest, stage_facts
from pipeline.predecessor import LOOK_BACK, Predecessor, at_hour, find_predecessor
from pipeline.run import Run

# Items rest as they were learnt, so a shop that grows fast would be told of by what it was this morning.
MOST_GROWTH = 1.25
# A model that was made with other values of these is another model, not an earlier one.
MODEL_SETTINGS = ["factors", "iterations", "alpha", "regularization", "seed", "holdout_share", "window_days"]
MODEL_SETTINGS += ["half_life_days", "few_items", "max_pair_weight", "max_actor_events", "link_minutes"]
MODEL_SETTINGS += ["engine"]
MODEL_SETTINGS += ["query_rows_weight", "attribute_rows_weight"]  # what new items get is guessed anew every hour


@dataclass(frozen=True)
class Step:
    """What an hour does (`refit`, `warm` or `fold_in`), why, from which model, and the place of its own in the chain."""

    way: str
    why: str
    before: Predecessor | None
    links: int

    def facts(self, run: Run, pairs: int) -> dict[str, Any]:
        """The step as the manifest tells it, of an hour with so many pairs."""
        told: dict[str, Any] = {"way": self.way, "why": self.why, "links": self.links}
        if self.before is None:
            return told | {"root": run.name, "root_pairs": pairs}
        parent = {"hour": format_hour(self.before.hour), "item_factors": self.before.sha256}
        return told | {name: self.before.trained[name] for name in ("root", "root_pairs")} | {"parent": parent}


def choose_step(work: Work, pairs: int) -> Step:
    """What this hour, which has so many pairs, does; the model that it carries on is registered as an input."""
    run = work.run
    if run.settings.hourly_model == "refit":
        return Step("refit", "every hour is learnt anew", None, 1)
    if run.settings.hourly_model == "warm" and run.settings.engine == "spark":
        return Step("refit", "Spark learns every model from nothing", None, 1)
    before = find_predecessor(work)
    if before is None:
        return Step("refit", f"no hour of the {LOOK_BACK} before has a model that was let through", None, 1)
    against = find_obstacle(work, before, pairs)
    if against:
        return Step("refit", against, None, 1)
    why = f"the model of {format_hour(before.hour)} is carried on, learnt anew in {before.trained['root']}"
    return Step(run.settings.hourly_model, why, before, int(before.trained["links"]) + 1)


def find_obstacle(work: Work, before: Predecessor, pairs: int) -> str:
    """Why the model before is not carried on; empty when it is."""
    run = work.run
    name, there = format_hour(before.hour), at_hour(run, before.hour)
    if "links" not in before.trained:
        return f"the model of {name} is of no chain"
    root = before.trained["root"]
    if parse_hour(root).date() != run.hour.date():  # UTC: every lake starts its chains at the same hours
        return f"it is the first model of {run.hour:%Y-%m-%d}, {root} was learnt the day before"
    if int(before.trained["links"]) >= run.settings.chain_hours:
        return f"the chain has {before.trained['links']} models"
    learnt = before.trained["root_pairs"]
    if pairs > MOST_GROWTH * learnt:
        return f"there are {pairs:,} pairs, and {root} was learnt from {learnt:,}"
    then, now = (read_manifest(there, "train") or {})["settings"], run.settings.facts()
    changed = [one for one in MODEL_SETTINGS if then.get(one) != now[one]]
    if changed:
        return f"the model of {name} was made with another {', '.join(changed)}"
    tiers = [stage_facts(one, "prepare").get("tier", {}).get("name") for one in (there, run)]
    if tiers[0] != tiers[1]:
        return f"{name} was of tier {tiers[0]}, this hour is of tier {tiers[1]}"
    if is_erased(run, before):
        return f"somebody was erased from a model of the chain that ends in {name}"
    return ""


def is_erased(run: Run, before: Predecessor) -> bool:
    """Whether somebody was taken out of a model of this chain: what the items' factors learnt of them would live on."""
    hour = parse_hour(before.trained["root"])
    while hour <= before.hour:
        manifest = read_manifest(at_hour(run, hour), "train")
        if manifest and any(erasure["tables"] for erasure in manifest.get("erasures", [])):
            return True
        hour += HOUR
    return False
