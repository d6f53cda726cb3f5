"""Every item over time: price and availability as of any hour, out of the catalog snapshots that hours captured."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa

from pipeline.catalog import Snapshot, find_landed, is_undamaged
from pipeline.duck import connect, fetch_table, view_files
from pipeline.errors import NotLanded
from pipeline.hours import format_hour
from pipeline.manifests import how_to_mend, landed_hours, read_manifest
from pipeline.run import Run
from pipeline.settings import Settings


def find_captured(settings: Settings, first: datetime, last: datetime) -> list[Snapshot]:
    """The snapshots that the hours from first to last captured, oldest first; raises `NotLanded` when one is damaged."""
    found = []
    for hour in landed_hours(settings.lake, "ingest_catalog", first, last):
        run = Run(hour, settings)
        read_manifest(run, "ingest_catalog")  # a damaged one is named, not passed over
        snapshot = find_landed(run, hour)
        if snapshot and not is_undamaged(snapshot):
            raise NotLanded(f"{snapshot.path} is missing or damaged; {how_to_mend('ingest_catalog', run.name)}.")
        found += [snapshot] if snapshot else []
    return found


def read_item_history(settings: Settings, first: datetime, last: datetime, item_id: str | None = None) -> pa.Table:
    """The intervals of one item, or of all: `sql/item_history.sql` over the snapshots captured from first to last.

    What was true at the first of them may have been true before; what was true at the last has no end. Raises `NotLanded`
    when there is none, or one is damaged.
    """
    snapshots = find_captured(settings, first, last)
    if not snapshots:
        raise NotLanded(
            f"no hour from {format_hour(first)} to {format_hour(last)} captured a catalog of source {settings.source}."
        )
    files: dict[str, Path] = {}  # of hours with the same bytes one is read
    for snapshot in snapshots:
        files.setdefault(snapshot.sha256, snapshot.path)
    hours = pa.table(
        {
            "hour": pa.array([snapshot.hour for snapshot in snapshots], pa.timestamp("us", "UTC")),
            "filename": pa.array([str(files[snapshot.sha256]) for snapshot in snapshots], pa.string()),
        }
    )
    with connect(settings, settings.home) as connection:
        connection.register("captured_hours", hours)
        view_files(connection, "snapshots", files.values(), with_filename=True)
        return fetch_table(connection, "item_history", item_id=item_id)
