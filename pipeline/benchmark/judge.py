"""Lists of every rival, made in the same way from its scores, and the measures of `pipeline.metrics` on them."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline import metrics
from pipeline.als import Floats, Ints
from pipeline.benchmark.world import NOTHING, World

# Scores (rows x items) for some rows of train; a block of them at a time is all that is ever held.
Scorer = Callable[[Ints], Floats]
BLOCK_BYTES = 200_000_000
FIGURES = ("recall", "ndcg", "hit_rate", "mrr", "coverage")
Row = dict[str, object]


def make_lists(world: World, score: Scorer, k: int) -> Ints:
    """Judged users x k: the items of highest score, best first, NOTHING where there are no more.

    A full ranking leaves out what the user met in train; with candidates only these are ranked. Of equal scores the one that
    stands first wins, and the order of items is by lot.
    """
    width = world.train.shape[1] if world.candidates is None else world.candidates.shape[1]
    lists = np.full((len(world.judged), k), NOTHING, np.int32)
    step = max(1, BLOCK_BYTES // (4 * world.train.shape[1]))
    for start in range(0, len(world.judged), step):
        rows = world.judged[start : start + step]
        scores = np.array(score(rows), np.float32)
        if world.candidates is None:
            met = world.train[rows]
            scores[np.repeat(np.arange(len(rows)), np.diff(met.indptr)), met.indices] = -np.inf
            found = best_places(scores, min(k, width))
            found[np.take_along_axis(scores, found, axis=1) == -np.inf] = NOTHING
        else:
            found = _rank_candidates(scores, world.candidates[start : start + step], min(k, width))
        lists[start : start + step, : found.shape[1]] = found
    return lists


def best_places(scores: Floats, k: int) -> Ints:
    """Rows x k: the columns of the highest scores, best first, the first of equals before the others within the k."""
    if k < scores.shape[1]:
        chosen = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    else:
        chosen = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    order = np.argsort(-np.take_along_axis(scores, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1).astype(np.int32)


def _rank_candidates(scores: Floats, candidates: Ints, k: int) -> Ints:
    """Rows x k of the candidates by score; of equals the first among all items wins, not the wanted one as such."""
    ordered = np.sort(candidates, axis=1)
    values = np.where(ordered == NOTHING, -np.inf, np.take_along_axis(scores, np.maximum(ordered, 0), axis=1))
    return np.take_along_axis(ordered, best_places(values.astype(np.float32), k), axis=1)


def measure(world: World, lists: Ints, k: int) -> dict[str, float]:
    """Mean recall, NDCG, hit rate and reciprocal rank of the first k places, and the share of all items listed there."""
    hits = metrics.hit_table(lists[:, :k], world.wanted)
    return {
        "recall": mean(metrics.recalls(hits, world.counts)),
        "ndcg": mean(metrics.ndcgs(hits, world.counts)),
        "hit_rate": mean(np.asarray(hits.any(axis=1))),
        "mrr": mean(metrics.reciprocal_ranks(hits)),
        "coverage": metrics.coverage(lists[:, :k], world.train.shape[1]),
    }


def mean(figures: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    """Their mean, NaN of none."""
    return float(np.mean(figures)) if len(figures) else float("nan")


def judge(world: World, score: Scorer, ks: Sequence[int]) -> list[dict[str, float]]:
    """One row of figures for each k."""
    lists = make_lists(world, score, max(ks))
    return [{"k": k, **measure(world, lists, k)} for k in ks]
