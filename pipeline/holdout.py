"""Lists of models and the popular list, held against the hidden items of the same users.

Stricter than what is published, which leaves out only what was bought: a list is judged by finding something new.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline import metrics, topk
from pipeline.als import Floats
from pipeline.model_files import Factors, pair_matrix, positions
from pipeline.settings import Settings

RESAMPLES = 2000
LEVEL = 0.99  # the gate is asked 24 times a day: at 95 % chance alone would stop an hour every other day


@dataclass(frozen=True)
class Exam:
    """What lists of k items are asked: to hold the hidden item of each of these users, and nothing that they met.

    `wanted` is its place in `popular`, the available items, best first; `pairs` are the users' interactions.
    """

    k: int
    users: pd.Index
    wanted: NDArray[np.int32]
    popular: pd.Index
    pairs: pd.DataFrame

    def met(self, items: pd.Index) -> sp.csr_matrix:
        """Users x items, with a one for what each user met; what only a search points at was not met."""
        done = self.pairs[self.pairs["kind"] != "search"]
        return pair_matrix(self.users, items, done["user_id"], done["item_id"])


@dataclass(frozen=True)
class Marks:
    """How lists did: the rank of each user's hidden item (0: it is not there), and the share of the items in any list."""

    ranks: NDArray[np.int64]
    coverage: float

    def figures(self) -> dict[str, float]:
        """Recall, NDCG and coverage; NaN without users."""
        return {"recall": metrics.recall(self.ranks), "ndcg": metrics.ndcg(self.ranks), "coverage": self.coverage}


def set_exam(k: int, known_users: pd.Index, hidden: pd.DataFrame, popular: pd.Series, pairs: pd.DataFrame) -> Exam:
    """Asked are the known users whose hidden item is available; an item that a model cannot know counts as missed."""
    places = pd.Index(popular)
    is_asked = (positions(known_users, hidden["user_id"]) >= 0) & (positions(places, hidden["item_id"]) >= 0)
    asked = hidden[is_asked]
    users = pd.Index(asked["user_id"])
    return Exam(k, users, positions(places, asked["item_id"]), places, pairs[positions(users, pairs["user_id"]) >= 0])


def mark_model(exam: Exam, vectors: Floats, items: Factors, settings: Settings) -> Marks:
    """The marks of a model by the vectors of the exam's users (users x d)."""
    places = positions(exam.popular, pd.Series(items.ids))
    never = np.flatnonzero(places < 0).astype(np.int32)
    top = topk.best_items(vectors, items.vectors, exam.k, exam.met(items.ids), never, settings)
    return _mark(exam, np.where(top.scores > topk.PADDING, places[top.indices], -1))


def mark_popular(exam: Exam) -> Marks:
    """The marks of the popular list."""
    met = exam.met(exam.popular)
    met.sort_indices()
    user_of = np.repeat(np.arange(len(exam.users)), np.diff(met.indptr))
    # Before the place p of a user's j-th met item (from 0) stand p - j that the user did not meet: that many places of
    # the list come before it, and every later one moves on by one.
    before = met.indices - (np.arange(met.nnz) - met.indptr[user_of])
    is_near = before < exam.k
    passed = np.zeros((len(exam.users), exam.k), np.int64)
    np.add.at(passed, (user_of[is_near], before[is_near]), 1)
    lists = np.arange(exam.k) + passed.cumsum(axis=1)
    return _mark(exam, np.where(lists < len(exam.popular), lists, -1))


def _mark(exam: Exam, lists: NDArray[np.integer]) -> Marks:
    ranks = metrics.hit_ranks(lists, exam.wanted) if len(exam.users) else np.zeros(0, np.int64)
    return Marks(ranks, metrics.coverage(lists, len(exam.popular)))


def tabulate(exam: Exam, marks: Mapping[str, Marks]) -> pd.DataFrame:
    """Rows (list, metric, k, users, value) of `evaluation`; a figure that is undefined has none."""
    rows = [
        (name, metric, exam.k, len(exam.users), value)
        for name, found in marks.items()
        for metric, value in found.figures().items()
        if np.isfinite(value)
    ]
    frame = pd.DataFrame(rows, columns=["list", "metric", "k", "users", "value"])
    return frame.astype({"list": "str", "metric": "str", "k": "int64", "users": "int64", "value": "float64"})


def find_most_gained(ours: Marks, theirs: Marks, limit: float, seed: int) -> float:
    """The upper bound of our recall less `limit` times theirs, over resampled users: below 0, we fell short beyond chance.

    Paired: each resample holds the same users of both.
    """
    gains = (ours.ranks > 0) - limit * (theirs.ranks > 0)
    _low, high = metrics.bootstrap(gains[:, None], seed, RESAMPLES, LEVEL)
    return float(high[0])
