"""What served lists were worth: figures by hand, beside trec_eval's and plain loops, and what chance may make of them."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import metrics, prequential
from pipeline.prequential import Catalog, Shown, arrange, describe, measure, score, want

MEASURES = {"recall.5", "ndcg_cut.5", "recip_rank", "success.5"}
NAMES = {"recall": "recall_5", "ndcg": "ndcg_cut_5", "mrr": "recip_rank", "hit_rate": "success_5"}
CATALOG = Catalog(np.array([7.0, 3.0, 1.0, 0.0]), np.array([0, 0, 1, -1]))


def wanted_rows(*pairs: tuple[str, int], is_new: bool = True, is_head: bool = False) -> pd.DataFrame:
    rows = [(user, f"item {place}", place, is_new, is_head) for user, place in pairs]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "place", "is_new", "is_head"])


def everybody(lists: list[int], users: int, **others: list[int]) -> Shown:
    named = {name: others.get(name, lists) for name in prequential.LISTS}
    shown = {name: np.repeat(np.array([one], np.int64), users, axis=0) for name, one in named.items()}
    return Shown(shown, np.full(users, "personal", dtype="U8"))


def scores(shown: Shown, wanted: pd.DataFrame, catalog: Catalog = CATALOG, seed: int = 0) -> dict[tuple[Any, ...], Any]:
    users = pd.Index(wanted["user_id"].unique())
    found = score(shown, wanted, users, catalog, 1, seed)
    assert list(found.columns) == list(prequential.COLUMNS)
    return {(row.list, row.slice, row.k, row.metric): row for row in found.itertuples()}


def test_figures_of_what_was_taken_are_those_of_trec_eval() -> None:
    generator = np.random.default_rng(1)
    lists = np.stack([generator.permutation(30)[:5] for _ in range(200)])
    lists[::7, 3:] = -1
    pairs = {(f"u{user}", int(item)) for user in range(200) for item in generator.integers(0, 30, 1 + user % 9)}
    users, taken = pd.Index([f"u{user}" for user in range(200)]), wanted_rows(*sorted(pairs))
    counts = taken.groupby("user_id").size().reindex(users).to_numpy(np.int64)
    ours = measure(lists, want(taken, users, 30), counts)
    judged: dict[str, dict[str, int]] = {}
    for user, item in pairs:
        judged.setdefault(user, {})[str(item)] = 1
    given_lists = {
        user: {str(item): float(-rank) for rank, item in enumerate(row) if item >= 0}
        for user, row in zip(users, lists, strict=True)
    }
    theirs = pytrec_eval.RelevanceEvaluator(judged, MEASURES).evaluate(given_lists)
    for name, known_as in NAMES.items():
        assert ours[name].tolist() == pytest.approx([theirs[user][known_as] for user in users], abs=1e-9), name
        assert ours[name].max() > 0


@settings(max_examples=100)
@given(data=st.data(), groups=st.lists(st.integers(-1, 3), min_size=1, max_size=8))
def test_variety_and_rarity_of_lists_are_those_of_plain_loops(data: st.DataObject, groups: list[int]) -> None:
    width = data.draw(st.integers(1, 6))
    items = st.permutations(range(len(groups))).map(lambda one: ([*one[:width]] + [-1] * width)[:width])
    cut = st.tuples(items, st.integers(0, width)).map(lambda one: one[0][: one[1]] + [-1] * (width - one[1]))
    lists = data.draw(st.lists(cut, min_size=1, max_size=5))
    weights = data.draw(st.lists(st.floats(0, 100), min_size=len(groups), max_size=len(groups)))
    found = describe(np.array(lists), Catalog(np.array(weights), np.array(groups)))
    for place, row in enumerate(lists):
        listed = [item for item in row if item >= 0]
        pairs = list(itertools.combinations(listed, 2))
        unlike = [groups[a] != groups[b] or groups[a] < 0 for a, b in pairs]
        assert found["diversity"][place] == pytest.approx(sum(unlike) / len(pairs) if pairs else 0, abs=1e-9)
        total = sum(weights) + len(weights)
        rare = [-math.log2((weights[item] + 1) / total) for item in listed]
        assert found["novelty"][place] == pytest.approx(sum(rare) / len(rare) if rare else 0, abs=1e-9)
        ranks = [1 - item / max(len(weights) - 1, 1) for item in listed]
        assert found["popularity"][place] == pytest.approx(sum(ranks) / len(ranks) if ranks else 0, abs=1e-9)


def test_an_interval_holds_the_mean_of_the_world_about_95_times_in_100() -> None:
    generator = np.random.default_rng(3)
    worlds = generator.random((100, 400)) < 0.3
    bounds = [metrics.bootstrap(world[:, None].astype(float), seed, 200) for seed, world in enumerate(worlds)]
    held = sum(low[0] <= 0.3 <= high[0] for low, high in bounds)
    assert 85 <= held <= 99
    width = np.mean([high[0] - low[0] for low, high in bounds])
    assert width == pytest.approx(2 * 1.96 * math.sqrt(0.3 * 0.7 / 400), rel=0.1)


def test_bounds_are_the_same_for_the_same_seed_and_none_without_users() -> None:
    values = np.random.default_rng(0).random((50, 2))
    first, again, other = (metrics.bootstrap(values, seed, 200)[0].tolist() for seed in (1, 1, 2))
    assert first == again != other
    assert np.isnan(metrics.bootstrap(values[:0], 1, 200)).all()


def test_lists_of_users_are_put_beside_their_users_and_the_popular_list_stands_in() -> None:
    rows = [("popular", None, rank, rank - 1, None) for rank in (1, 2)]
    rows += [("recent", None, 1, 3, None), ("served", "v", 1, 2, "searches"), ("item_knn", "u", 1, 3, None)]
    listed = pd.DataFrame(rows, columns=["list", "user_id", "rank", "place", "served_reason"])
    shown = arrange(listed, pd.Index(["u", "v"]), 3)
    assert {name: lists.tolist() for name, lists in shown.lists.items()} == {
        "served": [[0, 1, -1], [2, -1, -1]],
        "popular": [[0, 1, -1], [0, 1, -1]],
        "recent": [[3, -1, -1], [3, -1, -1]],
        "item_knn": [[3, -1, -1], [0, 1, -1]],
    }
    assert shown.served_reasons.tolist() == ["popular", "searches"]


def test_gains_are_beside_the_popular_list_and_a_gain_of_everybody_is_certain() -> None:
    wanted = wanted_rows(*((f"u{user:02}", 1 + user % 2) for user in range(40)))
    found = scores(everybody([0, 1], 40, served=[1, 2]), wanted)
    gain = found["served", "all", 2, "recall_gain"]
    assert (gain.value, found["served", "all", 2, "recall"].value) == (0.5, 1.0)
    assert 0 < gain.low < 0.5 < gain.high < 1
    assert ("popular", "all", 2, "recall_gain") not in found
    assert found["recent", "all", 2, "recall_gain"].value == 0 == found["recent", "all", 2, "recall_gain"].high


def test_of_fewer_than_20_users_nothing_is_said_slice_by_slice() -> None:
    wanted = wanted_rows(*((f"u{user:02}", 0) for user in range(19)))
    assert scores(everybody([0, 1], 19), wanted) == {}
    wanted = pd.concat([wanted, wanted_rows(("v", 1), is_head=True)], ignore_index=True)
    found = scores(everybody([0, 1], 20), wanted)
    assert {part for _, part, _, _ in found} == {"all", "personal", "new"}  # of tail there are 19, of head one
    assert {row.users for row in found.values()} == {20}


def test_a_slice_of_items_counts_only_what_is_in_it() -> None:
    wanted = pd.concat(
        [
            wanted_rows(*((f"u{user:02}", 0) for user in range(20)), is_new=False, is_head=True),
            wanted_rows(*((f"u{user:02}", 2) for user in range(20))),
        ],
        ignore_index=True,
    )
    found = scores(everybody([0, 1], 20), wanted)
    recall = {part: found["served", part, 2, "recall"].value for part in ("all", "new", "head", "tail")}
    assert recall == {"all": 0.5, "new": 0, "head": 1, "tail": 0}
    assert ("served", "new", 2, "novelty") not in found  # that is about lists, whatever was taken


def test_what_could_not_be_listed_counts_as_missed() -> None:
    taken = [(f"u{user:02}", place) for user in range(20) for place in (0, -1)]
    found = scores(everybody([0, 1], 20), wanted_rows(*taken))
    assert found["served", "all", 2, "recall"].value == 0.5


def test_lists_longer_than_the_catalog_and_of_one_item_have_figures() -> None:
    wanted = wanted_rows(*((f"u{user:02}", 0) for user in range(20)))
    long = scores(everybody([0, 1, 2, 3] + [-1] * 16, 20), wanted)
    assert long["served", "all", 20, "coverage"].value == 1 == long["served", "all", 10, "recall"].value
    assert long["served", "all", 20, "diversity"].value == pytest.approx(5 / 6)
    short = scores(everybody([0], 20), wanted, Catalog(np.array([1.0]), np.array([0])))
    assert short["served", "all", 1, "diversity"].value == 0
    assert short["served", "all", 1, "ndcg"].value == 1 == short["served", "all", 1, "popularity"].value


def test_nobody_at_all_gives_an_empty_table_of_the_same_columns() -> None:
    found = score(everybody([0], 0), wanted_rows(), pd.Index([]), CATALOG, 1, 0)
    assert len(found) == 0
    assert {name: str(kind) for name, kind in found.dtypes.items()} == prequential.COLUMNS
