from typing import Any

from sql_tables import Row, clock, rows_of


def met(at: str, user: str | None = "u", session: str | None = "s", occurred_at: str | None = None) -> Row:
    delivered_at = clock(at)
    occurred = f"2026-01-01T{at}:00Z" if occurred_at is None else occurred_at
    return {"user_id": user, "session_id": session, "occurred_at": occurred, "delivered_at": delivered_at}


def reads(*rows: Row) -> list[tuple[Any, ...]]:
    return [(row["user_id"], row["t"]) for row in rows_of("comparison/log_reads", log_events=rows)]


def test_a_named_user_asks_a_second_before_the_first_event_of_each_session() -> None:
    rows = met("11:20"), met("11:10"), met("11:30", session="t"), met("11:05", user=None, session="x")
    assert reads(*rows) == [("u", clock("11:09:59")), ("u", clock("11:29:59"))]


def test_a_time_that_cannot_be_read_or_lies_ahead_is_that_of_the_delivery() -> None:
    assert reads(met("11:20", occurred_at="2026-01-01T13:00:00Z")) == [("u", clock("11:19:59"))]
    assert reads(met("11:20", occurred_at="yesterday")) == [("u", clock("11:19:59"))]


def test_reads_lie_within_the_log() -> None:
    assert reads(met("11:00"), met("11:01", session="t")) == [("u", clock("11:00:59"))]
    assert reads(met("11:30", occurred_at="2026-01-01T09:00:00Z")) == []


def test_without_sessions_one_begins_after_a_pause() -> None:
    found = reads(met("11:05", session=None), met("11:10", session=None), met("11:41", session=None))
    assert found == [("u", clock("11:04:59")), ("u", clock("11:40:59"))]
