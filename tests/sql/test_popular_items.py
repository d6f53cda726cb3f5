from typing import Any

import pytest
from sql_tables import Row, items, rows_of


def taken(actor: str, item_id: str | None, weight: int = 2_000_000) -> Row:
    return {"actor": actor, "item_id": item_id, "weight": weight, "event_type": "click"}


def popular(catalog: list[Row], *events: Row, segment: str = "all", **values: Any) -> list[tuple[int, str, float]]:
    rows = rows_of("popular_items", values, actions=events, items=catalog)
    return [(row["rank"], row["item_id"], row["score"]) for row in rows if row["segment"] == segment]


def test_items_stand_in_the_order_of_how_much_people_took_them() -> None:
    events = [taken("u", "b"), taken("v", "b"), taken("u", "a"), taken("u", None)]
    assert popular(items("a", "b"), *events) == [(1, "b", 4.0), (2, "a", 2.0)]


def test_one_actors_weight_on_one_item_is_capped_so_that_one_client_cannot_make_a_hit() -> None:
    events = [*[taken("bot", "a")] * 1000, *[taken(f"u{number}", "b") for number in range(6)]]
    assert popular(items("a", "b"), *events, max_pair_weight=10.0) == [(1, "b", 12.0), (2, "a", 10.0)]


def test_items_that_are_not_available_are_out() -> None:
    catalog = [*items("a"), *items("b", is_available=False), *items("c", is_available=None)]
    assert popular(catalog, taken("u", "b"), taken("u", "c")) == [(1, "a", 0.0)]


def test_items_nobody_took_come_last_in_the_order_of_their_ids_with_score_0() -> None:
    assert popular(items("d", "c", "b", "a"), taken("u", "c")) == [
        (1, "c", 2.0),
        (2, "a", 0.0),
        (3, "b", 0.0),
        (4, "d", 0.0),
    ]


def test_equally_popular_items_stand_in_the_order_of_their_ids() -> None:
    assert [item for _, item, _ in popular(items("b", "a"), taken("u", "a"), taken("v", "b"))] == ["a", "b"]


def test_every_category_has_its_own_ranks_and_items_without_one_are_in_the_whole_list_only() -> None:
    catalog = [*items("a", "b", category="toys"), *items("c", category="tools"), *items("d")]
    events = [taken("u", "b"), taken("u", "d"), taken("v", "d")]
    assert popular(catalog, *events, segment="category:toys") == [(1, "b", 2.0), (2, "a", 0.0)]
    assert popular(catalog, *events, segment="category:tools") == [(1, "c", 0.0)]
    assert [item for _, item, _ in popular(catalog, *events)] == ["d", "b", "a", "c"]
    segments = {row["segment"] for row in rows_of("popular_items", actions=events, items=catalog)}
    assert segments == {"all", "category:toys", "category:tools"}


def test_big_weights_add_up_exactly_in_any_order() -> None:
    events = [taken(f"u{number}", "a", 2**52 + number) for number in range(50)]
    first, second = (popular(items("a"), *rows, max_pair_weight=1e12) for rows in (events, events[::-1]))
    assert first == second
    assert first[0][2] == pytest.approx(sum(2**52 + number for number in range(50)) / 1_000_000, rel=1e-15)


def test_what_is_blocked_is_not_popular_and_what_is_pinned_has_its_rank_among_all() -> None:
    catalog = items(*"abcd", category="games")
    events = [{"actor": "u", "item_id": name, "weight": weight} for name, weight in (("a", 3), ("b", 2), ("c", 1))]
    rules = [
        {"line": 2, "rule": "block", "item_id": "a"},
        {"line": 3, "rule": "pin", "item_id": "d", "value": 1.0},
        {"line": 4, "rule": "pin", "item_id": "a", "value": 2.0},
        {"line": 5, "rule": "pin", "item_id": "b", "value": 9.0},
    ]
    rows = rows_of("popular_items", actions=events, items=catalog, ruled_items=rules)
    listed = {row["segment"]: "" for row in rows}
    for row in rows:
        listed[row["segment"]] += row["item_id"]
    assert listed == {"all": "dcb", "category:games": "bcd"}
    plain = rows_of("plain_popular_items", popular_items=rows)
    assert "".join(row["item_id"] for row in plain if row["segment"] == "all") == "bcd"
