"""Rewriting what has landed, which only erasing and forgetting may do: new bytes, new hash, a manifest that says so.

Landed files are immutable and named by content, so a table that changes becomes another file. Its manifest is replaced with
the new entry and, under `erasures`, why and when, how many rows, and the hash it had; manifests that were made from it
name the new hash; the old file is gone. A killed rewrite is mended by doing it again.
"""

import json
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import NotLanded
from pipeline.failpoints import reach
from pipeline.files import alone_in, hash_file, move_into_place, write_json
from pipeline.hours import parse_hour
from pipeline.manifests import hour_folder, how_to_mend, mark_changed
from pipeline.tables import PRODUCERS

# What a table becomes, and how many rows are concerned; None when it stays as it is.
Change = Callable[[Path], tuple[pa.Table, int] | None]
# What else a manifest says differently once so many rows are gone from its tables; it is given where each table is now.
Settle = Callable[[dict[str, Any], dict[str, Path], dict[str, int]], None]


# An input's name and hash as a manifest has them: the name and hash that it has now.
Renamed = dict[tuple[str, str], tuple[str, str]]


@dataclass(frozen=True)
class Cause:
    """Why landed tables change: the request's number, or `forget`, and its moment (never that of the line)."""

    request: str
    moment: str


def landed_hours_of(lake: Path) -> Iterator[Path]:
    """The folder of every hour there is, oldest first. It looks into folders, as tidying does and no reading of data: what
    no manifest names must be found as well.
    """
    for day in sorted((lake / "hours").iterdir()) if (lake / "hours").is_dir() else []:
        for hour in sorted(day.iterdir()) if day.is_dir() else []:
            if hour.is_dir():
                yield hour_folder(lake, parse_hour(f"{day.name}T{hour.name}"))


