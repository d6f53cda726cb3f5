"""The model: the world whose one right answer is known, and the same bytes for any number of threads."""

import numpy as np
import pytest
import scipy.sparse as sp

from pipeline import als, topk
from pipeline.settings import Settings, load_settings

NOBODY: als.Ints = np.zeros(0, np.int32)


def settings(**knobs: object) -> Settings:
    return load_settings(**{"factors": 8, "iterations": 10, **knobs})


def checkerboard(size: int, knobs: Settings) -> sp.csr_matrix:
    """Users of even number met the items of even number, odd ones the odd, each but two of them."""
    row, column = np.nonzero(np.add.outer(np.arange(size), np.arange(size)) % 2 == 0)
    unseen = (column == row) | (column == (row + 2) % size)
    row, column = row[~unseen].astype(np.int32), column[~unseen].astype(np.int32)
    weights = np.full(len(row), als.UNIT, np.int64)
    alpha = als.scale_alpha(weights, (size, size), knobs)
    return als.confidence(weights, np.ones(len(row), bool), row, column, (size, size), alpha)


def test_confidence_of_what_a_user_met_is_more_than_nothing_however_little_it_weighs() -> None:
    weights = np.array([1, als.UNIT, 3 * als.UNIT, als.UNIT], np.int64)
    met = np.array([True, True, True, False])
    places = np.arange(4, dtype=np.int32)
    matrix = als.confidence(weights, met, places, places, (4, 4), alpha=4.0)
    assert matrix.dtype == np.float32
    # 1 + alpha * log(1 + w) for deeds, alpha * log(1 + w) for hints
    assert matrix.diagonal().tolist() == pytest.approx(
        [1, 1 + 4 * np.log(2), 1 + 4 * np.log(4), 4 * np.log(2)], rel=1e-5
    )


def test_unseen_items_of_the_right_parity_are_recommended_on_a_checkerboard() -> None:
    knobs = settings()
    matrix = checkerboard(40, knobs)
    users, items = als.fit(matrix, als.scale_regularization(matrix, knobs), knobs)
    top = topk.best_items(users, items, 2, matrix, NOBODY, knobs)
    for user in range(40):
        assert {int(place) for place in top.indices[user]} == {user, (user + 2) % 40}


def test_items_of_the_same_parity_are_similar_on_a_checkerboard() -> None:
    knobs = settings()
    matrix = checkerboard(40, knobs)
    _, items = als.fit(matrix, als.scale_regularization(matrix, knobs), knobs)
    top = topk.similar_items(items, np.arange(40, dtype=np.int32), 19, NOBODY, knobs)
    assert (top.indices % 2 == np.arange(40)[:, None] % 2).all()
    assert (top.indices != np.arange(40)[:, None]).all()


def test_folding_in_a_user_gives_what_training_gave() -> None:
    knobs = settings(iterations=30)
    matrix = checkerboard(40, knobs)
    regularization = als.scale_regularization(matrix, knobs)
    users, items = als.fit(matrix, regularization, knobs)
    again = als.fold_in(items, matrix, regularization, knobs)
    assert np.allclose(users @ items.T, again @ items.T, atol=0.01)


def test_the_same_input_gives_the_same_bytes_for_one_and_two_threads() -> None:
    generator = np.random.default_rng(1)
    matrix = sp.random(300, 200, 0.05, "csr", np.float32, random_state=generator)
    fits = [als.fit(matrix, 5.0, settings(threads=threads)) for threads in (1, 2, 2)]
    bytes_of = [(users.tobytes(), items.tobytes()) for users, items in fits]
    assert bytes_of[0] == bytes_of[1] == bytes_of[2]
    one, two = (topk.best_items(*fits[0], 10, matrix, NOBODY, settings(threads=threads)) for threads in (1, 2))
    assert one.indices.tobytes() == two.indices.tobytes()
    assert one.scores.tobytes() == two.scores.tobytes()


