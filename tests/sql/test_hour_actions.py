from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from sql_tables import END, Row, clock, event_types, rows_of


def event(event_id: str, kind: str, at: str, **columns: Any) -> Row:
    return {"event_id": event_id, "event_type": kind, "occurred_at": clock(at), **columns}


def sums(*events: Row, before: Iterable[Row] = (), known: Iterable[str] = (), **values: Any) -> list[Row]:
    """What the hour's events come to; `before` are searches of the hours before, `known` ids that those may hold."""
    return rows_of(
        "hour_actions",
        values,
        own_events=events,
        searches_before=before,
        delivered_before=[{"event_id": event_id} for event_id in known],
        event_types=event_types(),
    )


def link(*events: Row, **values: Any) -> dict[str, Row]:
    """The sums by item; the events are on different ones, and what was searched for stands under its query."""
    rows = {row["item_id"] or f"search {row['query']}": row for row in sums(*events, **values)}
    assert len(rows) == len(events)
    return rows


def query_of_click(*searches: Row, **click: Any) -> str | None:
    """The query that a click on item a at 11:00 is linked to."""
    clicked = event("z", "click", click.pop("at", "11:00:00"), item_id="a", **click)
    here, there = (
        next(row["query"] for row in rows if row["item_id"] == "a")
        for rows in (sums(*searches, clicked), sums(clicked, before=searches))
    )
    assert here == there, "a search that was delivered in an hour before links as well"
    return here


def test_a_click_belongs_to_the_search_of_its_session_any_time_before() -> None:
    search = event("s", "search", "00:10:00", session_id="s1", query="red shoes")
    assert query_of_click(search, session_id="s1") == "red shoes"


def test_a_search_at_the_very_moment_of_the_click_counts_and_a_later_one_does_not() -> None:
    search = event("s", "search", "11:00:00", session_id="s1", query="red shoes")
    assert query_of_click(search, session_id="s1") == "red shoes"
    assert query_of_click(search, session_id="s1", at="10:59:59") is None


def test_the_latest_of_the_earlier_searches_wins() -> None:
    searches = [
        event("s1", "search", "10:50:00", session_id="s", query="first"),
        event("s2", "search", "10:55:00", session_id="s", query="latest"),
        event("s3", "search", "11:05:00", session_id="s", query="after"),
    ]
    assert query_of_click(*searches, session_id="s") == query_of_click(*searches[::-1], session_id="s") == "latest"


def test_of_two_searches_at_one_moment_the_greater_event_id_wins_in_any_order() -> None:
    searches = [
        event("s1", "search", "10:50:00", session_id="s", user_id="u", query="zebra"),
        event("s2", "search", "10:50:00", session_id="s", user_id="u", query="apple"),
    ]
    for columns in ({"session_id": "s"}, {"user_id": "u"}):
        assert query_of_click(*searches, **columns) == query_of_click(*searches[::-1], **columns) == "apple"


@pytest.mark.parametrize(("at", "query"), [("10:30:00", "red shoes"), ("10:29:59", None), ("11:00:00", "red shoes")])
def test_without_a_session_it_belongs_to_the_users_search_of_the_last_30_minutes(at: str, query: str | None) -> None:
    search = event("s", "search", at, user_id="u", query="red shoes")
    assert query_of_click(search, user_id="u") == query


def test_another_session_of_the_same_user_links_within_the_link_time_too() -> None:
    search = event("s", "search", "10:45:00", user_id="u", session_id="s1", query="red shoes")
    assert query_of_click(search, user_id="u", session_id="s2") == "red shoes"


def test_the_link_time_is_the_setting() -> None:
    events = (
        event("s", "search", "10:58:00", user_id="u", query="red shoes"),
        event("z", "click", "11:00:00", user_id="u", item_id="a"),
    )
    assert link(*events, link_minutes=2)["a"]["query"] == "red shoes"
    assert link(*events, link_minutes=1)["a"]["query"] is None


def test_the_search_of_the_same_session_goes_before_a_later_one_of_the_same_user() -> None:
    searches = [
        event("s1", "search", "09:00:00", user_id="u", session_id="s", query="of the session"),
        event("s2", "search", "10:59:00", user_id="u", session_id="other", query="of the user"),
    ]
    assert query_of_click(*searches, user_id="u", session_id="s") == "of the session"


def test_anonymous_sessions_link_within_themselves_only() -> None:
    searches = [
        event("s1", "search", "10:50:00", session_id="s1", query="mine"),
        event("s2", "search", "10:55:00", session_id="s2", query="of somebody else"),
    ]
    assert query_of_click(*searches, session_id="s1") == "mine"
    assert query_of_click(*searches, session_id="s3") is None


def test_nobody_gets_another_users_search() -> None:
    search = event("s", "search", "10:50:00", user_id="v", query="red shoes")
    assert query_of_click(search, user_id="u") is None


@pytest.mark.parametrize("columns", [{"session_id": "s"}, {"user_id": "u"}])
def test_a_search_just_before_the_hour_links_to_a_click_just_after_it(columns: dict[str, str]) -> None:
    search = event("s", "search", "10:59:59", query="red shoes", **columns)
    assert query_of_click(search, **columns) == "red shoes"


