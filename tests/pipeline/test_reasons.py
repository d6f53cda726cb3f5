"""Reasons: the thing in the user's own history that speaks most for an item."""

import json

import numpy as np
import pandas as pd

from pipeline import reasons
from pipeline.reasons import choose_references, strongest_history, write_reasons

# Items 0 and 1 point one way, 2 and 3 another.
VECTORS = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32)


def ints(*values: object) -> np.ndarray:
    return np.array(values, np.int32)


def test_the_history_holds_the_heaviest_entries_first_and_ends_in_empty_places() -> None:
    rows, columns = ints(1, 0, 1, 0), ints(3, 2, 0, 1)
    history, entries = strongest_history(rows, columns, np.array([1, 2, 5, 9], np.float32), 3)
    assert history[:, :3].tolist() == [[1, 2, -1], [0, 3, -1], [-1, -1, -1]]
    assert entries[:, :3].tolist() == [[3, 1, -1], [2, 0, -1], [-1, -1, -1]]


def test_a_long_history_is_cut() -> None:
    count = reasons.HISTORY + 5
    history, _ = strongest_history(
        np.zeros(count, np.int32), np.arange(count, dtype=np.int32), np.arange(count, dtype=np.float32), 1
    )
    assert history.tolist() == [list(range(count - 1, 4, -1))]


def test_a_reference_points_the_same_way_as_the_item() -> None:
    weights = np.array([5, 5], np.float32)
    history, entries = strongest_history(ints(0, 0), ints(0, 2), weights, 1)
    assert choose_references(VECTORS, ints([1, 3, -1]), history, entries, weights).tolist() == [[0, 1, -1]]


def test_of_two_that_point_the_same_way_the_one_the_user_cares_for_more_is_named() -> None:
    weights = np.array([1, 5], np.float32)
    history, entries = strongest_history(ints(0, 0), ints(2, 3), weights, 1)
    assert choose_references(VECTORS, ints([3]), history[:, :1] * 0 + 2, entries, weights).shape == (1, 1)
    vectors = np.array([[1, 0], [1, 0], [1, 0]], np.float32)
    history, entries = strongest_history(ints(0, 0), ints(0, 1), weights, 1)
    assert choose_references(vectors, ints([2]), history, entries, weights).tolist() == [[1]]


def test_an_item_that_the_user_met_is_its_own_reason() -> None:
    weights = np.array([0.1, 50], np.float32)
    history, entries = strongest_history(ints(0, 0), ints(0, 1), weights, 1)
    assert choose_references(VECTORS, ints([0]), history, entries, weights).tolist() == [[0]]


def test_without_history_there_is_no_reference() -> None:
    nothing = np.zeros(0, np.float32)
    history, entries = strongest_history(ints(), ints(), nothing, 1)
    assert choose_references(VECTORS, ints([0, 1]), history, entries, nothing).tolist() == [[-1, -1]]


def test_users_beyond_one_block_are_explained_alike(monkeypatch: object) -> None:
    users = reasons.BLOCK + 3
    rows, columns = np.arange(users, dtype=np.int32), np.zeros(users, np.int32)
    weights = np.ones(users, np.float32)
    history, entries = strongest_history(rows, columns, weights, users)
    chosen = choose_references(VECTORS, np.ones((users, 1), np.int32), history, entries, weights)
    assert chosen[:, 0].tolist() == list(range(users))


def test_reasons_are_codes_with_references_as_json() -> None:
    items, kinds = pd.Series(["a", "b", 'c"', "d"]), pd.Series(["purchase", "search", "click", "add_to_cart"])
    queries = pd.Series([None, 'gears "of" wär', "halo", None])
    texts = write_reasons(ints([0, 1, 2, 3, -1]), items, kinds, queries)[0]
    assert [json.loads(text) for text in texts] == [
        ["bought_together", "a"],
        ["searched", 'gears "of" wär'],
        ["clicked", 'c"'],
        ["added_to_cart", "d"],
        ["popular"],
    ]
