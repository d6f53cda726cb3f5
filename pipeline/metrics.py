"""Measures of ranked lists against what people really took.

Definitions as in Cremonesi, Koren & Turrin (RecSys 2010) and Järvelin & Kekäläinen (TOIS 2002), for one wanted item a user.
"""

import numpy as np
from numpy.typing import NDArray


def hit_ranks(lists: NDArray[np.integer], wanted: NDArray[np.integer]) -> NDArray[np.int64]:
    """The rank (from 1) of each user's wanted item in the user's list (users x k), 0 when it is not there.

    Negative entries of lists are empty places.
    """
    hits = (lists == wanted[:, None]) & (lists >= 0)
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0)


def recall(ranks: NDArray[np.int64]) -> float:
    """Share of users whose wanted item is in their list; NaN without users."""
    return float((ranks > 0).mean()) if len(ranks) else float("nan")


def ndcg(ranks: NDArray[np.int64]) -> float:
    """Mean of 1 / log2(rank + 1), 0 for a miss; NaN without users."""
    gains = np.where(ranks > 0, 1.0 / np.log2(np.maximum(ranks, 1) + 1.0), 0.0)
    return float(gains.mean()) if len(ranks) else float("nan")


def coverage(lists: NDArray[np.integer], eligible: int) -> float:
    """Share of the eligible items that stand in at least one list; negative entries are empty places."""
    return len(np.unique(lists[lists >= 0])) / eligible if eligible else 0.0
