import pytest
from sql_tables import Row, rows_of


def delivered(*moments: str) -> list[Row]:
    pulled = [{"locator": str(place), "delivered_at": moment} for place, moment in enumerate(moments)]
    return rows_of("delivered_events", pulled=pulled)


@pytest.mark.parametrize(
    ("moment", "is_inside"),
    [
        ("2026-01-01 10:59:59.999999", False),
        ("2026-01-01 11:00:00", True),
        ("2026-01-01 11:59:59.999999", True),
        ("2026-01-01 12:00:00", False),
        ("2026-01-01T13:30:00+02:00", True),
    ],
)
def test_an_hour_has_its_first_moment_and_not_its_last(moment: str, is_inside: bool) -> None:
    assert bool(delivered(moment)) == is_inside


def test_a_row_without_a_readable_hour_is_in_none_so_that_the_count_can_betray_it() -> None:
    assert delivered("soon", "") == []


def test_rows_are_numbered_from_one_in_the_order_of_the_source() -> None:
    rows = delivered("2026-01-01 11:50:00", "2026-01-01 09:00:00", "2026-01-01 11:10:00", "2026-01-01 11:30:00")
    assert [(row["row"], row["locator"]) for row in rows] == [(1, "0"), (2, "2"), (3, "3")]


def test_everything_that_was_pulled_stays_with_its_row() -> None:
    pulled = {"locator": "a", "user_id": " x\x00 ", "quantity": "3.7", "delivered_at": "2026-01-01 11:00:00"}
    [row] = rows_of("delivered_events", pulled=[pulled])
    assert {column: text for column, text in row.items() if text is not None} == {"row": 1, **pulled}
