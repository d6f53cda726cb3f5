"""Why an item stands in a list: a code with references, as a small JSON array; the sentence is made when it is read.

A reason names what the user did that the score rests on most. The score of an item is a sum over the user's history, of how
near each thing in it is to the item as this user sees items, times its confidence (Hu, Koren & Volinsky, ICDM 2008,
section 5); the largest term is named, and a second one of the same kind that says nearly as much.
"""

import json

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline import als
from pipeline.als import Floats, Ints

CODES = {"purchase": "bought_together", "add_to_cart": "added_to_cart", "click": "clicked", "search": "searched"}
NEARLY = 0.7  # of the largest term: what a second one must at least be to be named beside it (decision 40)
BLOCK = 4096  # users at a time, fewer where their systems would fill more than CELLS
CELLS = 2_000_000


def choose_references(
    item_factors: Floats, lists: Ints, matrix: sp.csr_matrix, kinds: NDArray[np.object_], regularization: float
) -> NDArray[np.int64]:
    """For each place of `lists` (users x k) the two cells of `matrix` that explain it best: users x k x 2, -1 for none.

    `matrix` (users x items, row by row) holds the confidences that the users' factors were computed with, `kinds` what each
    of its cells comes from. Lists hold positions in `item_factors` (items x d); -1 is an empty place. What the user met is
    its own only reason, and searches stand alone.
    """
    chosen = np.full((*lists.shape, 2), -1, np.int64)
    if not lists.size or not matrix.nnz:
        return chosen
    codes, is_search = pd.factorize(kinds)[0], kinds == "search"
    lengths = np.diff(matrix.indptr)
    order = np.argsort(lengths, kind="stable")  # those of like lengths together
    order = order[lengths[order] > 0]
    with als.own_threads():
        white = _whiten(item_factors, regularization)
        while len(order):
            longest = int(lengths[order[:BLOCK][-1]])
            block, order = np.split(order, [max(1, min(BLOCK, CELLS // longest**2))])
            there = np.arange(lengths[block[-1]]) < lengths[block][:, None]
            cells = np.where(there, matrix.indptr[block][:, None] + np.arange(there.shape[1]), 0)
            terms = _terms(white, lists[block], matrix.indices[cells], np.where(there, matrix.data[cells], 0), there)
            is_itself = (lists[block][:, :, None] == matrix.indices[cells][:, None, :]) & there[:, None, :]
            terms = np.where(is_itself, np.inf, np.where(there[:, None, :], terms, -np.inf))
            first = terms.argmax(axis=2)[:, :, None]
            most = np.take_along_axis(terms, first, axis=2)
            kind = np.where(there, codes[cells], -1)
            like = kind[:, None, :] == np.take_along_axis(kind[:, None, :], first, axis=2)
            others = np.where(like & ~is_search[cells][:, None, :], terms, -np.inf)
            np.put_along_axis(others, first, -np.inf, axis=2)
            second = others.argmax(axis=2)[:, :, None]
            is_near = (np.take_along_axis(others, second, axis=2) >= NEARLY * most) & (most > 0)
            named = np.take_along_axis(cells[:, None, :], np.concatenate([first, second], axis=2), axis=2)
            named[:, :, 1:][~is_near] = -1
            chosen[block] = np.where(lists[block][:, :, None] >= 0, named, -1)
    return chosen


def _whiten(item_factors: Floats, regularization: float) -> Floats:
    """The items in coordinates in which Y'Y + regularisation is the identity."""
    factors = item_factors.astype(np.float64)
    root = np.linalg.cholesky(factors.T @ factors + regularization * np.eye(factors.shape[1]))
    return np.linalg.solve(root, factors.T).T.astype(np.float32)


def _terms(white: Floats, lists: Ints, past: Ints, confidences: Floats, there: NDArray[np.bool_]) -> Floats:
    """The terms of the scores, users x k x history: c_uj y_i' A^-1 y_j, with A = Y'C_uY + regularisation.

    In these coordinates A is the identity and a sum over the history, so the system is only as wide as the history or
    the factors, whichever is less.
    """
    width, beyond = white.shape[1], np.where(there, confidences - 1, 0)
    history, listed = white[past] * there[:, :, None], white[lists]
    turned = history.transpose(0, 2, 1)
    if there.shape[1] <= width:
        inner = np.eye(there.shape[1], dtype=np.float32) + (history @ turned) * beyond[:, None, :]
        near = np.linalg.solve(inner, history @ listed.transpose(0, 2, 1)).transpose(0, 2, 1)
    else:
        inner = np.eye(width, dtype=np.float32) + (turned * beyond[:, None, :]) @ history
        near = listed @ np.linalg.solve(inner, turned)
    return near * confidences[:, None, :]


def write_reasons(
    chosen: NDArray[np.int64], items: pd.Series, kinds: pd.Series, queries: pd.Series
) -> NDArray[np.object_]:
    """The reason of every place (users x k): [code, item id, maybe another], ["searched", query] or ["searched"]; "popular"
    for -1.

    `items`, `kinds` and `queries` belong to the cells that `chosen` (users x k x 2) points at.
    """
    is_search = (kinds == "search").to_numpy()
    names = items.where(~is_search, queries)
    numbers, texts = pd.factorize(names)  # -1 without a name
    codes, known = pd.factorize(kinds)
    told = np.array([json.dumps(name, ensure_ascii=False) for name in texts] + [""], dtype=object)
    begun = np.array([f'["{CODES[kind]}"' for kind in known] + ['["popular"'], dtype=object)
    # Places share a few reasons: each is written once.
    kind = np.where(chosen[..., 0] >= 0, np.append(codes, -1)[chosen[..., 0]], -1)
    first, second = (np.append(numbers, -1)[chosen[..., side]] for side in (0, 1))
    width = len(texts) + 1
    places, reasons = pd.factorize((((kind + 1) * width + first + 1) * width + second + 1).ravel())
    rest, last = np.divmod(reasons, width)
    code, middle = np.divmod(rest, width)
    written = np.array(
        [
            begun[c - 1] + (f",{told[a - 1]}" if a else "") + (f",{told[b - 1]}" if b else "") + "]"
            for c, a, b in zip(code, middle, last, strict=True)
        ],
        dtype=object,
    )
    return written[places].reshape(chosen.shape[:2])