def files_under(folder: Path) -> Iterator[Path]:
    """Every file in this folder and those below it, in the order of their names."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_dir():
            yield from files_under(path)
        else:
            yield path


def is_table(path: Path) -> bool:
    """Whether a file is a table, whole or not."""
    return path.suffix == ".parquet"


def rewrite_hour(
    lake: Path,
    folder: Path,
    change: Change,
    cause: Cause,
    stages: Callable[[str], bool] = lambda stage: True,
    settle: Settle = lambda manifest, files, gone: None,
    mark: Mapping[str, str] = MappingProxyType({}),
    begin: Callable[[], object] = lambda: None,
) -> Counter[str]:
    """Each table landed in this hour by one of the stages is what `change` makes of it; files that no manifest names and
    that would change are gone, and drafts of failed attempts are changed where they lie. Returns rows by table.

    Manifests of these stages, landed and failed, say `mark` besides. `begin` is done first, while nothing can land here.
    """
    staging = lake / ".staging" / f"rewrite-{uuid.uuid4().hex[:12]}"
    staging.mkdir(parents=True)
    try:
        with alone_in(folder):
            begin()
            manifests = read_manifests(folder)
            rows: Counter[str] = Counter()
            rewritten = set()
            for stage, manifest in manifests.items():
                was = _rewrite_tables(lake, folder, manifest, change, cause, staging) if stages(stage) else {}
                if was:
                    gone = {table: told["rows"] for table, told in was.items()}
                    settle(manifest, {name: folder / entry["file"] for name, entry in manifest["tables"].items()}, gone)
                    rows += Counter(gone)
                if was or (mark and stages(stage)):
                    manifest |= mark
                    rewritten.add(stage)
            reach("rewrite.tables_moved")
            current = current_hashes(manifests)
            for stage, manifest in manifests.items():
                if name_current_inputs(manifest, current, cause) or stage in rewritten:
                    mark_changed(lake, folder)
                    write_json(folder / f"{stage}.json", manifest, staging)
                    reach("rewrite.manifest_replaced")
            listed = {entry["file"] for manifest in manifests.values() for entry in manifest["tables"].values()}
            for path in [path for path in folder.iterdir() if is_table(path) and path.name not in listed]:
                if stages(PRODUCERS.get(path.name.split(".")[0], "")) and _would_change(path, change):
                    mark_changed(lake, folder)
                    path.unlink()
                    rows["replaced files"] += 1
            for stage in (
                [path.name for path in sorted((folder / "failed").iterdir())] if (folder / "failed").is_dir() else []
            ):
                if stages(stage):
                    rows["failed drafts"] += _rewrite_evidence(folder / "failed" / stage, change, settle, mark, staging)
            return rows
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def read_manifests(folder: Path) -> dict[str, dict[str, Any]]:
    """The manifests of an hour by stage; a damaged one counts as none, its files as named by none."""
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix == ".json":
            try:
                manifest = json.loads(path.read_text(encoding="utf-8"))
                manifest["tables"].values()
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
            found[path.stem] = manifest
    return found


def _rewrite_tables(
    lake: Path, folder: Path, manifest: dict[str, Any], change: Change, cause: Cause, staging: Path
) -> dict[str, dict[str, Any]]:
    was: dict[str, dict[str, Any]] = {}
    for table, entry in manifest["tables"].items():
        path = folder / entry["file"]
        try:
            changed = change(path) if path.exists() else None
        except (pa.ArrowException, OSError):
            remedy = how_to_mend(manifest["stage"], manifest["hour"])
            raise NotLanded(f"{path} is damaged, so that nothing can be taken out of it; {remedy}.") from None
        if changed is None:
            continue
        draft = staging / f"{table}.parquet"
        pq.write_table(changed[0], draft, compression="zstd")
        mark_changed(lake, folder)
        sha = hash_file(draft)
        was[table] = {"was": entry["sha256"], "rows": changed[1]}
        entry |= {
            "sha256": sha,
            "rows": changed[0].num_rows,
            "bytes": draft.stat().st_size,
            "file": f"{table}.{sha[:12]}.parquet",
        }
        move_into_place(draft, folder / entry["file"])
    if was:
        manifest.setdefault("erasures", []).append(_erasure(cause, was))
    return was


def _erasure(cause: Cause, tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"request": cause.request, "moment": cause.moment, "tables": tables, "inputs": 0}


def current_hashes(manifests: dict[str, dict[str, Any]], at: str = "") -> Renamed:
    """For every table of an hour that was rewritten and every hash it had: the hash it has now. `at` ends the names."""
    return {
        (table + at, told["was"]): (table + at, manifest["tables"][table]["sha256"])
        for manifest in manifests.values()
        for erasure in manifest.get("erasures", [])
        for table, told in erasure["tables"].items()
        if table in manifest["tables"]
    }


def name_current_inputs(manifest: dict[str, Any], current: Renamed, cause: Cause) -> bool:
    """The manifest names the hashes that its inputs have now, and how many of them changed; whether any did.

    Inputs are named as the manifest names them: `events`, `events@2026-01-01T13` of another hour, `replays/<file>`.
    """
    inputs = dict(current.get(one, one) for one in manifest.get("inputs", {}).items())
    renamed = inputs.items() - manifest.get("inputs", {}).items()
    if not renamed:
        return False
    manifest["inputs"] = inputs
    erasures = manifest.setdefault("erasures", [])
    if not erasures or (erasures[-1]["request"], erasures[-1]["moment"]) != (cause.request, cause.moment):
        erasures.append(_erasure(cause, {}))
    erasures[-1]["inputs"] += len(renamed)
    return True


def _would_change(path: Path, change: Change) -> bool:
    """Whether a file holds what has to go; one that cannot be read may."""
    try:
        return change(path) is not None
    except (pa.ArrowException, OSError):
        return True


def _rewrite_evidence(folder: Path, change: Change, settle: Settle, mark: Mapping[str, str], staging: Path) -> int:
    """Drafts of a failed attempt are changed, and its manifest says so."""
    gone = {path.stem: rewrite_draft(path, change) for path in files_under(folder)}
    failure = folder / "manifest.json"
    if (mark or any(gone.values())) and failure.exists():
        try:
            told = json.loads(failure.read_text(encoding="utf-8")) | mark
        except (ValueError, TypeError):
            failure.unlink()  # damaged: it says nothing, and cannot be made to say the mark
            return sum(gone.values())
        settle(told, {path.stem: path for path in folder.iterdir() if is_table(path)}, gone)
        write_json(failure, told, staging)
    return sum(gone.values())


def rewrite_draft(path: Path, change: Change) -> int:
    """A file that no manifest names is changed where it lies; what cannot be read, or is no table and no manifest, goes.
    Returns the rows concerned.
    """
    if not is_table(path):
        if path.suffix != ".json":
            path.unlink()
        return 0
    try:
        changed = change(path)
    except (pa.ArrowException, OSError):
        path.unlink()
        return 1
    if changed is None:
        return 0
    draft = path.with_name(f"{path.name}.changed")
    pq.write_table(changed[0], draft, compression="zstd")
    draft.replace(path)
    return changed[1]
