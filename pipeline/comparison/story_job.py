"""One run of the story's job: it reads, learns, drops the table and loads it, or dies where it could not go on."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa

from pipeline.comparison.clock import Interval
from pipeline.comparison.faults import Fault, FaultyFeed
from pipeline.comparison.story import CHUNKS, make_lists, reload_table
from pipeline.hours import hours_between
from pipeline.settings import Settings
from pipeline.stopwatch import read_clocks, time_since

# What pandas, Arrow and SQLite raise of a file, a column or a value that they cannot read.
UNREADABLE = (pa.ArrowException, OSError, KeyError, ValueError)


@dataclass
class Told:
    """A run: when its table was dropped, when whose lists were there again, and what it took."""

    interval: Interval
    started: datetime
    ended: datetime
    status: str = "failed"
    trouble: str = ""
    lists: pa.Table | None = None
    dropped: datetime | None = None
    loaded: dict[str, datetime] = field(default_factory=dict)  # by user
    died_of: Fault | None = None
    events_in: int = 0
    took: dict[str, dict[str, float]] = field(default_factory=dict)
    attempt: int = 1

    @property
    def version(self) -> str | None:
        """Names the lists that it loaded, all or some; None when it dropped nothing."""
        return f"{self.interval.end:%Y-%m-%dT%H}" if self.dropped else None


def run_job(
    told: Told,
    feed: FaultyFeed,
    settings: Settings,
    connection: sqlite3.Connection,
    delay: timedelta,
    load: timedelta,
    faults: Sequence[Fault],
) -> None:
    """The job has read, learnt and loaded, or died where it could not go on; `faults` are those that it has not died of."""
    hours = hours_between(feed.first, told.interval.hours[-1])
    files = [feed.path_of("events", hour) for hour in hours]
    begun = read_clocks()
    try:
        lists, told.events_in = make_lists(settings, files, feed.path_of("items", hours[-1]))
    except UNREADABLE as error:
        told.trouble = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        told.died_of = next((one for one in faults if one.kind == "cut" and one.is_on(told.started)), None)
    told.took["read and learn"] = time_since(begun)
    told.ended = told.started + timedelta(seconds=told.took["read and learn"]["seconds"])
    if told.trouble:
        return
    told.lists = pa.Table.from_pandas(lists[["user_id", "rank", "item_id", "score"]], preserve_index=False)
    told.ended += delay - load
    told.died_of, dies = find_death(faults, told.ended, load)
    if dies and dies <= told.ended:
        told.trouble = f"it could not begin to load: {told.died_of.fault if told.died_of else ''}"
        return
    told.dropped, begun = told.ended, read_clocks()
    for part, users in enumerate(reload_table(connection, lists), start=1):
        there = told.dropped + load * part / CHUNKS + timedelta(seconds=read_clocks()[0] - begun[0])
        if dies and there >= dies:
            told.ended = dies
            told.trouble = f"it died while it loaded: {told.died_of.fault if told.died_of else ''}"
            break
        told.loaded |= dict.fromkeys(users, there)
        told.ended = there
    else:
        told.status = "published"
    told.took["load"] = time_since(begun)


def find_death(faults: Sequence[Fault], dropped: datetime, load: timedelta) -> tuple[Fault | None, datetime | None]:
    """What a job that begins to load then dies of, and when: a database that is away, or a kill half way."""
    for fault in faults:
        if fault.kind == "killed" and fault.began < dropped + load:
            return fault, max(fault.began, dropped + load / 2)
        if fault.kind == "database_away" and fault.began < dropped + load and fault.over and fault.over > dropped:
            return fault, max(fault.began, dropped)
    return None, None
