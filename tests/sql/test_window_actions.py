"""sql/window_actions.sql: what was done in the window, at its worth by the hour's end, but for busy actors."""

from datetime import timedelta

import pytest
from sql_tables import END, rows_of


def test_a_weight_fades_from_when_it_was_counted_and_is_in_whole_millionths() -> None:
    landed = [
        {"actor": str(hours), "weight": 3_000_000_000, "counted_at": END - timedelta(hours=hours)}
        for hours in (0, 2, 4)
    ]
    rows = rows_of("window_actions", {"half_life_hours": 2.0}, landed_actions=landed, busy_actors=[])
    assert {row["actor"]: row["weight"] for row in rows} == {"0": 3_000_000, "2": 1_500_000, "4": 750_000}


@pytest.mark.parametrize(("weight", "millionths"), [(499, 0), (501, 1), (1_499, 1), (2**53, round(2**53 / 1000))])
def test_a_weight_is_rounded_once(weight: int, millionths: int) -> None:
    landed = [{"actor": "u", "weight": weight, "counted_at": END}]
    assert [row["weight"] for row in rows_of("window_actions", landed_actions=landed, busy_actors=[])] == [millionths]


def test_what_a_busy_actor_did_is_left_out() -> None:
    landed = [{"actor": name, "weight": 1000, "counted_at": END} for name in ("u", "v", "s")]
    rows = rows_of("window_actions", landed_actions=landed, busy_actors=[{"actor": "u"}, {"actor": "s"}])
    assert [row["actor"] for row in rows] == ["v"]
