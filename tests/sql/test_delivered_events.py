from typing import Any

import pytest
from sql_tables import START, Row, rows_of

from pipeline.hours import HOUR


def deliver(
    pulled: list[Row], before: str = "", after: str = "", again: str | None = None, landed: tuple[int, ...] = (9, 10)
) -> list[Row]:
    """What hour 11 delivers, looking back to 09:00, when other hours, or this one itself, delivered these locators."""
    known = {"before": before, "after": after, "again": again or ""}
    return rows_of(
        "delivered_events",
        {
            "look_back_start": START - 2 * HOUR,
            "landed_hours": [START - (11 - hour) * HOUR for hour in landed],
            "is_again": again is not None,
        },
        pulled=pulled,
        **{f"delivered_{name}": [{"locator": one} for one in locators.split()] for name, locators in known.items()},
    )


def delivered(*moments: str, **known: Any) -> list[Row]:
    return deliver([{"locator": str(place), "delivered_at": at} for place, at in enumerate(moments)], **known)


def locators(rows: list[Row]) -> str:
    return " ".join(row["locator"] for row in rows)


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
    assert bool(delivered(moment, landed=())) == is_inside


def test_a_row_without_a_readable_hour_is_in_none_so_that_the_count_can_betray_it() -> None:
    assert delivered("soon", "") == []


def test_rows_are_numbered_from_one_in_the_order_of_the_source() -> None:
    rows = delivered("2026-01-01 11:50:00", "2026-01-01 08:00:00", "2026-01-01 11:10:00", "2026-01-01 11:30:00")
    assert [(row["row"], row["locator"]) for row in rows] == [(1, "0"), (2, "2"), (3, "3")]


def test_everything_that_was_pulled_stays_with_its_row() -> None:
    pulled = {"locator": "a", "user_id": " x\x00 ", "quantity": "3.7", "delivered_at": "2026-01-01 11:00:00"}
    [row] = deliver([pulled])
    assert {column: text for column, text in row.items() if text is not None} == {"row": 1, **pulled}


DAY = [f"2026-01-01 {hour:02}:30:00" for hour in (8, 9, 10, 11, 12)]


def test_rows_of_landed_hours_before_that_nobody_delivered_are_delivered_now() -> None:
    assert locators(delivered(*DAY)) == "1 2 3"
    assert locators(delivered(*DAY, before="1")) == "2 3"
    assert locators(delivered(*DAY, before="1 2")) == "3"


def test_rows_of_hours_that_never_landed_are_left_to_their_own_run() -> None:
    assert locators(delivered(*DAY, landed=(10,))) == "2 3"
    assert locators(delivered(*DAY, landed=())) == "3"


def test_what_a_later_hour_delivered_stays_there() -> None:
    assert locators(delivered(*DAY, after="2 3")) == "1"


def test_a_row_of_the_hour_itself_is_not_lost_to_one_of_the_same_name_before() -> None:
    assert locators(delivered(*DAY, before="3")) == "1 2 3"


def test_an_hour_computed_again_delivers_what_it_did_and_no_news() -> None:
    assert locators(delivered(*DAY, again="1 3", before="3", after="3")) == "1 3"
    assert delivered(*DAY, again="") == []


def test_a_row_without_a_locator_is_delivered_so_that_the_audit_can_refuse_the_hour() -> None:
    rows = deliver([{"locator": None, "delivered_at": at} for at in DAY], before="a", after="b")
    assert [row["delivered_at"] for row in rows] == DAY[1:4]


def test_rows_are_numbered_in_the_order_of_the_source_however_many_threads_work() -> None:
    pulled = [{"locator": str(place), "delivered_at": "2026-01-01 11:30:00"} for place in range(300_000)]
    found = deliver(pulled, before="7 8", after="100000 200000", landed=())
    assert [row["row"] for row in found] == list(range(1, 299_999))
    assert [row["locator"] for row in found] == [
        str(place) for place in range(300_000) if place not in (100_000, 200_000)
    ]
