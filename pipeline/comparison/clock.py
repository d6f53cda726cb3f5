"""The simulated clock: when runs are due, and how durations are written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.comparison.pace import PLAIN, Pace
from pipeline.errors import BadInput
from pipeline.hours import HOUR, format_hour, hours_between

UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": HOUR}
FINEST = timedelta(minutes=5)


@dataclass(frozen=True)
class Interval:
    """The hours, on the clock of the line, that one run is about; it is due at their end."""

    hours: tuple[datetime, ...]
    pace: Pace = PLAIN

    @property
    def start(self) -> datetime:
        """The first moment of it, on the clock of the log."""
        return self.pace.to_log(self.hours[0])

    @property
    def end(self) -> datetime:
        """The first moment after it: everything is computed as of then."""
        return self.pace.to_log(self.hours[-1] + HOUR)

    @property
    def name(self) -> str:
        """What a person calls it: its last hour, or where it is shorter the minute that it begins with."""
        return format_hour(self.hours[-1]) if self.pace.times == 1 else f"{self.start:%Y-%m-%dT%H:%M}"


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


def split_log(started: datetime, ended: datetime, cadence: timedelta) -> Iterator[Interval]:
    """The intervals from started to ended: of whole hours, or of a part of one, each an hour of the line in slow motion.

    Raises `BadInput` for any other cadence, and for one that does not divide the log.
    """
    if cadence >= HOUR:
        yield from split_hours(started, ended, cadence)
        return
    if cadence < FINEST or HOUR % cadence:
        raise BadInput(
            f"a cadence of {cadence} is none of the batch arm's: its pipeline takes in whole hours, so runs come every so "
            "many hours, such as 1h or 4h, or in slow motion every 5 to 30 minutes that divide an hour, such as 15m."
        )
    pace = Pace(started, HOUR // cadence)
    for hour in hours_between(started, pace.to_line(ended) - HOUR):
        yield Interval((hour,), pace)


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
