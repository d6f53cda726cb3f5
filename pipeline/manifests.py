"""Looking up what has landed: the manifest of each stage of each hour, and the tables that it names."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.errors import NotLanded
from pipeline.gates import GATES
from pipeline.hours import HOUR
from pipeline.run import Run
from pipeline.tables import LANDING, PRODUCERS

MARKS = ".to_copy"  # folder of the lake in which each folder that changed has a mark, where the lake is copied
ALL = "all"  # the mark that stands for all of them


def mark_changed(lake: Path, folder: Path) -> None:
    """Where a copy of the lake is kept (`pipeline/lake_copy/`), it has still to follow this folder of an hour or inbox."""
    if (lake / MARKS).is_dir():
        (lake / MARKS / "~".join(folder.relative_to(lake).parts)).touch()


def hour_folder(lake: Path, hour: datetime) -> Path:
    """Folder of one hour: by day, so that ten years of hours stay easy to list."""
    return lake / "hours" / f"{hour:%Y-%m-%d}" / f"{hour:%H}"


def read_manifest(run: Run, stage: str, hour: datetime | None = None) -> dict[str, Any] | None:
    """The manifest of a stage that landed, or None; other hours may come from the run's history lake."""
    hour = hour or run.hour
    for lake in [run.lake] if hour == run.hour or run.history is None else [run.lake, run.history]:
        path = _manifest_path(lake, hour, stage)
        try:
            changed = path.stat()
        except FileNotFoundError:
            continue
        return _load_manifest(path, changed.st_mtime_ns, changed.st_ino)
    return None


@lru_cache(maxsize=10_000)
def _manifest_path(lake: Path, hour: datetime, stage: str) -> Path:
    # To put a path together takes five times as long as to look at the file.
    return hour_folder(lake, hour) / f"{stage}.json"


@lru_cache(maxsize=10_000)
def _load_manifest(path: Path, mtime_ns: int, inode: int) -> dict[str, Any]:
    """The manifest as it is now; a window's manifests are asked for again and again, so what did not change is kept."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        return {**manifest, "tables": {**manifest["tables"]}, "folder": str(path.parent)}
    except (ValueError, TypeError, KeyError):
        hour = f"{path.parent.parent.name}T{path.parent.name}"
        raise NotLanded(f"the manifest {path} is damaged; {how_to_mend(path.stem, hour)}.") from None


def read_undamaged(run: Run, stage: str, hour: datetime | None = None) -> dict[str, Any] | None:
    """The same for a stage that lands anew: a damaged manifest counts as none, because it is about to be replaced."""
    try:
        return read_manifest(run, stage, hour)
    except NotLanded:
        return None


def passed_findings(
    run: Run, stage: str, table: str, entry: Mapping[str, Any], code: str
) -> list[dict[str, Any]] | None:
    """What the rules found in the very bytes of `entry` when they landed under this code, this hour or the one before."""
    for hour in (run.hour, run.hour - HOUR):
        manifest = read_undamaged(run, stage, hour)
        if manifest is None or manifest["code_version"] != code:
            continue
        known = manifest["tables"].get(table)
        if known and known["sha256"] == entry["sha256"] and known["limits"] == entry["limits"]:
            return [one for one in manifest["quality"] if one["table"] == table and one["rule"] not in GATES]
    return None


def how_to_mend(stage: str, hour: str) -> str:
    """What to do about something damaged that a stage landed; what was pulled is reused unless told otherwise."""
    return f"run {stage} of {hour} again{' with --repull' if stage.startswith('ingest_') else ''}"


def read_failure(run: Run, stage: str) -> dict[str, Any] | None:
    """The manifest of a stage's last failed attempt, or None; it is gone as soon as the stage has landed."""
    path = hour_folder(run.lake, run.hour) / "failed" / stage / "manifest.json"
    try:
        failure: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return failure if failure["sentence"] is not None else None
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        raise NotLanded(f"the manifest {path} is damaged; run {stage} of {run.name} again.") from None


def read_attempts(run: Run) -> dict[str, dict[str, Any]]:
    """The manifest of each stage's newest attempt in this hour; that of a failed one has a `sentence`."""
    attempts = {stage: read_failure(run, stage) or read_manifest(run, stage) for stage in LANDING}
    return {stage: manifest for stage, manifest in attempts.items() if manifest}


def stage_timings(run: Run) -> list[dict[str, Any]]:
    """Seconds, CPU-seconds, peak memory and rows of every stage of this hour that has landed, in no order."""
    manifests = [read_manifest(run, stage) for stage in dict.fromkeys(PRODUCERS.values())]
    return [
        {"stage": m["stage"], **m["timings"], "rows_in": m["rows_in"], "rows_out": m["rows_out"]}
        for m in manifests
        if m
    ]


def stage_facts(run: Run, stage: str) -> dict[str, Any]:
    """What a landed stage of this hour has to tell beside its tables; empty when it has not landed."""
    manifest = read_manifest(run, stage)
    return manifest["facts"] if manifest else {}


def read_acceptance(manifest: Mapping[str, Any]) -> str:
    """Why the model of a landed `evaluate` was accepted though a gate refused it; empty where none did."""
    return str(manifest["facts"].get("accepted", {}).get("why", ""))


def find_table(run: Run, table: str, hour: datetime | None = None) -> tuple[Path, dict[str, Any]] | None:
    """Path and manifest entry (sha256, rows, bytes) of a landed table, or None."""
    manifest = read_manifest(run, PRODUCERS[table], hour)
    if not manifest or table not in manifest["tables"]:
        return None
    entry = manifest["tables"][table]
    return Path(manifest["folder"]) / entry["file"], entry


def check_lineage(run: Run, stage: str) -> None:
    """Every landed table that this stage was made from is still the current one; raises `NotLanded` otherwise."""
    manifest = read_manifest(run, stage)
    for name, sha in (manifest or {}).get("inputs", {}).items():
        if name not in PRODUCERS:
            continue
        found = find_table(run, name)
        if found is None or found[1]["sha256"] != sha:
            raise NotLanded(f"{stage} of {run.name} was made from another {name}; run {stage} again first.")
        check_lineage(run, PRODUCERS[name])


def landed_hours(lake: Path, stage: str, first: datetime, last: datetime) -> list[datetime]:
    """The hours from first to last whose manifest of this stage exists, oldest first."""
    hours = []
    hour = first
    while hour <= last:
        if (hour_folder(lake, hour) / f"{stage}.json").exists():
            hours.append(hour)
        hour += timedelta(hours=1)
    return hours
