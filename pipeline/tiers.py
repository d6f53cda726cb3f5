"""Quality tiers: the simpler lists that a window's data can still carry, and what would lift them.

`full`: personal lists with what searches point at, lists of queries, similar items. `behaviour`: the model of what
users took alone; what was searched is left out. `popular`: too few users for a model, everyone gets the popular list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from pipeline.settings import Settings

FULL, BEHAVIOUR, POPULAR = "full", "behaviour", "popular"


@dataclass(frozen=True)
class Tier:
    """A tier's name, why it is not a higher one, and which rows would lift it; both empty for the full tier."""

    name: str
    why: str = ""
    lifted_by: str = ""


def choose_tier(figures: Mapping[str, int], settings: Settings) -> Tier:
    """The highest tier that the figures of sql/tier_figures.sql allow."""
    users, least = figures["users"], settings.min_model_users
    if users < least:
        return Tier(
            POPULAR,
            f"only {users:,} users took an item of the catalog, {least:,} are needed for a model",
            f"{least - users:,} more of them would lift it",
        )
    items, titled = figures["items"], figures["titled_items"]
    searches, joined = figures["searches"], figures["joined_searches"]
    whys, lifts = [], []
    untitled = _missing(titled, items, settings.min_titled_share)
    if untitled:
        whys.append(f"only {titled:,} of {items:,} items have a title")
        lifts.append(f"{untitled:,} more titles")
    # Where nobody searches there is nothing to learn from searches: one would have to lead somewhere.
    unjoined = _missing(joined, max(searches, 1), settings.min_joined_share)
    if unjoined:
        whys.append(f"only {joined:,} of {searches:,} searches led to an item" if searches else "nobody searched")
        lifts.append(f"{unjoined:,} more searches that lead to an item")
    if not whys:
        return Tier(FULL)
    return Tier(BEHAVIOUR, " and ".join(whys), f"{' and '.join(lifts)} would lift it to {FULL}")


def _missing(count: int, total: int, share: float) -> int:
    """How many more of so many are needed to reach a share; exact, as 0.1 of 30 is 3 and not a little more."""
    return max(ceil(Fraction(str(share)) * total) - count, 0)