def test_another_seed_gives_another_model() -> None:
    matrix = sp.random(30, 20, 0.2, "csr", np.float32, random_state=np.random.default_rng(1))
    assert als.fit(matrix, 1.0, settings())[0].tobytes() != als.fit(matrix, 1.0, settings(seed=7))[0].tobytes()


def uniform(users: int, items: int, pairs: int, value: float) -> sp.csr_matrix:
    """A matrix of this shape with so many cells of one value."""
    cells = np.random.default_rng(1).choice(users * items, pairs, replace=False)
    return sp.csr_matrix((np.full(pairs, value, np.float32), np.divmod(cells, items)), shape=(users, items))


@pytest.mark.parametrize(("users", "items", "pairs", "alpha"), [(100, 80, 8000, 0.42), (1000, 800, 800, 42.0)])
def test_an_average_pair_counts_the_more_the_sparser_the_data_whatever_weights_are_measured_in(
    users: int, items: int, pairs: int, alpha: float
) -> None:
    knobs = settings(alpha=0.42)
    for weight in (als.UNIT // 100, als.UNIT, 40 * als.UNIT):
        weights = np.full(pairs, weight, np.int64)
        interest = np.log1p(weight / als.UNIT)
        assert als.scale_alpha(weights, (users, items), knobs) * interest == pytest.approx(alpha)


def test_without_pairs_alpha_is_the_setting() -> None:
    for weights in (np.zeros(0, np.int64), np.zeros(3, np.int64)):
        assert als.scale_alpha(weights, (3, 3), settings(alpha=0.5)) == 0.5


def test_regularisation_grows_with_what_a_pair_says_and_with_the_pairs_of_a_row() -> None:
    # the root of 9, and the cube root of the 40 pairs of an average row
    knobs = settings(regularization=4.2)
    assert als.scale_regularization(uniform(100, 100, 4000, 9.0), knobs) == pytest.approx(4.2 * 3 * 40 ** (1 / 3))


def test_regularisation_never_outweighs_what_an_average_row_carries() -> None:
    few = uniform(20, 10, 30, 2.0)
    assert als.scale_regularization(few, settings(regularization=100)) == pytest.approx(2.0 * 30 / 30)
    users, items = als.fit(few, als.scale_regularization(few, settings(regularization=100)), settings())
    assert np.abs(users).max() > 0.01 and np.abs(items).max() > 0.01


def test_the_knobs_of_the_literature_follow_from_the_defaults_for_data_of_very_different_density() -> None:
    # users, items, train pairs; confidence of a pair and regularisation that were found best on them
    for users, items, pairs, strength, strain in (
        (6040, 3706, 994_169, 4.33, 48),
        (29_858, 40_981, 810_128, 58.8, 109),
    ):
        weights = np.full(pairs, als.UNIT, np.int64)
        alpha = als.scale_alpha(weights, (users, items), settings())
        matrix = sp.csr_matrix((users, items), dtype=np.float32)
        found = 1 + alpha * np.log(2)
        # as if it held the pairs: the sum and the count are all that is asked of it
        matrix.data, matrix.indices = np.full(pairs, found, np.float32), np.zeros(pairs, np.int32)
        matrix.indptr[-1] = pairs
        assert found == pytest.approx(strength, rel=0.1)
        assert als.scale_regularization(matrix, settings()) == pytest.approx(strain, rel=0.2)


def test_folding_in_nothing_gives_zeros() -> None:
    some = np.ones((3, 2), np.float32)
    found = als.fold_in(some, sp.csr_matrix((0, 3), dtype=np.float32), 1.0, settings(factors=2))
    assert found.shape == (0, 2)


def test_one_user_and_one_item_make_a_model() -> None:
    knobs = settings()
    matrix = sp.csr_matrix(np.ones((1, 1), np.float32))
    users, items = als.fit(matrix, als.scale_regularization(matrix, knobs), knobs)
    assert users.shape == items.shape == (1, 8)
    assert np.isfinite(users).all()
