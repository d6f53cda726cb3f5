from sql_tables import rows_of


def test_actors_past_the_limit_in_all_their_rows_are_listed_and_those_at_it_are_not() -> None:
    landed = [{"actor": name, "events": events} for name, events in [("u", 1), ("u", 3), ("v", 3), ("s3", 5), ("w", 1)]]
    assert rows_of("busy_actors", {"max_actor_events": 3}, landed_actions=landed) == [
        {"actor": "s3", "events": 5},
        {"actor": "u", "events": 4},
    ]
