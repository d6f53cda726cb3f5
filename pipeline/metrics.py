"""Measures of ranked lists against what people really took.

Definitions as in Cremonesi, Koren & Turrin (RecSys 2010) and Järvelin & Kekäläinen (TOIS 2002): first those for one wanted
item a user, then those for any number, which say the same of one.
"""

import numpy as np
import scipy.sparse as sp
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


def hit_table(lists: NDArray[np.integer], wanted: sp.csr_matrix) -> NDArray[np.bool_]:
    """Users x k: whether that place of the list is wanted, by a matrix of users x items; negative entries are empty."""
    if not lists.size:
        return np.zeros(lists.shape, bool)
    rows = np.broadcast_to(np.arange(len(lists))[:, None], lists.shape)
    met = np.asarray(wanted[rows.ravel(), np.maximum(lists, 0).ravel()]).reshape(lists.shape)
    return (met > 0) & (lists >= 0)


def recalls(hits: NDArray[np.bool_], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each user's share of the wanted items (counts of them, at least one) that is in the list."""
    return hits.sum(axis=1) / counts


def ndcgs(hits: NDArray[np.bool_], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each user's discounted gain over that of the ideal list, which begins with min(k, counts) wanted items."""
    discounts = 1.0 / np.log2(np.arange(hits.shape[1]) + 2.0)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(counts, hits.shape[1])]
    return hits @ discounts / ideal


def reciprocal_ranks(hits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """One over the rank of each user's first hit, 0 without one."""
    return np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1.0), 0.0) if hits.size else np.zeros(len(hits))


def hit_rates(hits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Whether each user's list holds anything wanted: 1 or 0."""
    return np.asarray(hits.any(axis=1), np.float64)


def list_means(lists: NDArray[np.integer], figure: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each list's mean of a figure of its items; negative entries are empty places, an empty list has 0."""
    if not lists.size or not len(figure):
        return np.zeros(len(lists))
    filled = lists >= 0
    sums = np.where(filled, figure[np.maximum(lists, 0)], 0.0).sum(axis=1)
    return sums / np.maximum(filled.sum(axis=1), 1)


def diversities(lists: NDArray[np.integer], groups: NDArray[np.integer]) -> NDArray[np.float64]:
    """Each list's share of pairs of items that are of different groups (such as categories); 0 without a pair.

    `groups` says of each item in which it is; a negative one is in none, and so unlike every other (Ziegler et al., WWW
    2005, with likeness 1 within a group and 0 else).
    """
    if not lists.size or not len(groups):
        return np.zeros(len(lists))
    filled = lists >= 0
    own = -1 - np.arange(lists.shape[1])  # of an item in no group, and of an empty place: a group of its own
    of = np.where(filled & (groups[np.maximum(lists, 0)] >= 0), groups[np.maximum(lists, 0)], own)
    of = np.sort(of, axis=1)
    # Of a run of n like items the last one is like n - 1 before it, and so on: the sum over places counts the pairs.
    begins = np.ones(of.shape, bool)
    begins[:, 1:] = of[:, 1:] != of[:, :-1]
    places = np.arange(of.shape[1])
    alike = (places - np.maximum.accumulate(np.where(begins, places, 0), axis=1)).sum(axis=1)
    count = filled.sum(axis=1)
    pairs = count * (count - 1) // 2
    return 1.0 - (alike + (pairs == 0)) / np.maximum(pairs, 1)


def bootstrap(
    values: NDArray[np.float64], seed: int, resamples: int, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bound of the mean of each column of `values` (users x figures): percentiles over resampled users.

    Every figure sees the same resamples, so the bounds of a difference are those of a column that holds it (Efron &
    Tibshirani 1993). NaN without users.
    """
    users, figures = values.shape
    if not users:
        return np.full(figures, np.nan), np.full(figures, np.nan)
    random = np.random.default_rng(seed)
    means = np.empty((resamples, figures))
    step = max(1, 1_000_000 // users)  # resamples that are counted together: one product of matrices, in bounded memory
    for first in range(0, resamples, step):
        count = min(step, resamples - first)
        drawn = [np.bincount(random.integers(0, users, users), minlength=users) for _ in range(count)]
        means[first : first + count] = np.array(drawn, np.float64) @ values / users
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
