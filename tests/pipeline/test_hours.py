"""Hours: one spelling, always UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BadInput
from pipeline.hours import HOUR, floor_hour, format_hour, hours_between, parse_hour

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


def test_an_hour_is_written_one_way() -> None:
    assert parse_hour("2026-01-01T13") == datetime(2026, 1, 1, 13, tzinfo=UTC)
    assert format_hour(datetime(2026, 1, 1, 13, 59, tzinfo=UTC)) == "2026-01-01T13"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-01",
        "2026-01-01T13:00",
        "2026-01-01T24",
        "2026-02-30T10",
        "2026-1-1T1",
        "2026-01-01T3",
        "2026-01-01 13",
        "2026-01-01T13Z",
        " 2026-01-01T13",
        "2026-01-01T13\n",
        "٢٠٢٦-01-01T13",
    ],
)
def test_any_other_spelling_is_refused_in_one_sentence_that_quotes_it_and_shows_the_right_one(text: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_hour(text)
    assert str(error.value) == f"{text!r} is not an hour; write it like 2026-01-01T13 (UTC)."


@given(MOMENTS)
def test_writing_and_reading_an_hour_gives_the_floor_of_the_moment(moment: datetime) -> None:
    assert parse_hour(format_hour(moment)) == floor_hour(moment) <= moment < floor_hour(moment) + HOUR


def test_moments_of_other_zones_belong_to_the_hour_of_utc() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert format_hour(datetime(2026, 1, 1, 4, 15, tzinfo=india)) == "2025-12-31T22"
    assert floor_hour(datetime(2026, 1, 1, 4, 15, tzinfo=india)) == datetime(2025, 12, 31, 22, tzinfo=UTC)


def test_a_range_holds_both_ends_oldest_first_and_crosses_days() -> None:
    hours = hours_between(parse_hour("2025-12-31T22"), parse_hour("2026-01-01T01"))
    assert [format_hour(hour) for hour in hours] == ["2025-12-31T22", "2025-12-31T23", "2026-01-01T00", "2026-01-01T01"]
    assert hours_between(hours[0], hours[0]) == [hours[0]]


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(BadInput, match=r"the range ends \(2026-01-01T00\) before it starts \(2026-01-01T01\)"):
        hours_between(parse_hour("2026-01-01T01"), parse_hour("2026-01-01T00"))
