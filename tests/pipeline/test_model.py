"""What the model learns from beside pairs: rows of queries and attributes, and items that nobody met."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from pipeline import als
from pipeline.errors import BadInput
from pipeline.model import Model, learn
from pipeline.settings import Settings, load_settings

NOBODY = pd.Index([], dtype="str")
OFF = {"query_rows_weight": 0.0, "attribute_rows_weight": 0.0}


def knobs(**values: object) -> Settings:
    return load_settings(**{"factors": 8, **values})


def pairs_of(*taken: tuple[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(taken, columns=["user_id", "item_id"], dtype="str")
    return frame.assign(weight=2_000_000, kind="click", is_examined=False).astype({"kind": "str"})


def sides_of(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["kind", "name", "item_id"], dtype="str")
    return frame.assign(weight=np.full(len(frame), 20_000_000, np.int64))


def two_tastes(size: int = 12) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Users and items of even number, and of odd number; a brand for each parity."""
    taken = [(f"u{u:02}", f"i{i:02}") for u in range(size) for i in range(size) if u % 2 == i % 2 and u != i]
    return pairs_of(*taken), sides_of(*(("brand", f"b{i % 2}", f"i{i:02}") for i in range(size)))


def cosine(model: Model, one: str, other: str) -> float:
    first, second = (model.items.vectors[model.items.ids.get_loc(name)] for name in (one, other))
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def test_an_item_nobody_met_is_nearest_to_items_of_its_attributes_and_reaches_their_users() -> None:
    pairs, sides = two_tastes()
    sides = pd.concat([sides, sides_of(("brand", "b0", "new"))], ignore_index=True)
    model = learn(pairs, sides, pd.Index(["new"]), knobs())
    assert model.new_items == 1
    assert min(cosine(model, "new", f"i{i:02}") for i in range(0, 12, 2)) > 0.9
    assert max(cosine(model, "new", f"i{i:02}") for i in range(1, 12, 2)) < 0.3
    scores = model.users.vectors @ model.items.vectors[model.items.ids.get_loc("new")]
    assert scores[::2].min() > 3 * abs(scores[1::2]).max()


def test_a_new_item_without_a_shared_attribute_has_no_factors_nor_has_one_that_was_met_twice() -> None:
    pairs, sides = two_tastes()
    sides = pd.concat([sides, sides_of(("brand", "b9", "new"))], ignore_index=True)
    model = learn(pairs, sides, pd.Index(["i00", "new"]), knobs())
    assert list(model.items.ids) == sorted(pairs["item_id"].unique())
    assert model.new_items == 0


def test_the_weight_of_new_items_is_the_length_of_their_factors() -> None:
    pairs, sides = two_tastes()
    sides = pd.concat([sides, sides_of(("brand", "b0", "new"))], ignore_index=True)
    once, half = (learn(pairs, sides, pd.Index(["new"]), knobs(new_items_weight=w)) for w in (1.0, 0.5))
    at = once.items.ids.get_loc("new")
    assert half.items.vectors[at] == pytest.approx(once.items.vectors[at] / 2, rel=1e-6)
    met = once.items.ids != "new"
    assert (half.items.vectors[met] == once.items.vectors[met]).all()


@pytest.mark.parametrize(("kind", "weight"), [("query", "query_rows_weight"), ("brand", "attribute_rows_weight")])
def test_a_row_of_a_query_or_an_attribute_draws_its_items_together(kind: str, weight: str) -> None:
    pairs, _ = two_tastes()
    sides = sides_of((kind, "both", "i00"), (kind, "both", "i01"))
    apart = learn(pairs, sides, NOBODY, knobs(**OFF))
    drawn = learn(pairs, sides, NOBODY, knobs(**OFF | {weight: 20.0}))
    assert cosine(drawn, "i00", "i01") > cosine(apart, "i00", "i01") + 0.1


def test_without_side_rows_the_factors_are_to_the_bit_those_of_the_pairs_alone() -> None:
    pairs, _ = two_tastes()
    settings = knobs()
    model = learn(pairs, sides_of(), NOBODY, settings)
    users, items = pd.Index(sorted(pairs["user_id"].unique())), pd.Index(sorted(pairs["item_id"].unique()))
    shape, weights = (len(users), len(items)), pairs["weight"].to_numpy()
    places = (
        users.get_indexer(pairs["user_id"]).astype(np.int32),
        items.get_indexer(pairs["item_id"]).astype(np.int32),
    )
    alpha = als.scale_alpha(weights, shape, settings)
    matrix = als.confidence(weights, np.ones(len(pairs), bool), *places, shape, alpha)
    expected = als.fit(matrix, als.scale_regularization(matrix, settings), settings)
    assert model.users.vectors.tobytes() == expected[0].tobytes()
    assert model.items.vectors.tobytes() == expected[1].tobytes()


def test_alpha_and_regularisation_follow_from_the_pairs_alone() -> None:
    pairs, sides = two_tastes()
    without, beside = learn(pairs, sides_of(), NOBODY, knobs()), learn(pairs, sides, NOBODY, knobs())
    assert without.scale == beside.scale
    assert (without.side_rows, beside.side_rows) == (0, 2)
    assert len(beside.users.vectors) == len(beside.users.ids) == 12


def test_a_row_of_one_item_says_nothing() -> None:
    pairs, _ = two_tastes()
    alone = learn(pairs, sides_of(("word", "a", "i00"), ("word", "a", "not met")), NOBODY, knobs())
    assert alone.side_rows == 0
    assert alone.items.vectors.tobytes() == learn(pairs, sides_of(), NOBODY, knobs()).items.vectors.tobytes()


def test_the_order_of_rows_and_the_number_of_threads_change_no_byte() -> None:
    pairs, sides = two_tastes()
    sides = pd.concat([sides, sides_of(("brand", "b0", "new"))], ignore_index=True)
    one = learn(pairs, sides, pd.Index(["new"]), knobs(threads=1))
    two = learn(pairs, sides.sample(frac=1, random_state=1), pd.Index(["new"]), knobs(threads=2))
    assert one.users.vectors.tobytes() == two.users.vectors.tobytes()
    assert one.items.vectors.tobytes() == two.items.vectors.tobytes()


@pytest.mark.parametrize("weight", ["query_rows_weight", "attribute_rows_weight", "new_items_weight"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30, -1.0])
def test_a_weight_out_of_bounds_is_refused(weight: str, value: float) -> None:
    with pytest.raises(BadInput, match=weight.upper()):
        load_settings(**{weight: value})


@limits(max_examples=25)
@given(
    taken=st.lists(st.tuples(st.sampled_from("uvw"), st.sampled_from("abcd")), max_size=8, unique=True),
    named=st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from("abcdef")), max_size=8, unique=True),
    weight=st.sampled_from([1, 1_000_000, 10**30 // 10**14]),
)
def test_factors_are_finite_and_ids_sorted_whatever_there_is(
    taken: list[tuple[str, str]], named: list[tuple[str, str]], weight: int
) -> None:
    sides = sides_of(*(("brand", name, item) for name, item in named))
    model = learn(pairs_of(*taken).assign(weight=weight), sides, pd.Index(list("abcdef")), knobs(factors=3))
    for factors in (model.users, model.items):
        assert np.isfinite(factors.vectors).all()
        assert list(factors.ids) == sorted(set(factors.ids))
        assert len(factors.vectors) == len(factors.ids)
    assert {item for _, item in taken} <= set(model.items.ids)
