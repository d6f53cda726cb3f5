"""Measures by hand."""

import math

import numpy as np
import pytest

from pipeline.metrics import coverage, hit_ranks, ndcg, recall

LISTS = np.array([[3, 1, 2], [5, 6, -1], [7, 8, 9], [-1, -1, -1]])


def test_the_rank_of_a_hit_counts_from_one_and_a_miss_is_zero() -> None:
    assert hit_ranks(LISTS, np.array([2, 5, 1, 4])).tolist() == [3, 1, 0, 0]


def test_an_item_that_is_nowhere_never_hits_the_empty_places_of_a_list() -> None:
    assert hit_ranks(LISTS, np.array([-1, -1, -1, -1])).tolist() == [0, 0, 0, 0]


def test_recall_is_the_share_of_users_with_a_hit() -> None:
    assert recall(np.array([3, 1, 0, 0])) == 0.5


def test_ndcg_counts_a_hit_by_the_logarithm_of_its_rank() -> None:
    assert ndcg(np.array([3, 1, 0, 0])) == pytest.approx((1 / math.log2(4) + 1) / 4)
    assert ndcg(np.array([2])) == pytest.approx(1 / math.log2(3))


def test_without_users_there_is_no_figure() -> None:
    nobody = np.zeros(0, np.int64)
    assert math.isnan(recall(nobody))
    assert math.isnan(ndcg(nobody))


def test_coverage_is_the_share_of_items_in_any_list_and_empty_places_are_none() -> None:
    assert coverage(LISTS, 16) == 8 / 16
    assert coverage(np.array([[1, 1], [1, -1]]), 4) == 0.25
    assert coverage(LISTS, 0) == 0
