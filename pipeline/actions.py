"""What was done in past hours, summed once and kept, so that an hour reads sums instead of its whole window's events.

    <lake>/actions/2026-01-01/13.<key>.parquet    one hour of delivery (sql/hour_actions.sql)
    <lake>/actions/2026-01-01/day.<key>.parquet   all of a day (sql/day_actions.sql)

The key is a hash of what a file is made from: the events of its hour and of those that links look back on, the settings, the
queries. So a file says the same whoever made it, hours may land in any order, and where anything changes another file is
looked for. None of them is evidence of anything: any may go at any time and is made again from the events.
"""

import shutil
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import duck
from pipeline.duck import fetch_table, load_files, read_sql, view_files, write_table
from pipeline.files import alone_in, hash_json, move_into_place
from pipeline.hours import HOUR, format_hour, hours_between
from pipeline.lake import Work
from pipeline.manifests import read_manifest
from pipeline.seeds import EVENT_TYPES

FOLDER = "actions"
DAY = 24 * HOUR
COLUMNS = {
    "user_id": "varchar",
    "actor": "varchar",
    "event_type": "varchar",
    "query": "varchar",
    "item_id": "varchar",
    "events": "bigint",
    "last_at": "timestamptz",
    "weight": "bigint",
    "counted_at": "timestamptz",
}
SEARCH = {
    "event_id": "varchar",
    "user_id": "varchar",
    "session_id": "varchar",
    "event_type": "varchar",
    "query": "varchar",
    "occurred_at": "timestamptz",
}


class Sums:
    """The sums of a window, made where they are missing; the connection knows `event_types`."""

    def __init__(self, work: Work, connection: duckdb.DuckDBPyConnection) -> None:
        self.work = work
        self.connection = connection
        self.folder = work.run.lake / FOLDER
        settings = work.run.settings
        self.start = work.run.end - settings.window_days * DAY
        self.back = settings.look_back_hours
        self.values = {
            "link_minutes": settings.link_minutes,
            "half_life_hours": settings.half_life_days * 24,
        }
        self.events: dict[datetime, Path] = {}
        self.hashes: dict[datetime, str] = {}
        for hour in hours_between(self.start - self.back * HOUR, work.run.hour):
            for path in work.read_hour("events", hour):
                self.events[hour] = path
                self.hashes[hour] = work.inputs[f"events@{format_hour(hour)}"]
        made_by = [read_sql(name) for name in ("hour_actions", "day_actions", "event_types", "macros")]
        self.made_by = hash_json([*made_by, EVENT_TYPES.read_text(encoding="utf-8"), self.values])

    def find(self) -> list[Path]:
        """The files of the window, oldest first: whole days, and the hours of those that are not wholly in it."""
        found = []
        hour = self.start
        while hour < self.work.run.end:
            day = hour.replace(hour=0)
            if hour == day and day + DAY <= self.work.run.end:
                found += self.of_day(day)
                hour = day + DAY
            else:
                found += self.of_hour(hour)
                hour += HOUR
        return found

    def of_hour(self, hour: datetime) -> list[Path]:
        """The file of an hour as a list of one; of none when nothing was delivered in it."""
        if hour not in self.events:
            return []
        path = self.folder / f"{hour:%Y-%m-%d}" / f"{hour:%H}.{self.key_of_hour(hour)}.parquet"
        if not is_whole(path):
            before = [one for one in self.reach_of(hour) if one in self.events]
            view_files(self.connection, "own_events", [self.events[hour]])
            searches = [self.events[one] for one in before]
            load_files(self.connection, "searches_before", searches, SEARCH, only="event_type = 'search'")
            unknown = [self.events[one] for one in before if not self.is_known(hour, one)]
            load_files(self.connection, "delivered_before", unknown, {"event_id": "varchar"})
            self.keep("hour_actions", path, hour_end=hour + HOUR)
        return [path]

    def of_day(self, day: datetime) -> list[Path]:
        """The file of a day as a list of one; of none when nothing was delivered in it."""
        hours = [hour for hour in hours_between(day, day + DAY - HOUR) if hour in self.events]
        if not hours:
            return []
        key = hash_json([self.key_of_hour(hour) for hour in hours])[:16]
        path = self.folder / f"{day:%Y-%m-%d}" / f"day.{key}.parquet"
        if not is_whole(path):
            view_files(self.connection, "hour_actions", [one for hour in hours for one in self.of_hour(hour)])
            self.keep("day_actions", path, day_end=day + DAY)
        return [path]

    def reach_of(self, hour: datetime) -> list[datetime]:
        """The hours before that an hour's links look back on."""
        return hours_between(hour - self.back * HOUR, hour - HOUR) if self.back else []

    def key_of_hour(self, hour: datetime) -> str:
        """What stands for all that the file of an hour is made from."""
        hours = [*self.reach_of(hour), hour]
        return hash_json([self.made_by, format_hour(hour), [self.hashes.get(one) for one in hours]])[:16]

    def is_known(self, hour: datetime, before: datetime) -> bool:
        """Whether an hour was ingested knowing these very events of an hour before, so that it repeats none of them."""
        manifest = read_manifest(self.work.run, "ingest_events", hour)
        known = manifest["inputs"].get(f"events@{format_hour(before)}") if manifest else None
        return known is not None and known == self.hashes[before]

    def keep(self, query: str, path: Path, **moments: datetime) -> None:
        """The result of a query is kept in this file, unless somebody was erased since the stage began."""
        draft = self.work.folder / path.name
        write_table(self.connection, query, draft, **self.values, **moments)
        with alone_in(self.folder, with_others=True):
            self.work.check_mark()
            move_into_place(draft, path)


def load_window(work: Work, engine: ModuleType, connection: Any, **values: Any) -> pa.Table:
    """The engine's connection knows `window_actions`, out of sums that are kept; returns `busy_actors`, not in them.

    Sums of hours before the window are gone. `rows_in` of the work are the sums that were read. Sums themselves are an
    hour's work and are made by DuckDB, whichever engine reads them: they are the same for both.
    """
    folder = work.run.lake / FOLDER
    with alone_in(folder, with_others=True):  # nothing goes while it is read
        with nullcontext(connection) if engine is duck else duck.connect(work.run.settings, work.folder) as maker:
            maker.register("event_types", fetch_table(maker, "event_types", **values))
            sums = Sums(work, maker)
            paths = sums.find()
        if paths:
            engine.view_files(connection, "landed_actions", paths)
        else:
            engine.load_files(connection, "landed_actions", [], COLUMNS)
        work.rows_in = sum(pq.read_metadata(path).num_rows for path in paths)
        busy: pa.Table = engine.fetch_table(connection, "busy_actors", **values)
        connection.register("busy_actors", busy)
        engine.make_table(connection, "window_actions", **values)
    drop_actions(work.run.lake, until=sums.start - HOUR)
    return busy


def drop_actions(lake: Path, until: datetime | None = None) -> None:
    """The sums of all hours up to this one are gone, or of all: they are made again from the events when asked for."""
    folder = lake / FOLDER
    last = f"{until:%Y-%m-%d}" if until else "9999"
    if not folder.is_dir() or not any(day.name <= last for day in folder.iterdir()):
        return
    with alone_in(folder):
        doomed = [day for day in folder.iterdir() if day.name < last]
        if until and (folder / last).is_dir():
            hours = (folder / last).iterdir()
            doomed += [path for path in hours if path.name[:2] <= f"{until:%H}" or path.name.startswith("day.")]
        for path in doomed:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def is_whole(path: Path) -> bool:
    """Whether a file of sums is there and can be opened."""
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return True
