"""Lists held against hidden items: figures that can be checked by hand, and what chance may do."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.holdout import Marks, find_most_gained, mark_model, mark_popular, set_exam, tabulate
from pipeline.model_files import Factors, positions
from pipeline.settings import Settings


def factors(ids: str, vectors: object) -> Factors:
    return Factors(pd.Index(list(ids)), np.array(vectors, np.float32))


def took(*pairs: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["user_id", "item_id", "kind"]).assign(weight=1_000_000)


def hid(**items: str) -> pd.DataFrame:
    return pd.DataFrame({"user_id": list(items), "item_id": list(items.values())})


def figures(
    home: Path, k: int, users: Factors, items: Factors, hidden: pd.DataFrame, popular: str, pairs: pd.DataFrame
) -> dict[tuple[str, str], float]:
    """The figures of the model and the popular list."""
    exam = set_exam(k, users.ids, hidden, pd.Series(popular.split()), pairs)
    vectors = users.vectors[positions(users.ids, exam.users.to_series())]
    ours = mark_model(exam, vectors, items, Settings(home=home, factors=2))
    found = tabulate(exam, {"ours": ours, "popular": mark_popular(exam)})
    assert set(found["users"]) <= {len(exam.users)} and set(found["k"]) <= {k}
    return {(row.list, row.metric): row.value for row in found.itertuples()}


def test_figures_by_hand(tmp_path: Path) -> None:
    """Four items in the order of popularity a, b, c, d; lists of two that leave out what the users met."""
    users = factors("uvw", [[1, 0], [0, 1], [1, 0]])
    items = factors("abcd", [[1, 0], [0, 1], [0.5, 0], [0, 0.5]])
    pairs = took(("u", "a", "click"), ("v", "b", "click"), ("w", "b", "click"), ("u", "c", "search"))
    found = figures(tmp_path, 2, users, items, hid(u="c", v="d", w="d", stranger="a"), "a b c d", pairs)
    # ours: u gets c, then b or d at 0; v gets d first; w gets a, c and misses d
    assert found["ours", "recall"] == pytest.approx(2 / 3)
    assert found["ours", "ndcg"] == pytest.approx(2 / 3)
    # popular: u gets b, c (rank 2); v gets a, c; w gets a, c
    assert found["popular", "recall"] == pytest.approx(1 / 3)
    assert found["popular", "ndcg"] == pytest.approx(1 / np.log2(3) / 3)
    assert found["popular", "coverage"] == pytest.approx(3 / 4)


@given(
    st.integers(1, 8),
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 7)), max_size=16),
    st.lists(st.integers(0, 7), min_size=3, max_size=3),
)
def test_the_popular_list_of_a_user_is_its_first_items_that_the_user_did_not_meet(
    count: int, k: int, met: list[tuple[int, int]], hidden: list[int]
) -> None:
    names, users = list("abcdefgh"[:count]), list("uvw")
    done = {(users[user], names[place]) for user, place in met if place < count}
    wanted = {user: names[place % count] for user, place in zip(users, hidden, strict=True)}
    pairs = took(*((user, name, "click") for user, name in sorted(done)))
    exam = set_exam(k, pd.Index(users), hid(**wanted), pd.Series(names), pairs)
    lists = {user: [name for name in names if (user, name) not in done][:k] for user in users}
    ranks = [lists[user].index(name) + 1 if name in lists[user] else 0 for user, name in wanted.items()]
    found = mark_popular(exam)
    assert found.ranks.tolist() == ranks
    assert found.coverage == pytest.approx(len(set().union(*lists.values())) / count)


def test_users_whose_hidden_item_cannot_be_bought_are_not_asked(tmp_path: Path) -> None:
    items = factors("ab", [[1, 0], [0, 1]])
    users = factors("uv", [[1, 0], [0, 1]])
    hidden = hid(u="a", v="gone")
    found = figures(tmp_path, 1, users, items, hidden, "a b", took(("u", "b", "click")))
    assert found["ours", "recall"] == 1 == found["popular", "recall"]


def test_a_hidden_item_that_the_model_cannot_know_is_a_miss_and_counts(tmp_path: Path) -> None:
    users, items = factors("u", [[1, 0]]), factors("ab", [[1, 0], [0, 1]])
    found = figures(tmp_path, 5, users, items, hid(u="new"), "a b new", took(("u", "a", "click")))
    assert found["ours", "recall"] == 0 and found["popular", "recall"] == 1


def test_without_users_there_is_no_recall(tmp_path: Path) -> None:
    found = figures(tmp_path, 5, factors("", np.zeros((0, 2))), factors("", np.zeros((0, 2))), hid(), "a b", took())
    assert found == {("ours", "coverage"): 0, ("popular", "coverage"): 0}


def marked(hits: list[bool]) -> Marks:
    return Marks(np.array(hits, np.int64), 0.5)


def test_a_few_misses_more_are_chance_and_many_are_not() -> None:
    theirs = marked([True] * 10 + [False] * 40)
    assert find_most_gained(marked([True] * 7 + [False] * 43), theirs, 0.9, seed=1) > 0
    assert find_most_gained(marked([False] * 50), theirs, 0.9, seed=1) < 0
    assert find_most_gained(marked([False] * 50), marked([True] * 3 + [False] * 47), 0.9, seed=1) >= 0


@given(st.lists(st.booleans(), min_size=20, max_size=60), st.floats(0, 1), st.integers(0, 99))
def test_a_model_that_finds_the_same_never_falls_short(hits: list[bool], limit: float, seed: int) -> None:
    assert find_most_gained(marked(hits), marked(hits), limit, seed) >= 0
