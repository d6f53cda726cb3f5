"""The lake: audited Parquet files by hour, found only through manifests.

    <lake>/hours/2026-01-01/13/<stage>.json             what the stage made, from what, with which code
    <lake>/hours/2026-01-01/13/<table>.<hash>.parquet   immutable: other bytes get another name
    <lake>/hours/2026-01-01/13/failed/<stage>/          drafts of the last failed attempt, kept as evidence

A stage writes drafts to a staging folder, `Work.keep` audits them, and only when the stage ends well are they moved to
their final names and the manifest replaced. Readers that follow a manifest never meet a half-written file.
"""

import json
import resource
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.audit import audit_table
from pipeline.errors import NotLanded, TreasureHuntError
from pipeline.files import code_version, flush, hash_file, hash_json, move_into_place, write_json
from pipeline.hours import HOUR, format_hour
from pipeline.run import Run, StageResult
from pipeline.tables import JUDGED_BY_EVALUATE, PRODUCERS

# Settings that say where things are, not what comes out: they differ between machines, the bytes do not.
PLACES = {"home", "source_url", "data", "serving_url", "start", "threads", "memory_limit"}

# Audits passed in this process: (table, hash of its bytes, hash of the limits): warnings.
PASSED: dict[tuple[str, str, str], list[str]] = {}


def hour_folder(lake: Path, hour: datetime) -> Path:
    """Folder of one hour: by day, so that ten years of hours stay easy to list."""
    return lake / "hours" / f"{hour:%Y-%m-%d}" / f"{hour:%H}"


def settings_facts(run: Run) -> dict[str, Any]:
    """The settings that decide what comes out."""
    return run.settings.model_dump(mode="json", exclude=PLACES)


def read_manifest(run: Run, stage: str, hour: datetime | None = None) -> dict[str, Any] | None:
    """The manifest of a stage that landed, or None; other hours may come from the run's history lake."""
    hour = hour or run.hour
    for lake in [run.lake] if hour == run.hour or run.history is None else [run.lake, run.history]:
        path = hour_folder(lake, hour) / f"{stage}.json"
        try:
            changed = path.stat()
        except FileNotFoundError:
            continue
        return _load_manifest(path, changed.st_mtime_ns, changed.st_ino)
    return None


@lru_cache(maxsize=10_000)
def _load_manifest(path: Path, mtime_ns: int, inode: int) -> dict[str, Any]:
    """The manifest as it is now; a window's manifests are asked for again and again, so what did not change is kept."""
    try:
        return {**json.loads(path.read_text(encoding="utf-8")), "folder": str(path.parent)}
    except json.JSONDecodeError:
        stage, hour = path.stem, f"{path.parent.parent.name}T{path.parent.name}"
        raise NotLanded(f"the manifest {path} is damaged; run {stage} of {hour} again.") from None


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


