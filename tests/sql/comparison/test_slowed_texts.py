import pytest
from sql_tables import clock, rows_of


def slowed(text: str | None) -> object:
    values = {"log_start": clock("11:00"), "times": 4}
    return rows_of("comparison/slowed_texts", values, typed_moments=[{"row": 0, "text": text}])[0]["text"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-01-01T11:00:00Z", "2026-01-01T11:00:00.000000Z"),
        (" 2026-01-01 11:15:00 ", "2026-01-01T12:00:00.000000Z"),
        ("2026-01-01T12:15:00.000001+01:00", "2026-01-01T12:00:00.000004Z"),
        ("2026-01-01T10:30:00Z", "2026-01-01T09:00:00.000000Z"),
    ],
)
def test_a_moment_is_as_many_times_as_far_from_the_start(text: str, told: str) -> None:
    assert slowed(text) == told


@pytest.mark.parametrize(
    "text", [None, "", "yesterday", "2026-02-30T10:00:00Z", "1767265200", "2026-01-01", " T12:30Z"]
)
def test_what_is_no_moment_stays_as_it_was_typed(text: str | None) -> None:
    assert slowed(text) == text


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_what_would_leave_the_calendar_stays_as_far_away_as_it_was(text: str) -> None:
    assert slowed(text) == text
