import json
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from list_worlds import IDS, available, lists_of, pairs, scores, worlds
from sql_tables import Row, items, rows_of


def similar(catalog: list[Row], scored: Iterable[tuple[str, str, float]] = (), k: int = 20, to: str = "a") -> list[Row]:
    """The list of one item; popular items stand in the order of the catalog."""
    rows = rows_of(
        "similar_items",
        {"k": k},
        items=catalog,
        popular_items=rows_of("popular_items", actions=[], items=catalog),
        scored_items=[
            {"item_id": item_id, "similar_item_id": other, "score": score} for item_id, other, score in scored
        ],
    )
    return [row for row in rows if row["item_id"] == to]


def ids(rows: list[Row]) -> list[str]:
    return [row["similar_item_id"] for row in rows]


CATALOG = [*items("a", "f", category="toys"), *items("b", "c", category="tools"), *items("d")]


def test_first_by_the_model_then_popular_of_the_category_then_popular_each_labelled_so() -> None:
    rows = similar(CATALOG, [("a", "c", 0.7), ("a", "d", 0.9)])
    assert [(row["similar_item_id"], row["score"], json.loads(row["reason"])) for row in rows] == [
        ("d", 0.9, ["similar"]),
        ("c", 0.7, ["similar"]),
        ("f", 0.0, ["popular", "toys"]),
        ("b", 0.0, ["popular"]),
    ]


def test_what_fills_a_list_stands_in_the_order_of_its_popularity() -> None:
    popular = [
        {"segment": segment, "rank": rank, "item_id": item_id}
        for segment, ids_ in (("all", "dcbfa"), ("category:toys", "fa"))
        for rank, item_id in enumerate(ids_, start=1)
    ]
    rows = rows_of("similar_items", {"k": 3}, items=CATALOG, popular_items=popular, scored_items=[])
    assert ids([row for row in rows if row["item_id"] == "a"]) == ["f", "d", "c"]


def test_no_item_is_similar_to_itself() -> None:
    assert all("a" not in ids(similar(CATALOG, k=k)) for k in range(1, 6))


def test_an_item_without_a_category_is_filled_from_the_whole_list() -> None:
    assert ids(similar(CATALOG, to="d")) == ["a", "b", "c", "f"]


def test_an_item_that_is_not_available_has_a_list_and_stands_in_nobodys() -> None:
    catalog = [*items("a"), *items("b", is_available=False)]
    assert ids(similar(catalog, [("a", "b", 0.9)], to="a")) == []
    assert ids(similar(catalog, to="b")) == ["a"]


def test_equal_scores_stand_in_the_order_of_the_ids() -> None:
    assert ids(similar(CATALOG, [("a", "d", 0.5), ("a", "b", 0.5)], k=2)) == ["b", "d"]


def test_k_larger_than_the_catalog_gives_all_the_others() -> None:
    assert ids(similar(CATALOG, k=1000)) == ["f", "b", "c", "d"]


@st.composite
def shops(draw: st.DrawFn) -> dict[str, Any]:
    world = draw(worlds())
    known = [row["item_id"] for row in world["items"]]
    return {
        **world,
        "scored_items": [
            {"item_id": item, "similar_item_id": other, "score": scores(draw)}
            for item, other in pairs(draw, known, IDS)
            if item != other
        ],
    }


@settings(max_examples=150)
@given(shops())
def test_every_item_of_the_catalog_gets_min_k_other_available_different_items(world: dict[str, Any]) -> None:
    rows = rows_of("similar_items", {"k": world["k"]}, **{name: world[name] for name in world if name != "k"})
    lists = lists_of("item_id", rows, item="similar_item_id")
    for row in world["items"]:
        others = available(world) - {row["item_id"]}
        listed = lists.get(row["item_id"], [])
        assert len(listed) == min(world["k"], len(others))
        assert set(listed) <= others
