"""The best of all items: exact, in a fixed order, and without what is left out."""

from unittest.mock import patch

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from pipeline import topk
from pipeline.settings import Settings, load_settings

NOBODY = np.zeros(0, np.int32)


def settings(**knobs: object) -> Settings:
    return load_settings(**{"factors": 8, **knobs})


def test_lists_leave_out_what_they_must_and_say_where_nothing_was_left() -> None:
    users = np.array([[1.0, 0.0]], np.float32)
    items = np.array([[3.0, 0], [2.0, 0], [1.0, 0], [-1.0, 0]], np.float32)
    knobs = settings(factors=2)
    owned = sp.csr_matrix(np.array([[1, 0, 0, 0]], np.float32))
    top = topk.best_items(users, items, 10, owned, np.array([2], np.int32), knobs)
    filled = top.scores > topk.PADDING
    assert top.indices[filled].tolist() == [1, 3]
    assert top.scores[filled].tolist() == [2, -1]
    assert top.indices.shape == (1, 4)


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from([0, 1, 2, 17, 30, 70]), min_size=1, max_size=8),
    st.integers(1, 80),
    st.integers(1, 90),
)
def test_the_best_are_those_of_sorting_every_score_equals_by_their_place(
    seed: int, left_out: list[int], n: int, count: int
) -> None:
    """Whole numbers, so that no order of adding changes a score, and few of them, so that many are equal."""
    random = np.random.default_rng(seed)
    items = random.integers(-4, 5, (count, 2)).astype(np.float32)
    users = random.integers(-2, 3, (len(left_out), 2)).astype(np.float32)
    without = np.zeros((len(left_out), count), np.float32)
    for row, many in enumerate(left_out):
        without[row, random.permutation(count)[:many]] = 1
    never = random.permutation(count)[:3].astype(np.int32)
    with patch.object(topk, "ROWS", 3):
        top = topk.best_items(users, items, n, sp.csr_matrix(without), never, settings(factors=2))
    assert top.indices.shape == top.scores.shape == (len(left_out), min(n, count))
    for row, indices, scores in zip(range(len(left_out)), top.indices, top.scores, strict=True):
        allowed = np.setdiff1d(np.flatnonzero(without[row] == 0), never)
        expected = allowed[np.argsort(-(items[allowed] @ users[row]), kind="stable")][:n]
        is_filled = scores > topk.PADDING
        assert indices[is_filled].tolist() == expected.tolist()
        assert scores[is_filled].tolist() == (items[expected] @ users[row]).tolist()
        assert is_filled[: len(expected)].all()


def test_the_best_of_a_table_of_a_realistic_size_are_those_of_sorting() -> None:
    random = np.random.default_rng(3)
    users, items = (random.normal(size=(count, 16)).astype(np.float32) for count in (40, 20_011))
    top = topk.best_items(users, items, 25, sp.csr_matrix((40, 20_011), dtype=np.float32), NOBODY, settings(factors=16))
    expected = np.argsort(-(users.astype(np.float64) @ items.T.astype(np.float64)), axis=1)[:, :25]
    assert (top.indices == expected).mean() > 0.99  # sums of 32 bits may exchange two that are nearly equal
    assert (np.diff(top.scores) <= 0).all()


def test_which_of_equal_items_a_row_gets_does_not_depend_on_other_rows() -> None:
    """Where sums are exact, as here: BLAS may make another last bit of them at another place of a block."""
    items = np.ones((40, 1), np.float32)
    without = sp.lil_matrix((3, 40), dtype=np.float32)
    without[1, :2] = without[2, :16] = 1
    without = without.tocsr()
    users, knobs = np.ones((3, 1), np.float32), settings(factors=1)
    together = topk.best_items(users, items, 2, without, NOBODY, knobs).indices
    alone = [topk.best_items(users[:1], items, 2, without[row], NOBODY, knobs).indices[0] for row in range(3)]
    assert together.tolist() == [row.tolist() for row in alone]


def test_nobody_and_nothing_make_empty_lists() -> None:
    knobs = settings(factors=2)
    none, some = np.zeros((0, 2), np.float32), np.ones((3, 2), np.float32)
    assert topk.best_items(none, some, 5, sp.csr_matrix((0, 3)), NOBODY, knobs).indices.size == 0
    assert topk.best_items(some, none, 5, sp.csr_matrix((3, 0)), NOBODY, knobs).indices.shape == (3, 0)


def test_an_item_that_the_model_knows_nothing_about_is_similar_to_none_with_a_score_of_zero() -> None:
    items = np.array([[1.0, 0], [0, 0], [1.0, 0.1]], np.float32)
    top = topk.similar_items(items, np.arange(len(items), dtype=np.int32), 2, NOBODY, settings(factors=2))
    assert np.isfinite(top.scores).all()
    assert top.scores[1].tolist() == [0, 0]
