"""Dirt, on purpose: how much of which kind the shop's log holds, and what a faulty row looks like.

`dirt` is the share of all rows that are dirty in some way; 0 gives a clean log.
"""

import numpy as np

from pipeline.shop.world import Bools, Ints, Texts

# How the dirt divides; adds up to 1. The first five are faults in a row, the last three deliveries out of order.
DIRT = {
    "bad_time": 0.14,
    "unknown_type": 0.12,
    "no_subject": 0.15,  # a search without text, anything else without an item
    "future": 0.06,  # two hours ahead
    "unknown_item": 0.08,  # in no catalog; a search gets a bad time instead
    "duplicate": 0.125,  # delivered again within the hour
    "echo": 0.125,  # delivered again in the next hour
    "late": 0.20,  # one to five hours after it happened
}
BAD_TIME, UNKNOWN_TYPE, NO_SUBJECT, FUTURE, UNKNOWN_ITEM, NONE = range(6)
BAD_TIMES = ("", "yesterday", "2026-02-30T10:00:00Z", "31/12/2025 25:61", "0000-00-00T00:00:00Z", "T12:30Z")
WRONG_TYPES = ("veiw", "clik", "purchse", "wishlist")


def draw_faults(rng: np.random.Generator, count: int, dirt: float, is_search: Bools) -> Ints:
    """The fault of each row, `NONE` for most."""
    edges = np.cumsum([dirt * share for share in list(DIRT.values())[:NONE]])
    fault = np.searchsorted(edges, rng.random(count), side="right")
    return np.where(is_search & (fault == UNKNOWN_ITEM), BAD_TIME, fault)


def soil(columns: dict[str, Texts], fault: Ints, rng: np.random.Generator) -> None:
    """Write the faults into the columns; a time in the future is the caller's to tell."""
    for kind, name, wrong in ((BAD_TIME, "occurred_at", BAD_TIMES), (UNKNOWN_TYPE, "event_type", WRONG_TYPES)):
        at = np.flatnonzero(fault == kind)
        columns[name][at] = np.array(wrong, dtype=object)[rng.integers(0, len(wrong), len(at))]
    at = np.flatnonzero(fault == UNKNOWN_ITEM)
    columns["item_id"][at] = np.array(
        [f"x{number:06d}" for number in rng.integers(0, 1_000_000, len(at))], dtype=object
    )
    at = np.flatnonzero(fault == NO_SUBJECT)
    columns["query"][at] = ["" if query is not None else None for query in columns["query"][at]]
    columns["item_id"][at] = None
