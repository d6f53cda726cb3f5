"""Every rival on the world whose one right answer is known: users of even number take even items, odd ones odd."""

import numpy as np
import pandas as pd
import pytest

from pipeline.benchmark import compare, judge, rivals
from pipeline.benchmark.tune import Knobs, Trial
from pipeline.benchmark.world import World, build_world
from pipeline.settings import load_settings

SIZE = 40


def checkerboard() -> World:
    user, item = np.nonzero(np.add.outer(np.arange(SIZE), np.arange(SIZE)) % 2 == 0)
    is_test = (item == user) | (item == (user + 2) % SIZE)
    frame = pd.DataFrame({"user": user.astype(str), "item": item.astype(str), "weight": 1.0, "time": float("nan")})
    return build_world(frame[~is_test], frame[is_test])


@pytest.mark.parametrize("rival", [rival for rival in rivals.RIVALS if rival.name != "popular"], ids=lambda r: r.name)
def test_every_rival_that_learns_finds_what_is_right_on_a_checkerboard(rival: rivals.Rival) -> None:
    world = checkerboard()
    [figures] = judge.judge(world, rival.learn(world.train, load_settings(factors=8)), [2])
    assert figures["recall"] == figures["ndcg"] == figures["mrr"] == 1
    assert figures["coverage"] == 1


def test_popular_knows_no_taste() -> None:
    world = checkerboard()
    [figures] = judge.judge(world, rivals.learn_popular(world.train, load_settings()), [2])
    assert figures["recall"] < 0.5


def test_popular_scores_by_how_many_users_met_an_item() -> None:
    train = build_world(
        pd.DataFrame({"user": list("aabbc"), "item": list("xyxzx"), "weight": [1.0, 9, 1, 9, 1], "time": 0.0}),
        pd.DataFrame({"user": ["c"], "item": ["y"]}),
    ).train
    scores = rivals.learn_popular(train, load_settings())(np.array([2], np.int32))
    assert sorted(scores[0].tolist()) == [1, 1, 3]


def test_ease_is_the_closed_form_of_its_paper_also_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    train = checkerboard().train.copy()
    train.data[:] = generator.random(train.nnz) + 1
    met = (train.toarray() > 0).astype(np.float64)
    inverse = np.linalg.inv(met.T @ met + rivals.EASE_L2 * met.sum() / SIZE * np.eye(SIZE))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    monkeypatch.setattr(rivals, "STRIP", 7)
    found = rivals.learn_ease(train, load_settings())(np.arange(SIZE, dtype=np.int32))
    assert found == pytest.approx(met @ weights, abs=1e-4)


def test_a_rival_is_left_out_of_data_that_it_cannot_bear_and_that_is_said() -> None:
    world, told = checkerboard(), []
    small = rivals.Rival("EASE", rivals.learn_ease, most_items=SIZE - 1)
    assert list(compare.compare(world, load_settings(), [2], [small], lambda name: None, told.append)) == []
    assert told == ["EASE is left out: 40 items, it is run up to 39"]


def test_a_blend_of_nothing_is_the_model_and_scores_of_different_size_weigh_the_same() -> None:
    first = lambda rows: np.array([[1.0, 2, 3]], np.float32)  # noqa: E731
    second = lambda rows: np.array([[3000.0, 2000, 1000]], np.float32)  # noqa: E731
    assert rivals.blend(first, second, 0.0) is first
    rows = np.zeros(1, np.int32)
    assert rivals.blend(first, second, 1.0)(rows) == pytest.approx(np.zeros((1, 3)), abs=1e-6)
    assert rivals.blend(first, second, 0.5)(rows).argmax() == 2
    assert np.isfinite(rivals.standardize(np.ones((2, 3), np.float32))).all()


def test_the_tuned_model_stands_beside_the_one_of_the_settings_with_its_own_knobs() -> None:
    knobs = Knobs(factors=4, alpha=1.0, regularization=2.0, iterations=3)
    listed = compare.list_rivals([Trial(knobs, 0.5, 1.0)])
    assert [rival.name for rival in listed[:2]] == ["ours", "ours, tuned"]
    world, settings = checkerboard(), load_settings(factors=8)
    rows = np.arange(SIZE, dtype=np.int32)
    expected = rivals.learn_ours(world.train, knobs.apply(settings))(rows)
    assert (listed[1].learn(world.train, settings)(rows) == expected).all()


def test_rows_carry_figures_seconds_and_memory() -> None:
    found = list(
        compare.compare(
            checkerboard(), load_settings(factors=8), [1, 2], rivals.RIVALS[:1], lambda name: None, lambda text: None
        )
    )
    assert [(row["model"], row["k"]) for row in found[0]] == [("ours", 1), ("ours", 2)]
    assert all(row["learn_seconds"] >= 0 and row["peak_mb"] > 10 for row in found[0])
