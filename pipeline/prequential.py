"""Lists that readers had, and simple ones they could have had, scored against what the same users then took.

Prequential: first tested, then learnt from (Dawid 1984; Gama, Sebastião & Rodrigues 2009). Items are named by their place
in the popular list of the hour that the lists are of, from 0; -1 is none of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline import metrics

Ints = NDArray[np.int64]
LISTS = ("served", "popular", "recent", "item_knn")
USER_SLICES = ("all", "personal", "searches", "popular")
ITEM_SLICES = ("new", "head", "tail")
HITS = ("recall", "ndcg", "hit_rate", "mrr")
GAINS = {"recall_gain": "recall", "ndcg_gain": "ndcg"}  # beside the popular list, of the same users
MEANS = ("novelty", "diversity", "popularity")
METRICS = (*HITS, *GAINS, *MEANS, "coverage")
COLUMNS = {
    "list": "str",
    "slice": "str",
    "k": "int64",
    "metric": "str",
    "users": "int64",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "age_hours": "int64",
}
MIN_USERS = 20  # of fewer nothing is said: chance decides, and it would be about single people
RESAMPLES = 200
DIGITS = 12  # sums of floats differ in their last digits from machine to machine


@dataclass(frozen=True)
class Shown:
    """The lists of the users, by name: users x k each; and where each user's served list came from."""

    lists: Mapping[str, Ints]
    served_reasons: NDArray[np.str_]


@dataclass(frozen=True)
class Catalog:
    """The items that could be listed, the most popular first: what they weigh, and the number of their category or -1."""

    weights: NDArray[np.float64]
    categories: NDArray[np.integer]


def arrange(listed: pd.DataFrame, users: pd.Index, k: int) -> Shown:
    """The rows of sql/lists_before.sql as arrays; who has no list of their own gets the popular one."""

    def filled(rows: pd.DataFrame, height: int, at: Ints) -> Ints:
        lists = np.full((height, k), -1, np.int64)
        lists[at, rows["rank"].to_numpy() - 1] = rows["place"]
        return lists

    by_list = {name: listed[listed["list"] == name] for name in LISTS}
    alone = {name: filled(by_list[name], 1, np.zeros(len(by_list[name]), int)) for name in ("popular", "recent")}
    lists = {name: np.repeat(row, len(users), axis=0) for name, row in alone.items()}
    served_reasons = np.full(len(users), "popular", dtype="U8")
    for name in ("served", "item_knn"):
        at = users.get_indexer(by_list[name]["user_id"])
        own = filled(by_list[name], len(users), at)
        is_own = np.zeros(len(users), bool)
        is_own[at] = True
        lists[name] = np.where(is_own[:, None], own, alone["popular"])
        if name == "served":
            served_reasons[at] = by_list[name]["served_reason"]
    return Shown({name: lists[name] for name in LISTS}, served_reasons)


def score(
    shown: Shown, wanted: pd.DataFrame, users: pd.Index, catalog: Catalog, age_hours: int, seed: int
) -> pd.DataFrame:
    """Rows of `prequential`; `wanted` are those of sql/wanted_items.sql, `users` all users in them.

    Slices of fewer than MIN_USERS users have no rows. Of the slice `all` there are figures at 10 as well.
    """
    k = shown.lists["served"].shape[1]
    rows: list[tuple[object, ...]] = []
    for name, at, taken in slices(shown, wanted, users):
        if len(at) < MIN_USERS:
            continue
        matrix = want(taken, users[at], len(catalog.weights))
        counts = users[at].get_indexer(taken["user_id"])
        sizes = np.bincount(counts, minlength=len(at))
        for cut in sorted({min(10, k), k}) if name == "all" else [k]:
            lists = {of: array[at, :cut] for of, array in shown.lists.items()}
            figures = {of: measure(array, matrix, sizes) for of, array in lists.items()}
            for of, found in figures.items():
                if of != "popular":
                    found |= {gain: found[metric] - figures["popular"][metric] for gain, metric in GAINS.items()}
                if name in USER_SLICES:
                    found |= describe(lists[of], catalog)
            rows += summarise(figures, name, cut, len(at), age_hours, seed)
            if name in USER_SLICES:
                for of, array in lists.items():
                    covered = metrics.coverage(array, len(catalog.weights))
                    rows.append((of, name, cut, "coverage", len(at), covered, None, None, age_hours))
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    frame[["value", "low", "high"]] = frame[["value", "low", "high"]].round(DIGITS) + 0.0  # no -0.0
    return frame.sort_values(["list", "slice", "k", "metric"], ignore_index=True)


def slices(shown: Shown, wanted: pd.DataFrame, users: pd.Index) -> Iterator[tuple[str, Ints, pd.DataFrame]]:
    """Each slice: its name, the rows of its users, and what of theirs is in it.

    Of users, by where their served list came from, everything they took; of items, what was taken of them.
    """
    rows = users.get_indexer(wanted["user_id"])
    for name in USER_SLICES:
        is_in = np.full(len(users), True) if name == "all" else shown.served_reasons == name
        yield name, np.flatnonzero(is_in), wanted[is_in[rows]]
    masks = {"new": wanted["is_new"], "head": wanted["is_head"], "tail": ~wanted["is_head"]}
    for name in ITEM_SLICES:
        mask = masks[name].to_numpy(bool)
        yield name, np.unique(rows[mask]), wanted[mask]


def want(taken: pd.DataFrame, users: pd.Index, items: int) -> sp.csr_matrix:
    """Users x items, with a one for what each user took; what nobody could have listed is left out."""
    known = taken[taken["place"] >= 0]
    at = users.get_indexer(known["user_id"])
    return sp.csr_matrix((np.ones(len(known), np.float32), (at, known["place"])), shape=(len(users), items))


def measure(lists: Ints, wanted: sp.csr_matrix, counts: Ints) -> dict[str, NDArray[np.float64]]:
    """Each user's figures of how much of what they took (so many items) is in their list."""
    hits = metrics.hit_table(lists, wanted)
    return {
        "recall": metrics.recalls(hits, counts),
        "ndcg": metrics.ndcgs(hits, counts),
        "hit_rate": metrics.hit_rates(hits),
        "mrr": metrics.reciprocal_ranks(hits),
    }


def describe(lists: Ints, catalog: Catalog) -> dict[str, NDArray[np.float64]]:
    """Each user's figures of what is in the list, whatever they took: how rare, how varied, how popular it is."""
    items = len(catalog.weights)
    # Everything counts as taken by one search more, so that what nobody took is rare and not endlessly so.
    shares = (catalog.weights + 1) / (catalog.weights.sum() + items)
    ranks = 1 - np.arange(items) / max(items - 1, 1)
    return {
        "novelty": metrics.list_means(lists, -np.log2(shares)),
        "diversity": metrics.diversities(lists, catalog.categories),
        "popularity": metrics.list_means(lists, ranks),
    }


def summarise(
    figures: Mapping[str, Mapping[str, NDArray[np.float64]]], name: str, k: int, users: int, age_hours: int, seed: int
) -> Iterator[tuple[object, ...]]:
    """A row for each list and figure: the mean over the users of the slice and its bounds."""
    keys = [(of, metric) for of, found in figures.items() for metric in found]
    values = np.stack([figures[of][metric] for of, metric in keys], axis=1)
    low, high = metrics.bootstrap(values, seed, RESAMPLES)
    for (of, metric), column, least, most in zip(keys, values.T, low, high, strict=True):
        yield of, name, k, metric, users, column.mean(), least, most, age_hours
