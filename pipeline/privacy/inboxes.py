"""Rewriting the inboxes of rows that wait to be delivered again, or were, and naming what was rewritten in all manifests."""

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.files import alone_in, hash_file, move_into_place, write_json
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


def read_json(path: Path) -> dict[str, Any]:
    """What a JSON file holds."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def rewrite_inboxes(lake: Path, change: Change, cause: Cause, only: str | None = None) -> int:
    """The files of every inbox (`only`: of that hour's) are what `change` makes of them, under new names; returns the rows
    concerned.
    """
    rows, staging = 0, lake / ".staging" / f"inboxes-{uuid.uuid4().hex[:12]}"
    if not (inboxes_of(lake) if only is None else (lake / "replays" / only / "manifest.json").exists()):
        return 0
    with alone_in(lake / "replays"):  # hours that are being ingested, and replays, end first
        for folder in [folder for folder in inboxes_of(lake) if only in {None, folder.name}]:
            inbox = read_json(folder / "manifest.json")
            for entry in inbox["batches"]:
                path = folder / entry["file"]
                changed = change(path) if path.exists() else None
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
                write_json(folder / "manifest.json", inbox, staging)
            listed = {entry["file"] for entry in inbox["batches"]}
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
        for entry in read_json(folder / "manifest.json")["batches"]:
            now = f"replays/{entry['file']}", entry["sha256"]
            current |= {(f"replays/{was['file']}", was["sha256"]): now for was in entry.get("erasures", [])}
    for folder in folders if current else []:
        with alone_in(folder):
            for stage, manifest in read_manifests(folder).items():
                if name_current_inputs(manifest, current, cause):
                    mark_changed(lake, folder)
                    write_json(folder / f"{stage}.json", manifest, lake / ".staging" / "inputs")
    shutil.rmtree(lake / ".staging" / "inputs", ignore_errors=True)
