"""Inboxes: refused rows, mended, that somebody asked to deliver again, waiting for the hour that takes them in.

    <lake>/replays/2026-01-01T13/manifest.json     which files the inbox holds, and how many rows of which hour and rule
    <lake>/replays/2026-01-01T13/<hash>.parquet    the rows as a source hands them over: immutable

An inbox may be added to until its hour has landed and never changes afterwards, so the hour computed again takes in the
same rows. Each row's locator says where it was refused, which makes it known as replayed for ever.
"""

import json
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.duck import load_files, view_files, write_table
from pipeline.errors import NotLanded
from pipeline.files import alone_in, hash_file, move_into_place, write_json
from pipeline.hours import HOUR, format_hour
from pipeline.lake import Work
from pipeline.manifests import mark_changed
from pipeline.sources.columns import COLUMNS

SCHEMA = pa.schema([(column, pa.string()) for column in COLUMNS["events"]])


def locate_replay(hour: str, locator: str) -> str:
    """Where a replayed row comes from: the hour that refused it and where it stood there."""
    return f"replay of {hour} {locator}"


def inbox_folder(lake: Path, hour: datetime) -> Path:
    """Folder of the inbox of an hour, whether there is one or not."""
    return lake / "replays" / format_hour(hour)


def read_inbox(lake: Path, hour: datetime) -> list[dict[str, Any]]:
    """What an hour's inbox holds, one entry for each replay: `file`, `sha256`, `rows`, and `of`: rows by hour and rule."""
    path = inbox_folder(lake, hour) / "manifest.json"
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["batches"])
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError):
        raise NotLanded(
            f"the inbox {path} is damaged; restore it from a copy, or remove it and replay again."
        ) from None


def list_inboxes(lake: Path, first: datetime, last: datetime) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Every batch in the inboxes of the hours from first to last, with its hour, oldest hour first."""
    hour = first
    while hour <= last:
        for batch in read_inbox(lake, hour):
            yield hour, batch
        hour += HOUR


def inboxes_stay(lake: Path) -> AbstractContextManager[None]:
    """Nothing is added to an inbox while the block runs: an hour lands with all that its inbox holds."""
    return alone_in(lake / "replays", with_others=True)


def add_to_inbox(lake: Path, hour: datetime, rows: pa.Table, of: Mapping[str, Mapping[str, int]]) -> Path:
    """The rows (SCHEMA) stand in the inbox of the hour as one more file, which is returned; `of` counts them by the hour and
    rule that refused them. The caller is alone in `<lake>/replays` and has seen that the hour has not landed.
    """
    staging = lake / ".staging" / f"replay-{uuid.uuid4().hex[:12]}"
    staging.mkdir(parents=True)
    try:
        draft = staging / "rows.parquet"
        pq.write_table(rows.cast(SCHEMA), draft, compression="zstd")
        sha256 = hash_file(draft)
        folder = inbox_folder(lake, hour)
        entry = {"file": f"{sha256[:12]}.parquet", "sha256": sha256, "rows": rows.num_rows, "of": of}
        batches = [*read_inbox(lake, hour), entry]
        mark_changed(lake, folder)
        move_into_place(draft, folder / entry["file"])
        write_json(folder / "manifest.json", {"hour": format_hour(hour), "batches": batches}, staging)
        return folder / entry["file"]
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def deliver_replays(connection: duckdb.DuckDBPyConnection, work: Work) -> int:
    """The draft `delivered` of events holds the rows of the hour's inbox too, table `replayed_events` only those; returns
    how many they are. Each file is an input of the hour; raises `NotLanded` when one is missing or damaged.
    """
    lake = work.run.history or work.run.lake
    paths, hours = [], Counter[str]()
    for batch in read_inbox(lake, work.run.hour):
        path = inbox_folder(lake, work.run.hour) / batch["file"]
        if not path.exists() or hash_file(path) != batch["sha256"]:
            raise NotLanded(f"{path} is missing or damaged; restore it from a copy, then run the hour again.")
        work.inputs[f"replays/{batch['file']}"] = batch["sha256"]
        paths.append(path)
        hours.update({hour: sum(by_rule.values()) for hour, by_rule in batch["of"].items()})
    for hour, rows in sorted(hours.items()):
        work.note(f"rows replayed from the quarantine of {hour}: {rows}")
    rows = load_files(connection, "replayed_events", paths, dict.fromkeys(COLUMNS["events"], "varchar"))
    if rows:
        view_files(connection, "delivered", [work.draft("delivered")])
        write_table(connection, "delivered_with_replays", work.draft("delivered_with_replays"))
        work.draft("delivered_with_replays").replace(work.draft("delivered"))
    return rows
