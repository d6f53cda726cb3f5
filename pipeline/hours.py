"""Hours, the unit of every run: written `2026-01-01T13`, always UTC, named by their start."""

from datetime import UTC, datetime, timedelta

from pipeline.errors import BadInput

FORMAT = "%Y-%m-%dT%H"
HOUR = timedelta(hours=1)


def parse_hour(text: str) -> datetime:
    """The hour that `2026-01-01T13` names; raises `BadInput` for any other spelling."""
    try:
        hour = datetime.strptime(text, FORMAT).replace(tzinfo=UTC)
    except ValueError:
        hour = None
    if hour is None or format_hour(hour) != text:
        raise BadInput(f"{text!r} is not an hour; write it like 2026-01-01T13 (UTC).")
    return hour


def format_hour(hour: datetime) -> str:
    """`2026-01-01T13` for any moment of that hour."""
    return hour.astimezone(UTC).strftime(FORMAT)


def floor_hour(moment: datetime) -> datetime:
    """The hour that a moment lies in, a plain `datetime` whatever it is given.

    Airflow's dates are of a kind of its own, whose differences cannot be divided by an hour.
    """
    moment = moment.astimezone(UTC)
    return datetime(moment.year, moment.month, moment.day, moment.hour, tzinfo=UTC)


def hours_between(first: datetime, last: datetime) -> list[datetime]:
    """Every hour from first to last, both included, oldest first; raises `BadInput` when last is before first."""
    if last < first:
        raise BadInput(f"the range ends ({format_hour(last)}) before it starts ({format_hour(first)}).")
    return [first + HOUR * step for step in range(int((last - first) / HOUR) + 1)]
