"""A log: what a source delivered from one hour to another, frozen in a folder, so that every arm is given the same.

    <log>/log.json          what it is, with the SHA-256 of each file and one over all of them
    <log>/events.parquet    the rows as the source delivered them, and when each can be read
    <log>/catalog.parquet   what was said of each item, and from when on
    <log>/reads.parquet     who asks for a list, and when

A log holds user ids as they came. Whoever is forgotten before it is recorded is not in it; nobody is taken out of one: it is
deleted as a whole.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.comparison.bundle import (
    LOG_TABLES,
    SCHEMA,
    altered_files,
    file_of,
    hash_log,
    read_document,
    span_breach,
    write_table,
)
from pipeline.duck import connect, fetch_table, view_files
from pipeline.errors import BadInput
from pipeline.files import hash_file, move_into_place
from pipeline.hours import HOUR, hours_between
from pipeline.privacy.tombstones import blank_erased
from pipeline.run import Run
from pipeline.settings import Settings, load_settings
from pipeline.shop.simulate import simulate
from pipeline.sources.read import pull

TABLES = ("events", "catalog", "reads")
Report = Callable[[datetime], None]


@dataclass(frozen=True)
class Log:
    """What `log.json` says, and the folder that it stands in; made by `read_log`."""

    folder: Path
    name: str
    seed: int | None
    started: datetime
    ended: datetime
    counts: Mapping[str, int]
    log_hash: str

    def read(self, table: str) -> pa.Table:
        """A table of the log, whole: `events`, `catalog` or `reads`."""
        return pq.read_table(self.folder / f"{table}.parquet")


def record_shop(
    folder: Path,
    first: datetime,
    last: datetime,
    *,
    seed: int,
    report: Report = lambda hour: None,
    **knobs: float,
) -> Log:
    """The log of a demonstration shop that trades from first to last, both included; the same seed gives the same bytes.

    `knobs` go to `simulate`: users, items, events_per_hour, dirt, drift. The name of the log, which its hash pins, says
    whether the shop drifts.
    """
    check_new(folder)
    with tempfile.TemporaryDirectory(prefix="record-") as scratch:
        settings = load_settings(home=Path(scratch), source="shop", source_url="", hash_key="")
        simulate(settings.shop_url, first, last, seed=seed, **knobs)  # type: ignore[arg-type]
        name = "shop that drifts" if knobs.get("drift") else "shop"
        return record_source(settings, first, last, folder, name=name, seed=seed, report=report)


def record_source(
    settings: Settings,
    first: datetime,
    last: datetime,
    folder: Path,
    name: str,
    seed: int | None = None,
    report: Report = lambda hour: None,
) -> Log:
    """The log of what the configured source has for the hours from first to last, both included.

    Raises `BadInput` when the folder holds something or the source delivered nothing, and what `pull` raises.
    """
    check_new(folder)
    hours = hours_between(first, last)
    events, snapshots = list[Path](), list[Path]()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".recording-", dir=folder) as drafts:
        scratch = Path(drafts)
        for hour in hours:
            run, place = Run(hour, settings), scratch / f"{len(events):06d}"
            events.append(place.with_suffix(".events.parquet"))
            pull(run, "events", events[-1], scratch=scratch)
            blank_erased(settings, events[-1])
            rows = place.with_suffix(".items.parquet")
            if pull(run, "items", rows, scratch=scratch):
                snapshots.append(snapshot_file(rows, run.end))
            report(hour)
        if not snapshots:
            raise BadInput(f"source {settings.source} has no catalog for any of the {len(hours)} hours of the log.")
        files = write_tables(settings, scratch, events, snapshots, first, last + HOUR)
        counts = {table: pq.read_metadata(path).num_rows for table, path in files.items()}
        if not counts["events"]:
            raise BadInput(f"source {settings.source} delivered nothing in the {len(hours)} hours of the log.")
        hashes = {path.name: hash_file(path) for path in files.values()}
        described: dict[str, Any] = {
            "schema": SCHEMA,
            "name": name,
            "seed": seed,
            "started": spell(first),
            "ended": spell(last + HOUR),
            "counts": counts,
            "files": hashes,
        }
        described["log_hash"] = hash_log(described)
        for path in files.values():
            move_into_place(path, folder / path.name)
        draft = scratch / "log.json"
        draft.write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        move_into_place(draft, folder / "log.json")  # last: without it the folder is no log
    return read_log(folder)


def check_new(folder: Path) -> None:
    """Raises `BadInput` when there is something in the folder: a log or a bundle is never written over."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} holds something already; name a folder that is empty or not there yet.")


def snapshot_file(rows: Path, shown_at: datetime) -> Path:
    """The snapshot with the moment that it shows."""
    table = pq.read_table(rows)
    moments = pa.array([shown_at] * len(table), pa.timestamp("us", "UTC"))
    pq.write_table(table.append_column("shown_at", moments), rows)
    return rows


def write_tables(
    settings: Settings,
    scratch: Path,
    events: list[Path],
    snapshots: list[Path],
    started: datetime,
    ended: datetime,
) -> dict[str, Path]:
    """Draft the three tables of a log."""
    files: dict[str, Path] = {}
    values: dict[str, Any] = {"hour_start": started, "hour_end": ended, "link_minutes": settings.link_minutes}
    with connect(settings, scratch) as connection:
        view_files(connection, "pulled", events)
        view_files(connection, "shown_items", snapshots)
        for table in TABLES:
            rows = fetch_table(connection, f"comparison/log_{table}", **values)
            files[table] = write_table(scratch, f"log_{table}", rows)
            view_files(connection, f"log_{table}", [files[table]])  # the reads are made from the events
    return files


def read_log(folder: Path) -> Log:
    """The log in a folder, every file of it checked; raises `BadInput` when it is none, or not as it was recorded."""
    if not (folder / "log.json").is_file():
        raise BadInput(f"{folder} holds no log.json; record a log with `treasure-hunt record {folder}`.")
    described = read_document(folder, "log")
    for name, found in altered_files(folder, described["files"], map(file_of, LOG_TABLES)):
        what = "is not what was recorded" if found else "is missing"
        raise BadInput(f"{folder / name} {what}: its SHA-256 is not that of log.json; take the log from where it came.")
    if hash_log(described) != described["log_hash"]:
        raise BadInput(
            f"{folder / 'log.json'} is not what was recorded: its log_hash is not that of its files, name, seed, started "
            "and ended; take the log from where it came."
        )
    if breach := span_breach(folder, described):
        raise BadInput(f"{folder / 'log.json'} describes no log: {breach}; take the log from where it came.")
    return Log(
        folder=folder,
        name=described["name"],
        seed=described["seed"],
        started=read_utc(described["started"]),
        ended=read_utc(described["ended"]),
        counts=described["counts"],
        log_hash=described["log_hash"],
    )


def spell(moment: datetime) -> str:
    """A moment in UTC as ISO 8601 text, without a fraction where it has none."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_utc(text: str) -> datetime:
    """The moment that `spell` wrote."""
    return datetime.fromisoformat(text).astimezone(UTC)
