"""What the shop's log receives in an hour: the funnel, the dirt, and nothing that depends on other hours."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from pipeline.shop import delivery
from pipeline.shop.behaviour import EVENT_TYPES, phrases
from pipeline.shop.delivery import COLUMNS, deliver_hour, misspell, rush
from pipeline.shop.dirt import BAD_TIMES, DIRT, WRONG_TYPES
from pipeline.shop.stock import take_stock
from pipeline.shop.world import World, hour_number, make_world

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
WORLD = make_world(0, 500, 400)
Event = dict[str, Any]


def deliver(hours: Iterable[int] = (0,), events: float = 1500, dirt: float = 0.03, world: World = WORLD) -> list[Event]:
    return [
        dict(zip(COLUMNS, row, strict=True))
        for step in hours
        for rows in deliver_hour(world, NOON + timedelta(hours=step), events, dirt)
        for row in rows
    ]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text if text.endswith("Z") else f"{text}Z")


def test_an_hour_always_gets_the_same_rows_and_another_seed_others() -> None:
    assert deliver() == deliver(world=make_world.__wrapped__(0, 500, 400))
    assert deliver() != deliver(world=make_world(1, 500, 400))


def test_an_hour_of_many_chunks_has_distinct_row_ids_and_repeats_only_whole_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "CHUNK_SESSIONS", 50)
    events = deliver([0, 1], dirt=0.2)
    assert len({event["row_id"] for event in events}) == len(events)
    bodies: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for event in events:
        bodies[event["event_id"]].add(tuple(event[name] for name in COLUMNS[1:-1]))
    assert all(len(body) == 1 for body in bodies.values())
    assert len(bodies) < len(events)


def test_events_per_hour_is_met_over_a_week_and_nights_are_quieter() -> None:
    assert np.mean([rush(hour) for hour in range(168)]) == pytest.approx(1)
    night, evening = (rush(hour_number(NOON.replace(hour=hour))) for hour in (3, 20))
    assert 5 * night < evening
    assert len(deliver(range(168), events=300, dirt=0)) == pytest.approx(300 * 168, rel=0.03)


def test_the_funnel_narrows_and_every_step_follows_the_one_before_in_its_session() -> None:
    events = deliver(range(12), dirt=0)
    counts = Counter(event["event_type"] for event in events)
    assert counts["click"] > 3 * counts["add_to_cart"] > 3 * counts["purchase"] > 100
    assert counts["search"] > 1000
    seen: set[tuple[str, str, str]] = set()
    for event in sorted(events, key=lambda event: (event["session_id"], event["occurred_at"])):
        step = EVENT_TYPES.index(event["event_type"])
        if step >= 2:
            assert (event["session_id"], event["item_id"], EVENT_TYPES[step - 1]) in seen
        seen.add((event["session_id"], event["item_id"], event["event_type"]))


def test_each_event_type_fills_its_own_columns() -> None:
    for event in deliver(range(3), dirt=0):
        is_search, is_bag = event["event_type"] == "search", event["event_type"] in ("add_to_cart", "purchase")
        assert bool(event["query"]) == is_search
        assert (event["item_id"] is None) == is_search
        assert (event["quantity"] in (1, 2, 3)) == is_bag
        assert event["position"] is None or (event["event_type"] == "click" and 1 <= event["position"] <= 48)


def test_some_sessions_are_anonymous_some_clicks_come_without_a_search_and_some_searches_without_a_click() -> None:
    sessions: dict[str, list[Event]] = defaultdict(list)
    for event in deliver(range(6), dirt=0):
        sessions[event["session_id"]].append(event)
    kinds = [{event["event_type"] for event in events} for events in sessions.values()]
    anonymous = [events[0]["user_id"] is None for events in sessions.values()]
    assert all(len({event["user_id"] for event in events}) == 1 for events in sessions.values())
    assert 0.10 < np.mean(anonymous) < 0.20
    assert sum("search" not in kind for kind in kinds) > 50
    assert sum(kind == {"search"} for kind in kinds) > 50


def test_nothing_is_bought_that_is_out_of_stock_and_nothing_is_shown_before_its_launch() -> None:
    numbers = {item: number for number, item in enumerate(WORLD.item_ids)}
    unavailable = clicked_anyway = 0
    for step in range(24):
        stock = take_stock(WORLD, hour_number(NOON) + step)
        unavailable += int((stock.is_listed & ~stock.is_available).sum())
        for event in deliver([step], events=600, dirt=0):
            if event["item_id"] is not None:
                number = numbers[event["item_id"]]
                assert stock.is_listed[number]
                assert stock.is_available[number] or event["event_type"] == "click"
                clicked_anyway += not stock.is_available[number]
    assert unavailable > 0
    assert clicked_anyway > 0


def test_a_clean_log_has_no_dirt_at_all() -> None:
    events = deliver(range(3), dirt=0)
    assert len({event["event_id"] for event in events}) == len(events)
    for event in events:
        assert event["event_type"] in EVENT_TYPES
        assert re.fullmatch(r"2026-03-04T\d\d:\d\d:\d\dZ", event["occurred_at"])
        assert event["query"] if event["event_type"] == "search" else event["item_id"] in WORLD.item_ids
        delay = (moment(event["ingested_at"]) - moment(event["occurred_at"])).total_seconds()
        assert 0 <= delay < 5


def test_the_shares_of_dirt_are_what_is_asked_for() -> None:
    dirt, events = 0.10, deliver(range(12), events=6000, dirt=0.10)
    seen: Counter[str] = Counter()
    ids: dict[str, datetime] = {}
    for event in events:
        at, came = event["occurred_at"], moment(event["ingested_at"])
        if event["event_id"] in ids:
            seen["echo" if came.hour != ids[event["event_id"]].hour else "duplicate"] += 1
            continue
        ids[event["event_id"]] = came
        seen["bad_time"] += at in BAD_TIMES
        seen["unknown_type"] += event["event_type"] in WRONG_TYPES
        seen["unknown_item"] += str(event["item_id"]).startswith("x")
        seen["no_subject"] += event["query"] == "" or (event["query"] is None and event["item_id"] is None)
        if at not in BAD_TIMES:
            seen["future"] += moment(at) == came + timedelta(hours=2)
            seen["late"] += timedelta(hours=1) <= came - moment(at) <= timedelta(hours=5)
    assert sum(seen.values()) / len(events) == pytest.approx(dirt, rel=0.1)
    # A search cannot have an unknown item; it gets a bad time in its stead.
    expected = DIRT | {"bad_time": 0.14 + 0.25 * 0.08, "unknown_item": 0.75 * 0.08}
    for kind, share in expected.items():
        assert seen[kind] / len(events) == pytest.approx(dirt * share, rel=0.35), kind


def test_every_row_is_ingested_in_its_hour_in_order_of_its_row_id() -> None:
    for step in range(3):
        events, hour = deliver([step], dirt=0.2), NOON + timedelta(hours=step)
        assert all(hour <= moment(event["ingested_at"]) < hour + timedelta(hours=1) for event in events)
        assert [event["row_id"] for event in events] == sorted(event["row_id"] for event in events)


def test_about_eight_per_cent_of_the_queries_are_misspelled() -> None:
    known = set(phrases(WORLD).texts)
    queries = [event["query"].lower() for event in deliver(range(12), dirt=0) if event["query"]]
    assert 0.06 < np.mean([query not in known for query in queries]) < 0.10


@pytest.mark.parametrize(
    ("place", "turn", "expected"),
    [(0.0, 0.0, "etnt"), (0.0, 0.5, "tnt"), (0.0, 0.9, "teent"), (0.99, 0.0, "tnet"), (0.99, 0.5, "tet")],
)
def test_a_misspelling_swaps_drops_or_doubles_one_letter(place: float, turn: float, expected: str) -> None:
    assert misspell("tent", place, turn) == expected


def test_an_hour_without_events_and_a_world_of_one_item_are_no_trouble() -> None:
    assert deliver(events=0) == []
    tiny = make_world(0, 1, 1)
    assert {event["item_id"] for event in deliver(dirt=0, world=tiny)} <= {"i000000", None}