class Work:
    """A stage at work: reads register as inputs, kept drafts are audited; see `open_stage`."""

    def __init__(self, run: Run, stage: str) -> None:
        self.run = run
        self.stage = stage
        self.folder = run.lake / ".staging" / f"{stage}-{run.name}-{uuid.uuid4().hex[:12]}"
        self.inputs: dict[str, str] = {}
        self.tables: dict[str, dict[str, Any]] = {}
        self.facts: dict[str, Any] = {}
        self.notes: list[str] = []
        self.rows_in = 0
        self.rows_out = 0
        self.timings: dict[str, float] = {}
        self._started = (time.perf_counter(), time.process_time())

    def read(self, table: str) -> Path:
        """Path of this hour's landed table, checked against its hash and lineage, and registered as an input."""
        found = find_table(self.run, table)
        if found is None:
            producer = PRODUCERS[table]
            raise NotLanded(
                f"{self.stage} of {self.run.name} needs {table}, which has not landed; run {producer} first."
            )
        path, entry = found
        check_lineage(self.run, PRODUCERS[table])
        if not path.exists() or hash_file(path) != entry["sha256"]:
            raise NotLanded(f"{path} is missing or damaged; run {PRODUCERS[table]} of {self.run.name} again.")
        self.inputs[table] = entry["sha256"]
        return path

    def read_hour(self, table: str, hour: datetime) -> list[Path]:
        """The path of a table of another hour as a list of one, registered as an input; empty when it has no rows."""
        found = find_table(self.run, table, hour)
        if found is None:
            return []
        self.inputs[f"{table}@{format_hour(hour)}"] = found[1]["sha256"]
        return [found[0]] if found[1]["rows"] else []

    def read_window(self, table: str, hours: int) -> list[Path]:
        """Paths of a table in the last `hours` hours, this one included, oldest first; what never landed is left out."""
        steps = range(hours - 1, -1, -1)
        return [path for step in steps for path in self.read_hour(table, self.run.hour - step * HOUR)]

    def draft(self, table: str) -> Path:
        """Where to write a table before it is audited."""
        return self.folder / f"{table}.parquet"

    def keep(self, table: str, **limits: Any) -> int:
        """Audit a draft and mark it for landing; `limits` go to its suite. Returns its rows; raises `AuditFailed`."""
        path = self.draft(table)
        rows = pq.read_metadata(path).num_rows
        entry: dict[str, Any] = {
            "sha256": hash_file(path),
            "rows": rows,
            "bytes": path.stat().st_size,
            "limits": hash_json(limits),
        }
        if table not in JUDGED_BY_EVALUATE:
            warnings = self._passed_before(table, entry)
            if warnings is None:
                warnings = audit_table(table, [path], limits, self.run.name)
                PASSED[(table, entry["sha256"], entry["limits"])] = warnings
            entry["warnings"] = warnings
            self.notes += [f"warning: {sentence}" for sentence in warnings]
        self.tables[table] = {"file": f"{table}.{entry['sha256'][:12]}.parquet", **entry}
        self.rows_out += rows
        return rows

    def _passed_before(self, table: str, entry: Mapping[str, Any]) -> list[str] | None:
        """Warnings of the audit that these very bytes passed under this code, here or an hour earlier; else None."""
        in_this_process = PASSED.get((table, entry["sha256"], entry["limits"]))
        if in_this_process is not None:
            return in_this_process
        for hour in (self.run.hour, self.run.hour - HOUR):
            manifest = read_manifest(self.run, self.stage, hour)
            known = manifest["tables"].get(table) if manifest and manifest["code_version"] == code_version() else None
            if known and known["sha256"] == entry["sha256"] and known["limits"] == entry["limits"]:
                return list(known["warnings"])
        return None

    def note(self, sentence: str) -> None:
        """Something a person should be told; stands in the manifest, the log and the summary."""
        self.notes.append(sentence)

    def result(self, reused: bool = False) -> StageResult:
        """What the stage did, for logs and tables."""
        folder = hour_folder(self.run.lake, self.run.hour)
        return StageResult(
            stage=self.stage,
            hour=self.run.name,
            rows_in=self.rows_in,
            rows_out=self.rows_out,
            seconds=self.timings.get("seconds", 0.0),
            files={table: str(folder / entry["file"]) for table, entry in self.tables.items()},
            notes=tuple(self.notes),
            facts=self.facts,
            reused=reused,
        )

    def _stop_clock(self) -> None:
        wall, cpu = self._started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.timings = {
            "seconds": round(time.perf_counter() - wall, 3),
            "cpu_seconds": round(time.process_time() - cpu, 3),
            "peak_rss_mb": round(peak, 1),
        }

    def _manifest(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "hour": self.run.name,
            "source": self.run.settings.source,
            "code_version": code_version(),
            "settings": settings_facts(self.run),
            "inputs": self.inputs,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "tables": self.tables,
            "facts": self.facts,
            "notes": self.notes,
            "timings": self.timings,
        }

    def _land(self) -> None:
        folder = hour_folder(self.run.lake, self.run.hour)
        before = read_manifest(self.run, self.stage)
        for table, entry in self.tables.items():
            move_into_place(self.draft(table), folder / entry["file"])
        self._stop_clock()
        write_json(folder / f"{self.stage}.json", self._manifest(), self.folder)
        # Only now is nothing pointing at the files of the attempt before.
        kept = {entry["file"] for entry in self.tables.values()}
        for entry in (before or {}).get("tables", {}).values():
            if entry["file"] not in kept:
                (folder / entry["file"]).unlink(missing_ok=True)
        shutil.rmtree(folder / "failed" / self.stage, ignore_errors=True)

    def _keep_evidence(self, error: BaseException) -> None:
        self._stop_clock()
        folder = hour_folder(self.run.lake, self.run.hour) / "failed" / self.stage
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.replace(folder)
        sentence = str(error) if isinstance(error, TreasureHuntError) else type(error).__name__
        failure = {**self._manifest(), "error": type(error).__name__, "sentence": sentence}
        write_json(folder / "manifest.json", failure, folder)
        flush(folder)


def keep_together(works: Sequence[Work], table: str, **limits: Any) -> None:
    """`Work.keep` one table of several hours, its drafts held against the suite at once; raises `AuditFailed`."""
    if len(works) > 1:
        paths = [work.draft(table) for work in works]
        warnings = audit_table(table, paths, limits, f"{works[0].run.name} to {works[-1].run.name}")
        if not warnings:  # else each hour finds its own
            PASSED.update({(table, hash_file(path), hash_json(limits)): [] for path in paths})
    for work in works:
        work.keep(table, **limits)


@contextmanager
def open_stage(run: Run, stage: str, keep_evidence: bool = True) -> Iterator[Work]:
    """A `Work` whose kept drafts land when the block ends well; when it raises, drafts and a manifest stay as evidence."""
    work = Work(run, stage)
    work.folder.mkdir(parents=True)
    try:
        yield work
        work._land()
    except Exception as error:
        if keep_evidence:
            work._keep_evidence(error)
        raise
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)


@contextmanager
def open_stages(runs: Sequence[Run], stage: str) -> Iterator[list[Work]]:
    """A stage of several hours, oldest first: all land when the block ends well. Evidence is kept of a single hour only."""
    with ExitStack() as stack:
        # Entered newest first, because they land in the order of leaving: oldest first.
        works = [stack.enter_context(open_stage(run, stage, len(runs) == 1)) for run in reversed(runs)]
        yield works[::-1]


def reuse_landed(run: Run, stage: str) -> StageResult | None:
    """The result of a stage that has landed already and need not run again, or None when it has to run."""
    manifest = read_manifest(run, stage)
    if manifest is None or run.repull:
        return None
    work = Work(run, stage)
    work.rows_in, work.rows_out = manifest["rows_in"], manifest["rows_out"]
    work.tables, work.facts, work.notes = manifest["tables"], manifest["facts"], list(manifest["notes"])
    return work.result(reused=True)


def landed_hours(lake: Path, stage: str, first: datetime, last: datetime) -> list[datetime]:
    """The hours from first to last whose manifest of this stage exists, oldest first."""
    hours = []
    hour = first
    while hour <= last:
        if (hour_folder(lake, hour) / f"{stage}.json").exists():
            hours.append(hour)
        hour += timedelta(hours=1)
    return hours