@pytest.mark.parametrize("kind", ["click", "add_to_cart", "purchase"])
def test_whatever_is_done_with_an_item_is_linked(kind: str) -> None:
    rows = link(
        event("s", "search", "10:50:00", session_id="s", query="red shoes"),
        event("z", kind, "10:51:00", session_id="s", item_id="a"),
    )
    assert rows["a"]["query"] == "red shoes"


def test_a_query_that_came_with_the_click_goes_before_any_link() -> None:
    search = event("s", "search", "10:59:00", session_id="s", query="other")
    assert query_of_click(search, session_id="s", query=" Red  SHOES ") == "red shoes"


def test_queries_are_normalised() -> None:
    search = event("s", "search", "10:59:00", session_id="s", query="  RED\t Cafe\u0301 ")
    assert query_of_click(search, session_id="s") == "red caf\u00e9"


def test_the_actor_is_the_user_and_without_one_the_session() -> None:
    rows = link(
        event("1", "click", "11:00:00", user_id="u", session_id="s", item_id="a"),
        event("2", "click", "11:00:00", session_id="s", item_id="b"),
    )
    assert [(row["user_id"], row["actor"]) for row in rows.values()] == [(None, "s"), ("u", "u")]


def test_what_an_actor_did_with_an_item_is_one_row_for_each_type_and_query() -> None:
    rows = sums(
        *[event(f"{place}", "click", f"11:0{place}:00", user_id="u", item_id="a") for place in range(3)],
        event("3", "click", "11:03:00", user_id="u", session_id="s", item_id="a"),
        event("4", "click", "11:04:00", user_id="u", item_id="a", query="red"),
        event("5", "purchase", "11:05:00", user_id="u", item_id="a"),
        event("6", "click", "11:06:00", user_id="v", item_id="a"),
        half_life_hours=1e12,
    )
    assert [(row["actor"], row["event_type"], row["query"], row["events"], row["weight"]) for row in rows] == [
        ("u", "click", "red", 1, 2 * 10**9),
        ("u", "click", None, 4, 8 * 10**9),
        ("u", "purchase", None, 1, 8 * 10**9),
        ("v", "click", None, 1, 2 * 10**9),
    ]
    assert rows[1]["last_at"] == clock("11:03:00")
    assert {row["counted_at"] for row in rows} == {END}


def test_a_user_who_comes_back_in_another_session_is_one_actor() -> None:
    rows = sums(
        *[event(name, "search", "11:00:00", user_id="u", session_id=name, query="red") for name in ("s1", "s2")]
    )
    assert [(row["actor"], row["events"]) for row in rows] == [("u", 2)]


def test_an_event_that_an_hour_before_holds_counts_there() -> None:
    events = [event(name, "click", "11:00:00", user_id="u", item_id=name) for name in "ab"]
    assert [row["item_id"] for row in sums(*events, known=["a", "c"])] == ["b"]


def test_searches_of_the_hours_before_are_counted_there_only() -> None:
    search = event("s", "search", "10:50:00", user_id="u", query="red")
    [row] = sums(event("z", "click", "11:00:00", user_id="u", item_id="a"), before=[search])
    assert (row["event_type"], row["query"], row["events"]) == ("click", "red", 1)


def weight_of(kind: str, age: timedelta, **values: Any) -> int:
    done = {"event_id": "1", "event_type": kind, "occurred_at": END - age, "user_id": "u", "item_id": "a"}
    weight = link(done, **values)["a"]["weight"]
    assert isinstance(weight, int)
    return weight


@pytest.mark.parametrize(("kind", "worth"), [("search", 1), ("click", 2), ("add_to_cart", 4), ("purchase", 8)])
def test_an_event_is_worth_what_its_type_is_in_billionths_of_a_search(kind: str, worth: int) -> None:
    assert weight_of(kind, timedelta(0)) == worth * 10**9


def test_a_weight_halves_with_every_half_life_and_is_a_whole_number_in_between() -> None:
    assert [weight_of("purchase", timedelta(hours=336 * lives)) for lives in (1, 2, 3)] == [4 * 10**9, 2 * 10**9, 10**9]
    assert weight_of("search", timedelta(hours=168)) == 707_106_781


def test_the_half_life_is_the_setting() -> None:
    assert weight_of("search", timedelta(hours=3), half_life_hours=1.5) == 250_000_000


def test_age_is_counted_in_whole_hours_as_of_the_hours_end() -> None:
    last_minute, on_the_hour, before_it = (
        weight_of("search", timedelta(seconds=seconds), half_life_hours=1.0) for seconds in (60, 3600, 3601)
    )
    assert (last_minute, on_the_hour, before_it) == (500_000_000, 500_000_000, 250_000_000)


def test_an_event_of_a_clock_that_runs_ahead_is_worth_no_more_than_one_of_now() -> None:
    assert weight_of("search", timedelta(seconds=-300)) == 10**9


def test_an_event_that_is_very_old_weighs_nothing_and_breaks_nothing() -> None:
    assert weight_of("purchase", timedelta(days=3650), half_life_hours=1.0) == 0
