from sql_tables import rows_of


def test_actors_past_the_limit_are_listed_and_those_at_it_are_not() -> None:
    actors = [("u", "s1")] * 4 + [("v", "s2")] * 3 + [(None, "s3")] * 5 + [("w", "s3")]
    events = [
        {"event_id": str(place), "user_id": user, "session_id": session} for place, (user, session) in enumerate(actors)
    ]
    assert rows_of("busy_actors", {"max_actor_events": 3}, landed_events=events) == [
        {"actor": "s3", "events": 5},
        {"actor": "u", "events": 4},
    ]
