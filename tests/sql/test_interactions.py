import random
from collections.abc import Iterable
from typing import Any

import pytest
from sql_tables import Row, clock, event_types, rows_of

SEARCHED = {"event_type": "search", "query": "red", "item_id": None, "weight": 1_000_000}


def done(item_id: str | None, kind: str = "click", weight: int = 2_000_000, **columns: Any) -> Row:
    return {
        "user_id": "u",
        "actor": "u",
        "event_type": kind,
        "item_id": item_id,
        "weight": weight,
        "last_at": clock("11:00"),
        **columns,
    }


def points_at(*weights: tuple[str, int], query: str = "red") -> list[Row]:
    return [{"query": query, "item_id": item_id, "weight": weight} for item_id, weight in weights]


def interactions(
    *events: Row, query_items: Iterable[Row] = (), held_out: Iterable[Row] = (), **values: Any
) -> list[Row]:
    return rows_of(
        "interactions",
        values,
        actions=events,
        event_types=event_types(),
        query_items=query_items,
        held_out=held_out,
    )


def weights(rows: list[Row]) -> dict[str, int]:
    return {row["item_id"]: row["weight"] for row in rows}


def test_what_a_user_did_with_an_item_adds_up() -> None:
    rows = interactions(done("a"), done("a", "purchase", 8_000_000), done("b", user_id="v"))
    assert [(row["user_id"], row["item_id"], row["weight"]) for row in rows] == [
        ("u", "a", 10_000_000),
        ("v", "b", 2_000_000),
    ]


def test_kind_is_the_strongest_thing_the_user_did_with_the_item_however_faded() -> None:
    events = [done("a", "purchase", 1), done("a", "click"), done("a", "add_to_cart")]
    assert [row["kind"] for order in (events, events[::-1]) for row in interactions(*order)] == ["purchase"] * 2


def test_query_is_that_of_the_latest_event_that_has_one_and_last_at_is_the_latest_of_all() -> None:
    [row] = interactions(
        done("a", query="early", last_at=clock("09:00")),
        done("a", query="late", last_at=clock("10:00")),
        done("a", query=None, last_at=clock("11:30")),
    )
    assert (row["query"], row["last_at"]) == ("late", clock("11:30"))


def test_weight_is_capped() -> None:
    assert weights(interactions(*[done("a")] * 30, max_pair_weight=50.0)) == {"a": 50_000_000}
    both = interactions(
        done("a", weight=49_800_000), done(**SEARCHED), query_items=points_at(("a", 1)), max_pair_weight=50.0
    )
    assert weights(both) == {"a": 50_000_000}


def test_sums_are_exact_in_any_order() -> None:
    events = [done("a", weight=2**53 + number) for number in range(99)]
    shuffled = random.Random(0).sample(events, len(events))
    exact = sum(row["weight"] for row in events)
    first, second = (interactions(*order, max_pair_weight=1e12) for order in (events, shuffled))
    assert first == second
    assert weights(first) == {"a": exact}


def test_anonymous_sessions_and_events_without_an_item_make_no_interaction() -> None:
    anonymous = {"user_id": None, "actor": "s"}
    assert interactions(done("a", **anonymous), done(**SEARCHED, **anonymous), query_items=points_at(("a", 1))) == []
    assert interactions(done(**SEARCHED)) == []


def test_what_has_faded_to_nothing_is_no_interaction() -> None:
    assert interactions(done("a", weight=0)) == []


def test_a_search_is_spread_over_what_is_taken_after_it_by_its_shares() -> None:
    rows = interactions(done(**SEARCHED), query_items=points_at(("a", 3), ("b", 1)))
    assert weights(rows) == {"a": 750_000, "b": 250_000}
    assert {(row["kind"], row["query"]) for row in rows} == {("search", "red")}


def test_shares_are_rounded_down_to_whole_millionths_so_that_a_search_never_counts_more_than_itself() -> None:
    rows = interactions(done(**SEARCHED), query_items=points_at(("a", 1), ("b", 1), ("c", 1)))
    assert weights(rows) == {"a": 333_333, "b": 333_333, "c": 333_333}


def test_a_search_points_at_the_twenty_items_most_taken_each_with_its_share_of_all_that_was_taken() -> None:
    pointed = points_at(*[(f"i{number:02}", 100 - (number + 1) // 2) for number in range(30)])
    rows = interactions(done(**SEARCHED), query_items=pointed[::-1])
    assert sorted(weights(rows)) == [f"i{number:02}" for number in range(20)]
    total = sum(100 - (number + 1) // 2 for number in range(30))
    assert weights(rows)["i00"] == 1_000_000 * 100 // total


def test_several_queries_that_point_at_one_item_add_up_and_the_stronger_one_is_named() -> None:
    rows = interactions(
        done(**SEARCHED),
        done(**{**SEARCHED, "query": "blue", "weight": 400_000}),
        query_items=points_at(("a", 1)) + points_at(("a", 5), query="blue"),
    )
    assert [(row["weight"], row["query"]) for row in rows] == [(1_400_000, "red")]


def test_what_was_done_and_what_is_implied_add_up_and_the_deed_gives_the_kind() -> None:
    [row] = interactions(
        done("a", last_at=clock("10:00")),
        done(**SEARCHED, last_at=clock("11:30")),
        query_items=points_at(("a", 1)),
    )
    assert (row["weight"], row["kind"], row["query"], row["last_at"]) == (3_000_000, "click", "red", clock("11:30"))


def test_the_search_behind_a_deed_is_named_before_a_later_one_that_only_points_at_the_item() -> None:
    [row] = interactions(
        done("a", query="blue", last_at=clock("10:00")),
        done(**SEARCHED, last_at=clock("11:30")),
        query_items=points_at(("a", 1)),
    )
    assert (row["query"], row["last_at"]) == ("blue", clock("11:30"))


@pytest.mark.parametrize(("met", "is_given"), [(0, True), (4, True), (5, False), (6, False)])
def test_only_users_who_met_few_items_are_given_what_their_searches_point_at(met: int, is_given: bool) -> None:
    events = [done(f"i{number}") for number in range(met)]
    rows = interactions(*events, done(**SEARCHED), query_items=points_at(("a", 1)), few_items=5)
    assert ("a" in weights(rows)) == is_given


def test_few_items_are_different_items_and_not_events() -> None:
    rows = interactions(*[done("b")] * 9, done(**SEARCHED), query_items=points_at(("a", 1)), few_items=5)
    assert "a" in weights(rows)


def test_nothing_is_implied_for_a_held_out_pair_and_other_users_are_not_touched() -> None:
    rows = interactions(
        done(**SEARCHED),
        done(**SEARCHED, user_id="v"),
        query_items=points_at(("a", 1), ("b", 1)),
        held_out=[{"user_id": "u", "item_id": "a"}],
    )
    assert [(row["user_id"], row["item_id"]) for row in rows] == [("u", "b"), ("v", "a"), ("v", "b")]


def test_a_search_that_points_at_nothing_and_one_without_a_query_are_no_interaction() -> None:
    events = [done(**SEARCHED), done(**{**SEARCHED, "query": None})]
    assert interactions(*events, query_items=points_at(("a", 1), query="blue")) == []
