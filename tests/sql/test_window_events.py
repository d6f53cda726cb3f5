"""sql/window_events.sql: every event of the window counts once, however its hours landed."""

from sql_tables import START, rows_of


def event(event_id: str, lag_seconds: int, item_id: str = "i1") -> dict[str, object]:
    return {
        "event_id": event_id,
        "user_id": "u1",
        "session_id": None,
        "event_type": "click",
        "query": None,
        "item_id": item_id,
        "occurred_at": START,
        "lag_seconds": lag_seconds,
    }


def test_an_event_that_landed_in_two_hours_counts_once_as_first_delivered() -> None:
    landed = [event("e1", 7200, "second"), event("e1", 3600, "first"), event("e2", 60)]
    rows = rows_of("window_events", busy_actors=[], landed_events=landed)
    assert sorted((row["event_id"], row["item_id"]) for row in rows) == [("e1", "first"), ("e2", "i1")]


def test_what_a_busy_actor_did_is_left_out_by_user_or_by_session_where_no_user_is_named() -> None:
    actors = [("u1", "s"), ("u2", "s1"), (None, "s"), (None, "s2")]
    landed = [
        event(f"e{place}", 60) | dict(zip(("user_id", "session_id"), pair, strict=True))
        for place, pair in enumerate(actors)
    ]
    rows = rows_of("window_events", landed_events=landed, busy_actors=[{"actor": "u1"}, {"actor": "s"}])
    assert sorted(row["event_id"] for row in rows) == ["e1", "e3"]
