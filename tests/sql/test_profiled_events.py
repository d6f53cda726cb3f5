from datetime import timedelta
from typing import Any

from sql_tables import Row, clock, items, rows_of


def event(event_id: str, kind: str, at: str, until: int = 12, **columns: Any) -> Row:
    """An event that was delivered in the hour before `until` o'clock."""
    occurred_at = clock(at)
    lag = int((clock(f"{until:02}:00:00") - occurred_at) / timedelta(seconds=1))
    return {"event_id": event_id, "event_type": kind, "occurred_at": occurred_at, "lag_seconds": lag, **columns}


def profiled(*hour: Row, usual: tuple[Row, ...] = (), **values: Any) -> list[Row]:
    catalog = [*items("a", category="games"), *items("b")]
    return rows_of("profiled_events", values, hour_events=hour, reference_events=usual, items=catalog)


def joined(*hour: Row, **others: Any) -> set[str]:
    return {row["event_id"] for row in profiled(*hour, **others) if row["is_joined"]}


def test_a_search_is_joined_by_what_was_taken_after_it_in_its_session() -> None:
    search = event("s", "search", "11:10:00", session_id="1", query="q")
    for kind in ("click", "add_to_cart", "purchase"):
        assert joined(search, event("e", kind, "11:50:00", session_id="1", item_id="a")) == {"s", "e"}
    for other in (
        event("e", "click", "11:09:59", session_id="1", item_id="a"),
        event("e", "click", "11:20:00", session_id="2", item_id="a"),
    ):
        assert joined(search, other) == {"e"}


def test_without_a_session_of_its_own_a_click_joins_the_latest_search_of_its_user_within_the_link_time() -> None:
    search = event("s", "search", "11:10:00", user_id="u", query="q")
    assert joined(search, event("e", "click", "11:40:00", user_id="u", item_id="a")) == {"s", "e"}
    assert joined(search, event("e", "click", "11:40:01", user_id="u", item_id="a")) == {"e"}
    assert joined(search, event("e", "click", "11:40:00", user_id="v", item_id="a")) == {"e"}


def test_only_the_latest_search_before_a_click_is_joined() -> None:
    searches = [event(f"s{minute}", "search", f"11:{minute}:00", session_id="1", query="q") for minute in (10, 20)]
    assert joined(*searches, event("e", "click", "11:30:00", session_id="1", item_id="a")) == {"s20", "e"}


def test_of_two_searches_at_one_moment_the_greater_id_is_joined_in_any_order() -> None:
    searches = [event(name, "search", "11:10:00", session_id="1", query="q") for name in ("s1", "s2")]
    click = event("e", "click", "11:30:00", session_id="1", item_id="a")
    assert joined(*searches, click) == joined(*searches[::-1], click) == {"s2", "e"}


def test_a_click_on_an_unknown_item_joins_its_search_and_is_itself_not_joined() -> None:
    search = event("s", "search", "11:10:00", session_id="1", query="q")
    assert joined(search, event("e", "click", "11:30:00", session_id="1", item_id="ghost")) == {"s"}


def test_a_click_says_whether_a_search_led_to_it() -> None:
    rows = profiled(
        event("s", "search", "11:10:00", session_id="1", user_id="u", query="q"),
        event("of session", "click", "11:50:00", session_id="1", item_id="a"),
        event("of user", "click", "11:20:00", session_id="2", user_id="u", item_id="a"),
        event("of nobody", "click", "11:20:00", session_id="3", item_id="a"),
    )
    assert {row["event_id"] for row in rows if row["has_search"]} == {"of session", "of user"}


def test_hours_are_joined_each_by_itself() -> None:
    search = event("s", "search", "11:50:00", until=12, session_id="1", query="q")
    click = event("e", "click", "11:55:00", until=13, session_id="1", item_id="a")
    assert joined(click, usual=(search,)) == {"e"}
    assert [row["has_search"] for row in profiled(click, usual=(search,))] == [False, False]
    click = event("e", "click", "11:55:00", until=12, session_id="1", item_id="a")
    assert joined(usual=(search, click)) == {"s", "e"}


def test_the_same_id_in_two_hours_is_two_events() -> None:
    again = [event("s", "search", "11:50:00", until=until, session_id="1", query="q") for until in (12, 13)]
    click = event("e", "click", "11:55:00", until=13, session_id="1", item_id="a")
    rows = profiled(again[1], click, usual=(again[0],))
    assert [(row["event_id"], row["is_reference"], row["is_joined"]) for row in rows] == [
        ("e", False, True),
        ("s", False, True),
        ("s", True, False),
    ]


def test_queries_that_compare_as_one_share_a_bucket_and_no_text_is_left() -> None:
    rows = profiled(
        *(event(f"s{n}", "search", "11:10:00", query=text) for n, text in enumerate(("Halo 3", " halo  3 ", "other")))
    )
    assert rows[0]["query_bucket"] == rows[1]["query_bucket"] != rows[2]["query_bucket"]
    assert all(0 <= row["query_bucket"] < 32 for row in rows)
    assert not {"query", "user_id", "session_id"} & set(rows[0])


def test_what_is_filled_is_told_of_each_event() -> None:
    full = event("e", "click", "11:10:00", user_id="u", session_id="1", item_id="a", quantity=1, position=2)
    names = ("has_user", "has_session", "has_quantity", "has_position")
    assert [profiled(full)[0][name] for name in names] == [True] * 4
    assert [profiled(event("e", "search", "11:10:00", query="q"))[0][name] for name in names] == [False] * 4
    assert profiled(full)[0]["category"] == "games"
