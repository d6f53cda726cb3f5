"""Rewriting the inboxes of rows that wait to be delivered again, or were, and naming what was rewritten in all manifests."""

import shutil
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import NotLanded
from pipeline.files import alone_in, hash_file, move_into_place, write_json
from pipeline.hours import parse_hour
from pipeline.inbox import read_inbox
from pipeline.manifests import mark_changed
from pipeline.privacy.rewrite import (
    Cause,
    Change,
    Renamed,
    current_hashes,
    is_table,
    landed_hours_of,
    name_current_inputs,
    read_manifests,
)


def inboxes_of(lake: Path) -> list[Path]:
    """The folder of every inbox of rows that wait to be delivered again, or were."""
    folder = lake / "replays"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if (path / "manifest.json").exists()]


def rewrite_inboxes(lake: Path, change: Change, cause: Cause, only: str | None = None) -> int:
    """The files of every inbox (`only`: of that hour's) are what `change` makes of them, under new names; returns the rows
    concerned.
    """
    rows, staging = 0, lake / ".staging" / f"inboxes-{uuid.uuid4().hex[:12]}"
    # Of all it is asked once nobody else is there, who could be about to add the first one.
    if not (lake / "replays" if only is None else lake / "replays" / only / "manifest.json").exists():
        return 0
    with alone_in(lake / "replays"):  # hours that are being ingested, and replays, end first
        for folder in [folder for folder in inboxes_of(lake) if only in {None, folder.name}]:
            batches = read_inbox(lake, parse_hour(folder.name))
            for entry in batches:
                path = folder / entry["file"]
                try:
                    changed = change(path) if path.exists() else None
                except (pa.ArrowException, OSError):
                    raise NotLanded(
                        f"{path} is damaged, so that nothing can be taken out of it; restore it from a copy, or remove it."
                    ) from None
                if changed is None:
                    continue
                mark_changed(lake, folder)
                staging.mkdir(parents=True, exist_ok=True)
                draft = staging / "rows.parquet"
                pq.write_table(changed[0], draft, compression="zstd")
                was = {
                    "request": cause.request,
                    "moment": cause.moment,
                    "file": entry["file"],
                    "sha256": entry["sha256"],
                }
                sha = hash_file(draft)
                entry |= {"file": f"{sha[:12]}.parquet", "sha256": sha, "erasures": [*entry.get("erasures", []), was]}
                move_into_place(draft, folder / entry["file"])
                rows += changed[1]
            if staging.exists():
                write_json(folder / "manifest.json", {"hour": folder.name, "batches": batches}, staging)
            listed = {entry["file"] for entry in batches}
            for path in [path for path in folder.iterdir() if is_table(path) and path.name not in listed]:
                mark_changed(lake, folder)
                path.unlink()
    shutil.rmtree(staging, ignore_errors=True)
    return rows


def name_inputs_everywhere(lake: Path, cause: Cause) -> None:
    """Every manifest of the lake names the present hashes of what it was made from in other hours."""
    folders = list(landed_hours_of(lake))
    current: Renamed = {}
    for folder in folders:
        current |= current_hashes(read_manifests(folder), at=f"@{folder.parent.name}T{folder.name}")
    for folder in inboxes_of(lake):
        for entry in read_inbox(lake, parse_hour(folder.name)):
            now = f"replays/{entry['file']}", entry["sha256"]
            current |= {(f"replays/{was['file']}", was["sha256"]): now for was in entry.get("erasures", [])}
    for folder in folders if current else []:
        with alone_in(folder):
            for stage, manifest in read_manifests(folder).items():
                if name_current_inputs(manifest, current, cause):
                    mark_changed(lake, folder)
                    write_json(folder / f"{stage}.json", manifest, lake / ".staging" / "inputs")
    shutil.rmtree(lake / ".staging" / "inputs", ignore_errors=True)
