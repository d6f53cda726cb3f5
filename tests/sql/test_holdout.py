from typing import Any

from sql_tables import Row, clock, event_types, items, rows_of


def hold_out(*events: Row, share: float = 1.0) -> list[Row]:
    """The held-out rows for a share of users; the catalog holds items a to e."""
    return rows_of(
        "holdout",
        {"holdout_share": share},
        window_actions=events,
        event_types=event_types(),
        items=items(*"abcde"),
    )


def met(item_id: str | None, at: str, kind: str = "click", user_id: str | None = "u", **columns: Any) -> Row:
    return {"user_id": user_id, "item_id": item_id, "event_type": kind, "last_at": clock(at), **columns}


THREE = [met("a", "09:00"), met("b", "10:00"), met("c", "11:00")]


def test_the_item_that_was_taken_last_is_held_out() -> None:
    assert [(row["user_id"], row["item_id"]) for row in hold_out(*THREE)] == [("u", "c")]
    assert [row["item_id"] for row in hold_out(*THREE, met("a", "11:30"))] == ["a"]


def test_of_two_items_taken_at_one_moment_the_greater_id_is_held_out_in_any_order() -> None:
    events = [*THREE, met("d", "11:00")]
    assert hold_out(*events) == hold_out(*events[::-1])
    assert [row["item_id"] for row in hold_out(*events)] == ["d"]


def test_users_with_fewer_than_three_known_items_are_left_alone() -> None:
    assert hold_out(*THREE[:2]) == []
    assert hold_out(*THREE[:2], met("b", "11:00"), met("unknown", "11:00")) == []


def test_an_unknown_item_is_never_held_out() -> None:
    assert [row["item_id"] for row in hold_out(*THREE, met("unknown", "11:59"))] == ["c"]


def test_kind_is_the_strongest_thing_done_with_the_item_at_its_full_weight() -> None:
    [row] = hold_out(*THREE, met("c", "11:10", "purchase"), met("c", "11:20", "add_to_cart"))
    assert (row["kind"], row["weight"]) == ("purchase", 8_000_000)


def test_searches_without_an_item_and_anonymous_sessions_hold_nothing_out() -> None:
    anonymous = [met(item_id, "11:00", user_id=None, actor="s") for item_id in "abc"]
    searches = [met(None, "11:30", "search")]
    assert [row["user_id"] for row in hold_out(*anonymous, *THREE, *searches)] == ["u"]


def test_a_fixed_share_of_users_is_held_out_and_always_the_same_ones() -> None:
    users = [f"user{number}" for number in range(2000)]
    events = [{**row, "user_id": user} for user in users for row in THREE]
    tenth = {row["user_id"] for row in hold_out(*events, share=0.1)}
    fifth = {row["user_id"] for row in hold_out(*events[::-1], share=0.2)}
    assert 150 < len(tenth) < 250
    assert tenth < fifth
    assert hold_out(*events, share=0.0) == []
