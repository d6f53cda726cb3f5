import json
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from list_worlds import IDS, available, lists_of, pairs, scores, worlds
from sql_tables import Row, items, rows_of


def recommend(
    catalog: list[Row],
    answers: Iterable[tuple[str, float, bool]] = (),
    scored: Iterable[tuple[str, float]] = (),
    k: int = 20,
    listed: str = "red",
) -> list[Row]:
    return rows_of(
        "query_recommendations",
        {"k": k},
        items=catalog,
        popular_items=[
            {"segment": segment, "rank": rank, "item_id": row["item_id"]}
            for rank, row in enumerate((row for row in catalog if row["is_available"]), start=1)
            for segment in ("all", "category:toys")
        ],
        query_answers=[
            {"query": "red", "item_id": item_id, "score": score, "is_taken": taken} for item_id, score, taken in answers
        ],
        scored_items=[
            {"query": "red", "item_id": item_id, "score": score, "reason": '["similar"]'} for item_id, score in scored
        ],
        listed_queries=[{"query": listed}],
    )


def ids(rows: list[Row]) -> list[str]:
    return [row["item_id"] for row in rows]


def test_first_the_answers_then_what_the_model_finds_then_popular_each_labelled_so() -> None:
    rows = recommend(items(*"abcd"), [("c", 0.75, True), ("d", 0.25, False)], [("b", 0.4)])
    assert [(row["item_id"], row["score"], json.loads(row["reason"])) for row in rows] == [
        ("c", 1.75, ["searched", "red"]),
        ("d", 1.25, ["searched"]),
        ("b", 0.4, ["similar"]),
        ("a", 0.0, ["popular"]),
    ]


def test_a_query_with_quotes_is_named_whole_in_the_reason() -> None:
    rows = rows_of(
        "query_recommendations",
        items=items("a"),
        popular_items=[],
        query_answers=[{"query": 'the "o\\ne"', "item_id": "a", "score": 1.0, "is_taken": True}],
        scored_items=[],
        listed_queries=[{"query": 'the "o\\ne"'}],
    )
    assert [json.loads(row["reason"]) for row in rows] == [["searched", 'the "o\\ne"']]


def test_an_item_that_is_an_answer_and_the_model_finds_too_stands_there_once_as_an_answer() -> None:
    rows = recommend(items("a"), [("a", 1.0, True)], [("a", 0.9)])
    assert [(row["item_id"], row["score"]) for row in rows] == [("a", 2.0)]


def test_scores_of_the_model_outside_0_to_1_are_cut_but_keep_their_order() -> None:
    rows = recommend(items(*"abcde"), [("e", 1.0, True)], [("a", 1.1), ("b", 1.2), ("c", -0.2), ("d", -0.1)])
    assert [(row["item_id"], row["score"]) for row in rows] == [
        ("e", 2.0),
        ("b", 1.0),
        ("a", 1.0),
        ("d", 0.0),
        ("c", 0.0),
    ]


def test_equal_answers_stand_in_the_order_of_the_ids() -> None:
    assert ids(recommend(items(*"abc"), [(name, 0.3, True) for name in "cba"])) == ["a", "b", "c"]


def test_what_is_not_available_is_left_out_of_all_parts() -> None:
    catalog = [*items("a", "b"), *items("x", "y", is_available=False)]
    rows = recommend(catalog, [("x", 0.75, True), ("a", 0.25, True)], [("y", 0.9), ("b", 0.5)])
    assert [(row["item_id"], row["score"]) for row in rows] == [("a", 1.25), ("b", 0.5)]


def test_only_listed_queries_have_a_list() -> None:
    assert {row["query"] for row in recommend(items("a"), [("a", 1.0, True)], listed="blue")} == {"blue"}


def test_k_larger_than_the_catalog_gives_the_catalog_and_a_smaller_one_cuts() -> None:
    assert ids(recommend(items(*"abc"), [("c", 1.0, True)], k=1000)) == ["c", "a", "b"]
    assert ids(recommend(items(*"abc"), [("c", 0.3, True), ("b", 0.7, True)], k=1)) == ["b"]


@st.composite
def shops(draw: st.DrawFn) -> dict[str, Any]:
    queries = ["red", "blue"]
    world = draw(worlds())
    known = [row["item_id"] for row in world["items"]]
    return {
        **world,
        "listed_queries": [{"query": query} for query in queries],
        "query_answers": [
            {"query": query, "item_id": item, "score": draw(st.floats(0, 1)), "is_taken": draw(st.booleans())}
            for query, item in pairs(draw, [*queries, "rare"], known)
        ],
        "scored_items": [
            {"query": query, "item_id": item, "score": scores(draw), "reason": '["similar"]'}
            for query, item in pairs(draw, queries, IDS)
        ],
    }


@settings(max_examples=150)
@given(shops())
def test_every_listed_query_gets_min_k_available_different_items_with_scores_that_count_down(
    world: dict[str, Any],
) -> None:
    rows = rows_of("query_recommendations", {"k": world["k"]}, **{name: world[name] for name in world if name != "k"})
    lists = lists_of("query", rows)
    assert set(lists) <= {"red", "blue"}
    for query in ("red", "blue"):
        listed = lists.get(query, [])
        assert len(listed) == min(world["k"], len(available(world)))
        assert set(listed) <= available(world)
        scored = [row["score"] for row in rows if row["query"] == query]
        assert scored == sorted(scored, reverse=True)
