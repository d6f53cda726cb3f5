"""The best of all items for each of many rows: inner products, the left-out items left out, exact and in a fixed order.

A block of rows is multiplied by every item at once. The best n are then found through groups of items whose indices follow
each other: n items lie in no more than the n groups whose best items are the best ones, so that all but a few scores are
looked at only once, by a maximum. Equal scores stand by the item's place, in every step, so that what is found does not
depend on how the processor sorts or on the number of threads. (BLAS adds up in another order at another place of a block:
two items of the same vector may differ in the last bit of their scores.)
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.als import Floats, Ints, own_threads
from pipeline.settings import Settings

PADDING = -1e30  # what is below it is no score
NONE = 10 * PADDING  # of what is left out
GROUP = 16  # items: more make more candidates, fewer make more groups
ROWS, SCORES = 128, 1 << 23  # most rows of a block, and most scores, 32 MB of them
LAST = (1 << 31) - 1  # place of an item or group

Keys = NDArray[np.int64]


@dataclass(frozen=True)
class Top:
    """The best columns of each row: indices and scores, both rows x n; a score below PADDING means there was none."""

    indices: Ints
    scores: Floats


@dataclass(frozen=True)
class _Table:
    """The vectors of the items that may be listed (d x columns), so that the items of a group stand a stride apart: the
    maximum of every group is then one of whole rows, which processors do best. What is in no column has column -1.
    """

    items: Ints
    vectors: Floats
    stride: int
    column_of: NDArray[np.int64]


def best_items(
    row_factors: Floats, item_factors: Floats, n: int, without: sp.csr_matrix, never: Ints, settings: Settings
) -> Top:
    """For each row the n items of highest score, leaving out its stored columns of `without` and the items `never`.

    Of equal scores, as they are computed, the item with the lower index comes first.
    """
    rows, n = len(row_factors), min(n, len(item_factors))
    found = Top(np.zeros((rows, n), np.int32), np.full((rows, n), NONE, np.float32))
    items = np.setdiff1d(np.arange(len(item_factors), dtype=np.int32), never)
    if not rows or not n or not len(items):
        return found
    table = _lay_out(item_factors, items)
    size = max(1, min(ROWS, SCORES // table.vectors.shape[1]))
    starts, threads = range(0, rows, size), settings.threads

    def find_some(first: int) -> None:
        room = np.empty((size, table.vectors.shape[1]), np.float32)
        for start in starts[first::threads]:
            some = slice(start, min(start + size, rows))
            scores = np.matmul(row_factors[some], table.vectors, out=room[: some.stop - start])
            _cross_out(scores, without[some], table)
            indices, best = _choose(scores, n, table)
            found.indices[some, : best.shape[1]], found.scores[some, : best.shape[1]] = indices, best

    with own_threads(), ThreadPoolExecutor(threads) as pool:
        list(pool.map(find_some, range(min(threads, len(starts)))))
    return found


def _lay_out(item_factors: Floats, items: Ints) -> _Table:
    stride, factors = -(-len(items) // GROUP), item_factors.shape[1]
    vectors = np.zeros((stride * GROUP, factors), np.float32)
    vectors[: len(items)] = item_factors[items]
    vectors = vectors.reshape(stride, GROUP, factors).transpose(2, 1, 0).reshape(factors, -1)
    column_of = np.full(len(item_factors), -1)
    column_of[items] = _columns(np.arange(len(items)), stride)
    return _Table(items, vectors, stride, column_of)


def _columns(places: Keys, stride: int) -> Keys:
    """Where the items of these places stand: those of a group follow each other a stride apart."""
    return places % GROUP * stride + places // GROUP


def _cross_out(scores: Floats, without: sp.csr_matrix, table: _Table) -> None:
    """Whatever is left out, and the columns after the last item, have scores that are none."""
    columns = table.column_of[without.indices]
    row_of_cell = np.repeat(np.arange(len(scores)), np.diff(without.indptr))
    scores[row_of_cell[columns >= 0], columns[columns >= 0]] = NONE
    rest = np.arange(len(table.items), table.vectors.shape[1])
    scores[:, _columns(rest, table.stride)] = NONE


def _choose(scores: Floats, n: int, table: _Table) -> tuple[Ints, Floats]:
    """The best n, or as many as there are columns, of each row (rows x columns), the best first."""
    rows, stride = len(scores), table.stride
    highest = scores.reshape(rows, GROUP, stride).max(axis=1)
    groups = _places(_largest(_keys(highest, np.arange(stride)), n))
    within = np.arange(GROUP)
    places = (groups[:, :, None] * GROUP + within).reshape(rows, -1)
    before = np.arange(rows)[:, None, None] * (GROUP * stride)  # scores of the rows above
    candidates = scores.ravel().take((groups[:, :, None] + within * stride + before).reshape(rows, -1))
    keys = _largest(_keys(candidates, places), n)
    keys.sort(axis=1)
    keys = keys[:, ::-1]
    return table.items.take(_places(keys), mode="clip"), _scores(keys)


def _keys(scores: Floats, places: Keys) -> Keys:
    """Whole numbers in the order of the scores; of equal scores the lower place has the larger one. No two are equal."""
    return (_ordered(scores.view(np.int32)).astype(np.int64) << 32) | (LAST - places)


def _places(keys: Keys) -> Keys:
    return LAST - (keys & 0xFFFFFFFF)


def _scores(keys: Keys) -> Floats:
    return _ordered((keys >> 32).astype(np.int32)).view(np.float32)


def _ordered(bits: Ints) -> Ints:
    """The bits of floats as integers of the same order, and back: a negative one is larger the fewer of its bits are set."""
    return bits ^ ((bits >> 31) & np.int32(LAST))


def _largest(keys: Keys, n: int) -> Keys:
    """The n largest of each row, in no order, or all where there are no more."""
    if n >= keys.shape[1]:
        return keys
    keys.partition(keys.shape[1] - n, axis=1)
    return keys[:, keys.shape[1] - n :]


def directions(vectors: Floats) -> Floats:
    """The vectors (n x d) with a length of one, those of zero as they are: products of two are cosines."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)


def similar_items(item_factors: Floats, of: Ints, n: int, never: Ints, settings: Settings) -> Top:
    """For each of the items `of` the n others of highest cosine, leaving out the items `never`."""
    towards = directions(item_factors)
    itself = sp.identity(len(towards), dtype=np.float32, format="csr")
    return best_items(towards[of], towards, n, itself[of], never, settings)
