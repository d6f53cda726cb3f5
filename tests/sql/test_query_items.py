from typing import Any

from sql_tables import Row, rows_of


def linked(actor: str, query: str | None, item_id: str | None = None, weight: int = 2_000_000) -> Row:
    kind = "click" if item_id else "search"
    return {
        "actor": actor,
        "user_id": actor if actor != "s" else None,
        "query": query,
        "item_id": item_id,
        "weight": weight,
        "event_type": kind,
    }


def query_items(*events: Row, **values: Any) -> list[Row]:
    return rows_of("query_items", values, actions=events)


def test_what_people_took_after_a_query_adds_up() -> None:
    rows = query_items(
        linked("u", "red"),
        linked("u", "red", "a"),
        linked("u", "red", "a", 4_000_000),
        linked("v", "red"),
        linked("v", "red", "a"),
        linked("v", "red", "b"),
    )
    assert rows == [
        {"query": "red", "item_id": "a", "weight": 8_000_000, "takers": 2},
        {"query": "red", "item_id": "b", "weight": 2_000_000, "takers": 1},
    ]


def test_one_actors_weight_on_one_item_is_capped() -> None:
    rows = query_items(*[linked("bot", "red", "a")] * 1000, linked("v", "red", "a"), max_pair_weight=10.0)
    assert [row["weight"] for row in rows] == [12_000_000]


def test_events_without_a_query_or_an_item_or_any_weight_point_at_nothing() -> None:
    assert query_items(linked("u", None, "a"), linked("u", "red"), linked("u", "red", "a", 0)) == []


def test_nothing_is_learnt_from_searches_in_the_tiers_that_leave_them_out() -> None:
    assert query_items(linked("u", "red", "a"), tier="behaviour") == []
