"""sql/day_actions.sql: a day is the sum of its hours, at its end."""

from datetime import timedelta
from typing import Any

from sql_tables import END, Row, clock, rows_of


def done(hours_before: int, weight: int, **columns: Any) -> Row:
    common = {"user_id": "u", "actor": "u", "event_type": "click", "item_id": "a", "events": 1}
    counted = {"last_at": clock("05:00"), "counted_at": END - timedelta(hours=hours_before)}
    return {**common, **counted, "weight": weight, **columns}


def test_what_an_actor_did_in_several_hours_adds_up_and_fades_to_the_end_of_the_day() -> None:
    hours = [done(0, 8), done(1, 8, last_at=clock("07:00")), done(2, 8, events=5)]
    [row] = rows_of("day_actions", {"half_life_hours": 1.0}, hour_actions=hours)
    assert (row["weight"], row["events"], row["last_at"], row["counted_at"]) == (8 + 4 + 2, 7, clock("07:00"), END)


def test_actors_users_types_queries_and_items_are_kept_apart() -> None:
    others = {"actor": "v", "user_id": None, "event_type": "purchase", "query": "red", "item_id": "b"}
    hours = [done(0, 8), *[done(0, 8, **{name: value}) for name, value in others.items()]]
    assert len(rows_of("day_actions", hour_actions=hours)) == 6


def test_sums_are_exact_in_any_order() -> None:
    hours = [done(number % 24, 2**52 + number) for number in range(99)]
    assert rows_of("day_actions", hour_actions=hours) == rows_of("day_actions", hour_actions=hours[::-1])
