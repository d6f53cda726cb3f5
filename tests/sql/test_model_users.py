from typing import Any

from sql_tables import rows_of


def pairs(kind: str = "click", **items: str) -> list[dict[str, Any]]:
    """Interactions of each user with each of the items named."""
    return [{"user_id": user, "item_id": name, "kind": kind} for user, names in items.items() for name in names]


def news(interactions: list[dict[str, Any]], before: list[dict[str, Any]], **tables: Any) -> dict[str, bool]:
    known = {"known_users": [{"user_id": user} for user in sorted({row["user_id"] for row in before})]}
    nothing: dict[str, Any] = {"recent_events": [], "held_out": []}
    tables = nothing | known | {"interactions": interactions, "interactions_before": before} | tables
    found = rows_of("model_users", {"holdout_share": 1.0}, **tables)
    assert all(row["is_examined"] for row in found)
    assert len(found) == len({row["user_id"] for row in interactions})
    return {row["user_id"]: row["has_news"] for row in found}


def test_news_have_those_with_events_since_those_unknown_and_those_with_a_hidden_item() -> None:
    found = news(
        pairs(busy="ab", held="ab", new="ab", quiet="ab"),
        pairs(busy="ab", held="ab", quiet="ab", gone="ab"),
        recent_events=[{"user_id": "busy"}, {"user_id": None}, {"user_id": "in no interaction"}],
        held_out=[{"user_id": "held", "item_id": "c"}],
    )
    assert found == {"busy": True, "held": True, "new": True, "quiet": False}


def test_news_have_those_whose_history_holds_other_items_than_before() -> None:
    found = news(
        pairs(fewer="a", more="abc", other="ac", same="ba"), pairs(fewer="ab", more="ab", other="ab", same="ab")
    )
    assert found == {"fewer": True, "more": True, "other": True, "same": False}


def test_other_hints_are_no_news_but_the_first_and_the_loss_of_all_are() -> None:
    hints = pairs("search", first="b", other="b")
    before = [*pairs("search", none="b", other="c"), *pairs(first="a", none="a", other="a")]
    assert news([*pairs(first="a", none="a", other="a"), *hints], before) == {
        "first": True,
        "none": True,
        "other": False,
    }
