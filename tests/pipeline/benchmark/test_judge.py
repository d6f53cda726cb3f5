"""Measures by hand, and beside those of trec_eval, which has counted them for thirty years."""

import math

import numpy as np
import pandas as pd
import pytest
import pytrec_eval
import scipy.sparse as sp

from pipeline import metrics, topk
from pipeline.benchmark import judge, rivals
from pipeline.benchmark.world import World, build_world
from pipeline.settings import load_settings

LISTS = np.array([[3, 1, 2], [5, 0, -1], [-1, -1, -1]])
WANTED = sp.csr_matrix(([1.0] * 5, ([0, 0, 1, 2, 2], [1, 2, 4, 0, 5])), shape=(3, 6))
COUNTS = np.array([2, 1, 4])  # two of the last user's stand in no column


def random_world(generator: np.random.Generator, users: int = 40, items: int = 60) -> World:
    cells = pd.DataFrame({"cell": generator.choice(users * items, users * 12, replace=False)})
    pairs = pd.DataFrame({"user": (cells["cell"] // items).astype(str), "item": (cells["cell"] % items).astype(str)})
    pairs = pairs.assign(weight=1.0, time=math.nan)
    is_train = generator.random(len(pairs)) < 0.6
    return build_world(pairs[is_train], pairs[~is_train])


def test_hits_are_places_of_wanted_items_and_empty_places_are_none() -> None:
    assert metrics.hit_table(LISTS, WANTED).tolist() == [[False, True, True], [False] * 3, [False] * 3]
    assert metrics.hit_table(np.zeros((2, 0), int), WANTED[:2]).shape == (2, 0)


def test_recall_is_over_all_that_was_wanted_and_ndcg_over_the_best_list_of_that_length() -> None:
    hits = metrics.hit_table(LISTS, WANTED)
    assert metrics.recalls(hits, COUNTS).tolist() == [1, 0, 0]
    gain, ideal = 1 / math.log2(3) + 1 / math.log2(4), 1 + 1 / math.log2(3)
    assert metrics.ndcgs(hits, COUNTS).tolist() == pytest.approx([gain / ideal, 0, 0])
    assert metrics.ndcgs(hits[:1, :2], COUNTS[:1]).tolist() == pytest.approx([(1 / math.log2(3)) / ideal])
    assert metrics.reciprocal_ranks(hits).tolist() == [0.5, 0, 0]


def test_for_one_wanted_item_both_families_of_measures_say_the_same() -> None:
    generator = np.random.default_rng(0)
    lists = np.array([generator.permutation(30)[:10] for _ in range(50)])
    wanted = generator.integers(0, 30, 50)
    matrix = sp.csr_matrix((np.ones(50), (np.arange(50), wanted)), shape=(50, 30))
    hits, ones, ranks = metrics.hit_table(lists, matrix), np.ones(50, int), metrics.hit_ranks(lists, wanted)
    assert metrics.recalls(hits, ones).mean() == pytest.approx(metrics.recall(ranks))
    assert metrics.ndcgs(hits, ones).mean() == pytest.approx(metrics.ndcg(ranks))


@pytest.mark.parametrize("k", [1, 5, 20])
def test_figures_agree_with_trec_eval(k: int) -> None:
    generator = np.random.default_rng(k)
    world = random_world(generator)
    scores = generator.random(world.train.shape).astype(np.float32)
    lists = judge.make_lists(world, lambda rows: scores[rows], k)
    ours = judge.measure(world, lists, k)
    wanted = {}
    for line, row in enumerate(world.wanted):
        unknown = {f"unknown{place}": 1 for place in range(int(world.counts[line]) - row.nnz)}
        wanted[str(line)] = {str(item): 1 for item in row.indices} | unknown
    ranked = {
        str(line): {str(item): float(k - place) for place, item in enumerate(row)} for line, row in enumerate(lists)
    }
    theirs = pytrec_eval.RelevanceEvaluator(wanted, {f"recall.{k}", f"ndcg_cut.{k}", f"success.{k}", "recip_rank"})
    rows = theirs.evaluate(ranked).values()
    for figure, name in (
        ("recall", f"recall_{k}"),
        ("ndcg", f"ndcg_cut_{k}"),
        ("hit_rate", f"success_{k}"),
        ("mrr", "recip_rank"),
    ):
        assert ours[figure] == pytest.approx(np.mean([row[name] for row in rows]), abs=1e-9), figure


def test_lists_leave_out_what_the_user_met_in_train_and_never_repeat() -> None:
    world = random_world(np.random.default_rng(5))
    lists = judge.make_lists(world, lambda rows: np.ones((len(rows), world.train.shape[1]), np.float32), 100)
    for user, row in zip(world.judged, lists, strict=True):
        listed = row[row >= 0].tolist()
        met = world.train[user].indices.tolist()
        assert sorted(listed + met) == list(range(world.train.shape[1]))


def test_blocks_of_users_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = random_world(np.random.default_rng(6))
    scores = np.random.default_rng(7).random(world.train.shape).astype(np.float32)
    whole = judge.make_lists(world, lambda rows: scores[rows], 7)
    monkeypatch.setattr(judge, "BLOCK_BYTES", 4 * world.train.shape[1] * 3)
    assert (judge.make_lists(world, lambda rows: scores[rows], 7) == whole).all()


def test_with_candidates_only_these_are_ranked_and_equals_do_not_favour_the_wanted_item() -> None:
    train = sp.csr_matrix((200, 50), dtype=np.float64)
    generator = np.random.default_rng(1)
    candidates = np.array([generator.permutation(50)[:10] for _ in range(200)], np.int32)
    rows = np.arange(200)
    wanted = sp.csr_matrix((np.ones(200), (rows, candidates[:, 0])), shape=(200, 50))
    world = World(train, rows.astype(np.int32), wanted, np.ones(200, np.int64), candidates)
    best = np.zeros((200, 50), np.float32)
    best[rows, candidates[:, 0]] = 1
    lists = judge.make_lists(world, lambda chosen: best[chosen], 10)
    assert judge.measure(world, lists, 1)["hit_rate"] == 1
    assert all(set(row) == set(given) for row, given in zip(lists.tolist(), candidates.tolist(), strict=True))
    equal = judge.make_lists(world, lambda chosen: np.zeros((len(chosen), 50), np.float32), 10)
    assert 0.02 < judge.measure(world, equal, 1)["hit_rate"] < 0.25  # one in ten by lot


def test_lists_are_those_that_the_hourly_stage_would_make() -> None:
    world = random_world(np.random.default_rng(3))
    settings = load_settings(factors=8)
    users, items = rivals.fit_ours(world.train, settings)
    top = topk.best_items(users[world.judged], items, 5, world.train[world.judged], np.zeros(0, np.int32), settings)
    assert (judge.make_lists(world, lambda rows: users[rows] @ items.T, 5) == top.indices).all()
