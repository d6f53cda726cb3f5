"""What the rivals are given and what they are held against."""

import pandas as pd
import pytest

from pipeline.benchmark.world import build_world, hold_out, sample_negatives
from pipeline.errors import BadInput


def pairs(text: str, time: bool = False) -> pd.DataFrame:
    """`a1 a2 b1`: user a met 1, then 2; user b met 1."""
    words = text.split()
    frame = pd.DataFrame({"user": [word[0] for word in words], "item": [word[1:] for word in words], "weight": 1.0})
    return frame.assign(time=range(len(frame)) if time else float("nan"))


def test_what_cannot_be_judged_is_left_out_and_what_train_does_not_know_counts_as_missed() -> None:
    world = build_world(pairs("a1 a2 b1 b3"), pairs("a3 a9 b1 b2 c1"))
    assert world.counts.tolist() == [2, 1]
    assert world.wanted.sum(axis=1).ravel().tolist() == [[1, 1]]
    assert [note.split(":")[0] for note in world.notes] == [
        "1 test pairs of users that train does not know",
        "1 test pairs that train has",
        "1 test pairs on items that train does not know",
    ]


def test_pairs_that_repeat_add_up_in_train_and_count_once_in_the_test() -> None:
    world = build_world(pairs("a1 a1 a2 b3"), pairs("a3 a3"))
    assert sorted(world.train.data.tolist()) == [1, 1, 2]
    assert world.counts.tolist() == [1]


def test_a_test_without_anything_to_find_is_refused() -> None:
    with pytest.raises(BadInput, match="none of the 2 test pairs has a user of train and an item new to that user"):
        build_world(pairs("a1 a2"), pairs("a1 c2"))


def test_the_order_of_items_is_by_lot_and_the_same_for_the_same_seed() -> None:
    train, test = pairs(" ".join(f"a{item}" for item in range(50))), pairs("a99")
    orders = [
        build_world(train.assign(weight=range(1, 51)), test, seed=seed).train.toarray().tolist() for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_candidates_are_the_wanted_item_and_the_negatives_of_the_user() -> None:
    negatives = pd.DataFrame({"user": ["b", "a"], "item": ["1", "3"], "negatives": [["2"], ["4", "9"]]})
    train = pairs("a1 a2 b3 b4")
    world = build_world(train, pairs("a3 b1"), negatives)
    met_by_a, met_by_b = (set(world.train[user].indices.tolist()) for user in (0, 1))
    assert world.candidates is not None
    of_a, of_b = world.candidates.tolist()
    assert set(of_a[:2]) == met_by_b and of_a[2] == -1  # 9 is known to nobody
    assert set(of_b[:2]) == met_by_a and of_b[2] == -1
    wanted = [world.wanted[row].indices.tolist() for row in (0, 1)]
    assert [of_a[:1], of_b[:1]] == wanted


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "3", ["4"])], "no line for 1 of 2 test users"),
        ([("a", "4", ["3"]), ("b", "1", ["2"])], "another test item than the test file for 1 users"),
    ],
)
def test_negatives_that_do_not_fit_the_test_are_refused(rows: list[tuple], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        build_world(pairs("a1 a2 b3 b4"), pairs("a3 b1"), pd.DataFrame(rows, columns=["user", "item", "negatives"]))


def test_with_negatives_every_user_has_one_test_item() -> None:
    negatives = pd.DataFrame({"user": ["a"], "item": ["3"], "negatives": [["4"]]})
    with pytest.raises(BadInput, match="1 users have more"):
        build_world(pairs("a1 b3 b4"), pairs("a3 a4"), negatives)


def test_the_newest_of_each_user_are_held_out_and_who_has_few_keeps_them() -> None:
    train = pairs("a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 b1 b2 c1 c2 c3", time=True)
    learnt, hidden = hold_out(train, 0.2, sampled=0, seed=0)
    assert (hidden["user"] + hidden["item"]).tolist() == ["a9", "a10", "c3"]
    assert len(learnt) + len(hidden) == len(train)
    _, one_each = hold_out(train, 0.2, sampled=99, seed=0)
    assert (one_each["user"] + one_each["item"]).tolist() == ["a10", "c3"]


def test_without_times_the_lot_decides_and_the_seed_decides_the_lot() -> None:
    train = pairs(" ".join(f"a{item}" for item in range(40)))
    hidden = [hold_out(train, 0.2, 0, seed)[1]["item"].tolist() for seed in (0, 0, 1)]
    assert len(hidden[0]) == 8
    assert hidden[0] == hidden[1] != hidden[2]


def test_sampled_negatives_are_items_that_the_user_never_met() -> None:
    train = pairs("a1 a2 a3 b1 b4 b5 b6")
    found = sample_negatives(train, pairs("a3"), 2, seed=0)
    assert found["user"].tolist() == ["a"] and found["item"].tolist() == ["3"]
    assert len(found["negatives"][0]) == 2 and set(found["negatives"][0]) <= {"4", "5", "6"}
