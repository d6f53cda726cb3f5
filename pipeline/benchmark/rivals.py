"""The rivals: each is a function that learns from train and returns how it scores; ours is the production model itself."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight, normalize
from threadpoolctl import threadpool_limits

from pipeline import als
from pipeline.als import Floats
from pipeline.benchmark.judge import Scorer
from pipeline.errors import BadInput
from pipeline.settings import Settings

NEIGHBOURS = 200
BM25 = {"K1": 0.3, "B": 0.6}  # far better here than the usual 1.2 and 0.75, which suit texts
EASE_ITEMS = 20_000  # its matrix is items x items: 1.6 GB of float32, twice that while it is inverted
STRIP = 1024
EASE_L2 = 4.0  # times the pairs of an average item, so that one value suits all sizes
BLEND = 0.3


@dataclass(frozen=True)
class Rival:
    """A name, what to learn with, and the most items that it can bear (0: any number)."""

    name: str
    learn: Callable[[sp.csr_matrix, Settings], Scorer]
    most_items: int = 0


def learn_popular(train: sp.csr_matrix, settings: Settings) -> Scorer:
    """Scores every item by how many users met it."""
    counts = np.bincount(train.indices, minlength=train.shape[1]).astype(np.float32)
    return lambda rows: np.broadcast_to(counts, (len(rows), len(counts)))


def learn_bm25(train: sp.csr_matrix, settings: Settings) -> Scorer:
    """Item-kNN of `implicit` on BM25 weights."""
    met = mark_met(train)
    return learn_item_knn(met, bm25_weight(met.T, **BM25).T, settings)


def learn_cosine(train: sp.csr_matrix, settings: Settings) -> Scorer:
    """Item-kNN of `implicit` on the cosine."""
    met = mark_met(train)
    return learn_item_knn(met, normalize(met.T).T, settings)


def learn_item_knn(met: sp.csr_matrix, weighted: sp.coo_matrix, settings: Settings) -> Scorer:
    """Scores by the sum of an item's similarities to what the user met, of each item's NEIGHBOURS nearest."""
    model = ItemItemRecommender(K=NEIGHBOURS, num_threads=settings.threads)
    model.fit(weighted.tocsr(), show_progress=False)
    similar = sp.csr_matrix(model.similarity, dtype=np.float32)
    return lambda rows: (met[rows] @ similar).toarray()


def learn_ease(train: sp.csr_matrix, settings: Settings) -> Scorer:
    """EASE, the closed form of Steck (WWW 2019): scores by a full matrix of items x items, in float32 and in place."""
    met = mark_met(train)
    columns, count = met.tocsc(), train.shape[1]
    gram = np.empty((count, count), np.float32, order="F")
    for start in range(0, count, STRIP):
        gram[:, start : start + STRIP] = (met.T @ columns[:, start : start + STRIP]).toarray()
    diagonal = np.arange(count)
    gram[diagonal, diagonal] += EASE_L2 * met.nnz / count
    with threadpool_limits(limits=settings.threads, user_api="blas"):
        factor, failed = scipy.linalg.lapack.spotrf(gram, lower=1, clean=0, overwrite_a=1)
        inverse, failed = (factor, failed) if failed else scipy.linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise BadInput(f"EASE: the matrix of {count:,} items cannot be inverted in float32.")
    for start in range(0, count, STRIP):  # only the lower half is written: mirror it
        end = min(start + STRIP, count)
        square = np.tril(inverse[start:end, start:end])
        inverse[start:end, start:end] = square + np.tril(square, -1).T
        inverse[start:end, end:] = inverse[end:, start:end].T
    weights = inverse.T  # symmetric still, but row by row in memory
    weights /= -weights[diagonal, diagonal].copy()
    weights[diagonal, diagonal] = 0
    return lambda rows: met[rows] @ weights


def learn_ours(train: sp.csr_matrix, settings: Settings) -> Scorer:
    """The production model: confidences, alpha, regularisation and passes as the hourly stage `train` has them."""
    users, items = fit_ours(train, settings)
    return lambda rows: users[rows] @ items.T


def learn_blend(train: sp.csr_matrix, settings: Settings, share: float = BLEND) -> Scorer:
    """The production model's scores and `share` times those of BM25 item-kNN, both in standard deviations of the user's."""
    return blend(learn_ours(train, settings), learn_bm25(train, settings), share)


def fit_ours(train: sp.csr_matrix, settings: Settings) -> tuple[Floats, Floats]:
    """Factors of users and items as the stage `train` computes them from weights in millionths."""
    pairs = train.tocoo()
    weights = np.maximum(np.rint(pairs.data * als.UNIT), 1).astype(np.int64)
    alpha = als.scale_alpha(weights, train.shape, settings)
    met = np.ones(len(weights), bool)
    matrix = als.confidence(weights, met, pairs.row, pairs.col, train.shape, alpha)
    return als.fit(matrix, als.scale_regularization(matrix, settings), settings)


def blend(first: Scorer, second: Scorer, share: float) -> Scorer:
    """Scores of the first and `share` times those of the second, each row of both brought to mean 0 and deviation 1."""
    if not share:
        return first
    return lambda rows: standardize(first(rows)) + np.float32(share) * standardize(second(rows))


def standardize(scores: Floats) -> Floats:
    """Each row with mean 0 and deviation 1; a row of equal scores becomes zeros."""
    spread = scores.std(axis=1, keepdims=True)
    return (scores - scores.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)


def mark_met(train: sp.csr_matrix) -> sp.csr_matrix:
    """Train with 1 for every pair, however much it weighs: the rivals' papers know no weights."""
    return sp.csr_matrix((np.ones(train.nnz, np.float32), train.indices, train.indptr), shape=train.shape)


RIVALS = (
    Rival("ours", learn_ours),
    Rival("ours + item-kNN", learn_blend),
    Rival("popular", learn_popular),
    Rival("item-kNN, BM25", learn_bm25),
    Rival("item-kNN, cosine", learn_cosine),
    Rival("EASE", learn_ease, EASE_ITEMS),
)
