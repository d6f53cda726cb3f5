"""Reasons: what of the user's own history the score of an item rests on most."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from pipeline import als, reasons
from pipeline.reasons import choose_references, write_reasons
from pipeline.settings import Settings

# Items 0 and 1 point one way, 2 and 3 another.
VECTORS = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32)
STRENGTH = 1.5  # of the regularisation


def ints(*values: object) -> np.ndarray:
    return np.array(values, np.int32)


def history(*rows: dict[int, float]) -> sp.csr_matrix:
    """Users with the confidence of each item."""
    cells = [(user, item, value) for user, row in enumerate(rows) for item, value in row.items()]
    users, items, values = zip(*cells, strict=True)
    return sp.csr_matrix((np.array(values, np.float32), (users, items)), shape=(len(rows), len(VECTORS)))


def choose(lists: np.ndarray, matrix: sp.csr_matrix, *kinds: str) -> list:
    """What is named in every place, by the place of the cell in `matrix`; all are clicks unless told otherwise."""
    told = np.array(kinds or ["click"] * matrix.nnz, object)
    return choose_references(VECTORS, lists, matrix, told, STRENGTH).tolist()


@pytest.fixture
def crowd() -> tuple[np.ndarray, np.ndarray, sp.csr_matrix]:
    """Factors of 40 items, lists, and users with 1 to 25 pairs, more than there are factors; some are mere hints."""
    draw = np.random.default_rng(5)
    counts = np.concatenate([np.arange(1, 26), [3] * 5])
    columns = np.concatenate([np.sort(draw.choice(40, count, replace=False)) for count in counts])
    values = draw.choice([0.2, 1.5, 4.0, 9.0], len(columns)).astype(np.float32)
    matrix = sp.csr_matrix((values, columns, np.concatenate([[0], np.cumsum(counts)])), shape=(len(counts), 40))
    vectors = draw.normal(0, 0.4, (40, 8)).astype(np.float32)
    return vectors, draw.integers(0, 40, (len(counts), 6)).astype(np.int32), matrix


def exact_terms(vectors: np.ndarray, row: sp.csr_matrix) -> np.ndarray:
    """Items x history: what each thing in a user's history adds to the scores, with the user's own system solved whole."""
    factors, past = vectors.astype(float), vectors[row.indices].astype(float)
    inner = factors.T @ factors + STRENGTH * np.eye(vectors.shape[1]) + past.T @ np.diag(row.data - 1.0) @ past
    return factors @ np.linalg.solve(inner, past.T) * row.data


def test_the_terms_of_a_score_add_up_to_it(crowd: tuple[np.ndarray, np.ndarray, sp.csr_matrix]) -> None:
    vectors, lists, matrix = crowd
    settings = Settings(factors=vectors.shape[1])
    scores = als.fold_in(vectors, matrix, STRENGTH, settings) @ vectors.T
    white = reasons._whiten(vectors, STRENGTH)
    for user, listed in enumerate(lists):
        row = matrix[user]
        terms = reasons._terms(white, listed[None], row.indices[None], row.data[None], np.ones((1, row.nnz), bool))[0]
        assert terms.sum(axis=1) == pytest.approx(scores[user, listed], abs=2e-3)
        assert terms == pytest.approx(exact_terms(vectors, row)[listed], abs=2e-3)


@pytest.mark.parametrize(("block", "cells"), [(4096, 2_000_000), (4, 2_000_000), (7, 300), (1, 1)])
def test_the_largest_term_is_named_however_many_users_are_explained_at_once(
    crowd: tuple[np.ndarray, np.ndarray, sp.csr_matrix], monkeypatch: pytest.MonkeyPatch, block: int, cells: int
) -> None:
    monkeypatch.setattr(reasons, "BLOCK", block)
    monkeypatch.setattr(reasons, "CELLS", cells)
    vectors, lists, matrix = crowd
    chosen = choose_references(vectors, lists, matrix, np.array(["click"] * matrix.nnz, object), STRENGTH)
    for user, listed in enumerate(lists):
        row, begin = matrix[user], matrix.indptr[user]
        terms = exact_terms(vectors, row)
        for item, (first, second) in zip(listed, chosen[user], strict=True):
            if item in row.indices:
                assert (row.indices[first - begin], second) == (item, -1)
                continue
            order = np.argsort(-terms[item])
            assert first - begin == order[0]
            is_near = len(order) > 1 and terms[item, order[0]] > 0
            is_near = is_near and terms[item, order[1]] >= reasons.NEARLY * terms[item, order[0]]
            assert second == (order[1] + begin if is_near else -1)


def test_a_reference_points_the_same_way_as_the_item_and_an_empty_place_has_none() -> None:
    matrix = history({0: 5, 2: 5})
    assert choose(ints([1, 3, -1]), matrix) == [[[0, -1], [1, -1], [-1, -1]]]


def test_of_two_alike_the_one_that_the_user_cares_for_more_is_named() -> None:
    vectors = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    for confidences, first in (({0: 1, 1: 5}, 1), ({0: 5, 1: 1}, 0)):
        chosen = choose_references(vectors, ints([2]), history(confidences), np.array(["click"] * 2, object), STRENGTH)
        assert chosen.tolist() == [[[first, -1]]]


def test_two_that_say_nearly_as_much_are_both_named_when_they_are_of_one_kind_and_no_searches() -> None:
    matrix = history({0: 5, 2: 5, 3: 5})
    assert choose(ints([1, 2]), history({0: 5, 3: 5})) == [[[0, -1], [1, -1]]]
    vectors = np.array([[1, 0.5], [1, 0], [0, 1], [1, 0.2]], np.float32)
    matrix = history({1: 5, 2: 5, 3: 5})

    def named(*kinds: str) -> list:
        return choose_references(vectors, ints([0]), matrix, np.array(kinds, object), STRENGTH)[0, 0].tolist()

    assert named("click", "click", "click") == [2, 0]
    assert named("click", "click", "purchase") == [2, -1]
    assert named("search", "search", "search") == [2, -1]
    assert named("search", "click", "search") == [2, -1]


def test_an_item_that_the_user_met_is_its_own_only_reason() -> None:
    assert choose(ints([0]), history({0: 1.1, 1: 50})) == [[[0, -1]]]


def test_without_history_there_is_no_reference() -> None:
    nothing = sp.csr_matrix((2, len(VECTORS)), dtype=np.float32)
    assert choose(ints([0, 1], [2, 3]), nothing) == [[[-1, -1]] * 2] * 2
    one = sp.csr_matrix((np.array([4], np.float32), ([1], [0])), shape=(2, len(VECTORS)))
    assert choose(ints([0], [1]), one) == [[[-1, -1]], [[0, -1]]]
    assert choose_references(VECTORS, np.zeros((2, 0), np.int32), one, np.array(["click"]), STRENGTH).shape == (2, 0, 2)


def test_reasons_are_codes_with_references_as_json() -> None:
    items = pd.Series(["a", "b", 'c"', "d", "e", "a"])
    kinds = pd.Series(["purchase", "search", "click", "add_to_cart", "search", "purchase"])
    queries = pd.Series([None, 'gears "of" wär', "halo", None, None, None])
    chosen = np.array([[[0, -1], [1, -1], [2, -1]], [[3, -1], [4, -1], [-1, -1]], [[5, -1], [0, 2], [2, 0]]])
    assert [[json.loads(text) for text in row] for row in write_reasons(chosen, items, kinds, queries)] == [
        [["bought_together", "a"], ["searched", 'gears "of" wär'], ["clicked", 'c"']],
        [["added_to_cart", "d"], ["searched"], ["popular"]],
        [["bought_together", "a"], ["bought_together", "a", 'c"'], ["clicked", 'c"', "a"]],
    ]
    assert (
        write_reasons(np.full((2, 3, 2), -1), items[:0], kinds[:0], queries[:0]).tolist() == [['["popular"]'] * 3] * 2
    )
