"""The simulated clock: when runs are due, and how durations are written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.errors import BadInput
from pipeline.hours import HOUR, format_hour, hours_between

UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": HOUR}


@dataclass(frozen=True)
class Interval:
    """The hours that one run is about; it is due at their end."""

    hours: tuple[datetime, ...]

    @property
    def start(self) -> datetime:
        """The first moment of it."""
        return self.hours[0]

    @property
    def end(self) -> datetime:
        """The first moment after it: everything is computed as of then."""
        return self.hours[-1] + HOUR


def parse_duration(text: str) -> timedelta:
    """The duration that `90s`, `15m` or `4h` names; raises `BadInput` for any other spelling."""
    found = re.fullmatch(r"([0-9]{1,6})([smh])", text)
    if not found:
        raise BadInput(f"{text!r} is not a duration; write it like 90s, 15m or 4h.")
    return int(found[1]) * UNITS[found[2]]


def name_duration(duration: timedelta) -> str:
    """A duration as `parse_duration` reads it, in the largest unit that divides it: `4h`, `15m`."""
    unit = next(name for name in "hms" if not duration % UNITS[name])
    return f"{duration // UNITS[unit]}{unit}"


def split_hours(started: datetime, ended: datetime, cadence: timedelta) -> Iterator[Interval]:
    """The intervals from started to ended; raises `BadInput` for a cadence that the hourly pipeline cannot run at, or that
    does not divide the log.
    """
    if cadence < HOUR or cadence % HOUR:
        raise BadInput(
            f"a cadence of {cadence} is none of the batch arm's: its pipeline takes in whole hours, so runs come every "
            "hour or every so many hours, such as 1h or 4h."
        )
    hours, size = hours_between(started, ended - HOUR), cadence // HOUR
    if len(hours) % size:
        raise BadInput(
            f"the log has {len(hours)} hours from {format_hour(started)}, which {size} does not divide: the rows of the "
            "last ones would never be due; record a log of another length or choose another cadence."
        )
    for first in range(0, len(hours), size):
        yield Interval(tuple(hours[first : first + size]))


def begin(due: datetime, delay: timedelta, free: datetime) -> datetime:
    """When a run begins that is due: after the delay that was asked for, and not before the run before it is over."""
    return max(due + delay, free)
