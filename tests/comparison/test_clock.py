from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.comparison.clock import begin, name_duration, parse_duration, split_hours, split_log
from pipeline.errors import BadInput
from pipeline.hours import HOUR

START = datetime(2026, 1, 5, tzinfo=UTC)


@given(st.integers(min_value=0, max_value=999_999))
def test_a_duration_is_read_as_it_is_named(seconds: int) -> None:
    assert parse_duration(name_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1.5h", "1 h", "1d", "1H", "٣h"])
def test_what_is_no_duration_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(BadInput, match="write it like 90s, 15m or 4h"):
        parse_duration(text)


def test_intervals_cover_every_hour_once_and_are_due_at_their_end() -> None:
    intervals = list(split_hours(START, START + 8 * HOUR, 4 * HOUR))
    assert [hour for interval in intervals for hour in interval.hours] == [START + step * HOUR for step in range(8)]
    assert [(one.start, one.end) for one in intervals] == [
        (START, START + 4 * HOUR),
        (START + 4 * HOUR, START + 8 * HOUR),
    ]


def test_intervals_of_less_than_an_hour_are_hours_of_a_line_that_sees_the_log_in_slow_motion() -> None:
    intervals = list(split_log(START, START + 2 * HOUR, HOUR / 4))
    assert [one.hours for one in intervals] == [(START + step * HOUR,) for step in range(8)]
    assert [one.end for one in intervals] == [START + step * HOUR / 4 for step in range(1, 9)]
    assert [intervals[5].start, intervals[5].name] == [START + 5 * HOUR / 4, "2026-01-05T01:15"]
    assert list(split_log(START, START + 8 * HOUR, 4 * HOUR)) == list(split_hours(START, START + 8 * HOUR, 4 * HOUR))
    assert next(split_log(START, START + HOUR, HOUR)).name == "2026-01-05T00"


@pytest.mark.parametrize("minutes", [0, 4, 7, 45, 90])
def test_a_cadence_that_neither_is_of_whole_hours_nor_divides_one_is_refused(minutes: int) -> None:
    with pytest.raises(BadInput, match="takes in whole hours"):
        list(split_log(START, START + 8 * HOUR, timedelta(minutes=minutes)))


def test_whoever_knows_no_slow_motion_is_given_whole_hours_or_nothing() -> None:
    with pytest.raises(BadInput, match="takes in whole hours"):
        list(split_hours(START, START + 8 * HOUR, HOUR / 4))


def test_a_cadence_that_would_leave_hours_of_the_log_out_is_refused() -> None:
    with pytest.raises(BadInput, match=r"8 hours .* which 3 does not divide"):
        list(split_hours(START, START + 8 * HOUR, 3 * HOUR))


def test_a_run_begins_late_by_the_delay_and_never_before_the_run_before_it_is_over() -> None:
    assert begin(START, timedelta(), START - HOUR) == START
    assert begin(START, timedelta(minutes=15), START - HOUR) == START + timedelta(minutes=15)
    assert begin(START, timedelta(minutes=15), START + HOUR) == START + HOUR
