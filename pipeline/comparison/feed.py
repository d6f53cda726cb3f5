"""What a log has delivered so far, laid out as the files that the pipeline reads as its source `parquet_folder`.

An hour's files are written when the hour is over: what the simulated clock has not reached is not there to be read.
Hours are those of the line, which may see the log in slow motion: files tell the line's moments, rows of the log their own.
"""

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.comparison.log import Log
from pipeline.comparison.pace import PLAIN, Pace
from pipeline.hours import HOUR

SOURCE = "parquet_folder"
# Columns of the source that a log does not keep.
EMPTY = {"quantity": pa.int64(), "position": pa.int64()}


class Feed:
    """The source folder of a log; `deliver` adds an hour."""

    def __init__(self, log: Log, folder: Path, pace: Pace = PLAIN) -> None:
        self.folder = folder
        self.pace = pace
        self.events = log.read("events")  # in the order of delivery
        self.first = log.started
        self.catalog = log.read("catalog").sort_by([("valid_from", "ascending"), ("item_id", "ascending")])
        place = self.catalog.schema.get_field_index("updated_at")
        self.catalog = self.catalog.set_column(place, "updated_at", pace.slow_texts(self.catalog["updated_at"], folder))
        self._delivered = pace.slow_moments(self.events["delivered_at"].to_numpy())

    def deliver(self, hour: datetime) -> int:
        """The files of an hour stand in the folder: its events, and the whole catalog as of its end. Returns the events."""
        rows = self.events_of(hour)
        self._write_events(hour, rows)
        self._write("items", hour, catalog_at(self.catalog, self.pace.to_log(hour + HOUR)))
        return len(rows)

    def _write_events(self, hour: datetime, rows: pa.Table) -> None:
        columns = {name: rows[name] for name in rows.column_names if name != "delivered_at"}
        columns |= {name: pa.nulls(len(rows), kind) for name, kind in EMPTY.items()}
        columns["occurred_at"] = self.pace.slow_texts(rows["occurred_at"], self.folder)
        delivered = pa.array(self.pace.slow_moments(rows["delivered_at"].to_numpy()), pa.timestamp("us"))
        columns["ingested_at"] = pc.strftime(delivered, "%Y-%m-%d %H:%M:%S")
        self._write("events", hour, pa.table(columns))

    def events_of(self, hour: datetime) -> pa.Table:
        """The rows of the log that are delivered within an hour."""
        first, last = np.searchsorted(self._delivered, [moment(hour), moment(hour + HOUR)])
        return self.events.slice(first, last - first)

    def _write(self, kind: str, hour: datetime, table: pa.Table) -> None:
        path = self.path_of(kind, hour)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd")

    def path_of(self, kind: str, hour: datetime) -> Path:
        """Where the file of an hour stands; `kind` is `events` or `items`."""
        return self.folder / name_of(kind, hour)

    def located(self, hour: datetime) -> pa.Table:
        """The rows that an hour delivers, with the `locator` that the pipeline gives each."""
        rows = self.events_of(hour)
        name = name_of("events", hour)
        return rows.append_column(
            "locator", pa.array([f"{name}:{row}" for row in range(1, len(rows) + 1)], pa.string())
        )


def name_of(kind: str, hour: datetime) -> str:
    """The name of an hour's file below the folder."""
    return f"{kind}/{hour:%Y-%m-%d}/{hour:%H}/{kind}.parquet"


def catalog_at(catalog: pa.Table, at: datetime) -> pa.Table:
    """What the catalog says at a moment, one row per item without `valid_from`; `catalog` is in order of valid_from."""
    known = catalog.filter(pc.less_equal(catalog["valid_from"], pa.scalar(at, catalog.schema.field("valid_from").type)))
    _, last = np.unique(known["item_id"].to_numpy(zero_copy_only=False)[::-1], return_index=True)
    return known.take(len(known) - 1 - last).drop_columns("valid_from")


def moment(at: datetime) -> np.datetime64:
    """A moment in UTC as numpy has it."""
    return np.datetime64(at.replace(tzinfo=None), "us")
