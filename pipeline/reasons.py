"""Why an item stands in a list: a code with references, as a small JSON array; the sentence is made when it is read.

A reason names the thing in the user's own history that speaks most for the item: the history item whose factor vector
points the same way, weighed by how much the user cares for it. That is the dominant term of the explanation of Hu, Koren
& Volinsky (2008, section 5) with the user's own metric left out, which costs one product instead of a solve per user.
"""

import json

import numpy as np
import pandas as pd

from pipeline.als import Floats, Ints

HISTORY = 10  # how many of a user's strongest items are looked through for a reason
CODES = {"purchase": "bought_together", "add_to_cart": "added_to_cart", "click": "clicked", "search": "searched"}
BLOCK = 4096


def strongest_history(rows: Ints, columns: Ints, weights: Floats, count: int) -> tuple[Ints, Ints]:
    """For each of `count` rows the positions of its HISTORY heaviest entries, and where they stand in the input.

    Both are count x HISTORY; -1 where a row has fewer.
    """
    order = np.lexsort((columns, -weights, rows))
    sorted_rows = rows[order]
    starts = np.searchsorted(sorted_rows, np.arange(count))
    place = np.arange(len(order)) - starts[sorted_rows]
    kept = place < HISTORY
    history = np.full((count, HISTORY), -1, np.int32)
    entries = np.full((count, HISTORY), -1, np.int32)
    history[sorted_rows[kept], place[kept]] = columns[order][kept]
    entries[sorted_rows[kept], place[kept]] = order[kept]
    return history, entries


def choose_references(item_factors: Floats, lists: Ints, history: Ints, entries: Ints, weights: Floats) -> Ints:
    """For each place of `lists` (users x k) the input entry of the history item that explains it best, -1 without one.

    Lists and history hold positions in `item_factors` (items x d); -1 in lists is an empty place.
    """
    norms = np.linalg.norm(item_factors, axis=1, keepdims=True)
    directions = np.divide(item_factors, norms, out=np.zeros_like(item_factors), where=norms > 0)
    chosen = np.full(lists.shape, -1, np.int32)
    if not lists.size or not len(weights):
        return chosen
    for start in range(0, len(lists), BLOCK):
        block = slice(start, start + BLOCK)
        past, entry = history[block], entries[block]
        likeness = directions[lists[block]] @ directions[past].transpose(0, 2, 1)
        interest = np.where(past >= 0, weights[entry], 0.0)[:, None, :]
        # Cubed, so that what is truly alike wins over what the user merely likes most: people judge a reason by that.
        speaks = np.where(past[:, None, :] >= 0, likeness**3 * interest, -np.inf)
        # An item that the user met already is its own best reason.
        speaks = np.where(lists[block][:, :, None] == past[:, None, :], np.inf, speaks)
        best = speaks.argmax(axis=2)
        picked = np.take_along_axis(entry, best, axis=1)
        chosen[block] = np.where(lists[block] >= 0, picked, -1)
    return chosen


def write_reasons(chosen: Ints, items: pd.Series, kinds: pd.Series, queries: pd.Series) -> np.ndarray:
    """The reason of every chosen entry: [code, item id], ["searched", query] or ["searched"] (no query); "popular" for -1.

    Shape of `chosen`.

    `items`, `kinds` and `queries` belong to the entries that `chosen` points at.
    """
    texts = np.empty(len(items) + 1, dtype=object)
    texts[-1] = '["popular"]'
    for entry in np.unique(chosen[chosen >= 0]):
        kind, query = kinds.iat[entry], queries.iat[entry]
        reason = [CODES[kind], items.iat[entry]]
        if kind == "search":
            reason[1:] = [query] if isinstance(query, str) else []
        texts[entry] = json.dumps(reason, ensure_ascii=False, separators=(",", ":"))
    return texts[chosen]
