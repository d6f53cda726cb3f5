"""The lake: audited Parquet files by hour, found only through manifests.

    <lake>/hours/2026-01-01/13/<stage>.json             what the stage made, from what, with which code
    <lake>/hours/2026-01-01/13/<table>.<hash>.parquet   immutable: other bytes get another name
    <lake>/hours/2026-01-01/13/failed/<stage>/          drafts of the last failed attempt, kept as evidence

A stage writes drafts to a staging folder, `Work.keep` audits them, and only when the stage ends well are they moved to
their final names and the manifest replaced. Readers that follow a manifest never meet a half-written file.
"""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.arithmetic import COMPUTED, kernels
from pipeline.audit import Finding, audit_table, describe_warnings
from pipeline.errors import AuditFailed, NotLanded, Overtaken
from pipeline.files import (
    code_version,
    hash_file,
    hash_json,
    sweep_beside,
)
from pipeline.gates import GATES, say_remedy
from pipeline.hours import format_hour
from pipeline.landing import keep_evidence, land
from pipeline.manifests import (
    check_lineage,
    find_table,
    hour_folder,
    how_to_mend,
    passed_findings,
    read_manifest,
)
from pipeline.privacy.tombstones import check_mark, read_mark
from pipeline.run import Run, StageResult
from pipeline.shortage import describe_shortage
from pipeline.stopwatch import read_clocks, time_since
from pipeline.tables import BOOKKEEPING, JUDGED_BY_EVALUATE, PRODUCERS

# Audits passed in this process: (table, hash of its bytes, hash of the limits): what every rule found.
PASSED: dict[tuple[str, str, str], list[Finding]] = {}


class Work:
    """A stage at work: reads register as inputs, kept drafts are audited; see `open_stage`."""

    def __init__(self, run: Run, stage: str, hours_together: int = 1) -> None:
        self.run = run
        self.stage = stage
        self.hours_together = hours_together
        self.folder = run.lake / ".staging" / f"{stage}-{run.name}-{uuid.uuid4().hex[:12]}"
        self.inputs: dict[str, str] = {}
        self.tables: dict[str, dict[str, Any]] = {}
        self.facts: dict[str, Any] = {}
        self.notes: list[str] = []
        self.quality: list[Finding] = []
        self.limits: dict[str, dict[str, Any]] = {}
        self.rows_in = 0
        self.rows_out = 0
        self.timings: dict[str, Any] = {}
        self.is_superseded = False
        self._started = read_clocks()
        self._mark = read_mark(run.settings)

    def check_mark(self) -> None:
        """Raises `Overtaken` when somebody was erased since this began: what it read may have held their rows."""
        check_mark(self.run.settings, self._mark, f"{self.stage} of {self.run.name}")

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
            raise NotLanded(f"{path} is missing or damaged; {how_to_mend(PRODUCERS[table], self.run.name)}.")
        self.inputs[table] = entry["sha256"]
        return path

    def read_hour(self, table: str, hour: datetime, even_empty: bool = False) -> list[Path]:
        """The path of a table of another hour as a list of one, registered as an input.

        The list is empty when it has not landed, when an hour that is computed again was not made from it, and, unless
        told otherwise, when it has no rows.
        """
        name = f"{table}@{format_hour(hour)}"
        found = find_table(self.run, table, hour)
        if found is None or (self.run.recorded is not None and name not in self.run.recorded):
            return []
        path, entry = found
        # Only its length: a window is hundreds of files, and hashing them all would cost more than reading them.
        if not path.exists() or path.stat().st_size != entry["bytes"]:
            raise NotLanded(f"{path} is missing or damaged; {how_to_mend(PRODUCERS[table], format_hour(hour))}.")
        self.inputs[name] = entry["sha256"]
        return [path] if entry["rows"] or even_empty else []

    def is_whole(self, table: str, hour: datetime) -> bool:
        """Whether a table of another hour can be read and was made from what stands in that hour now.

        Of an hour that is computed again: whether it was made from that table.
        """
        if self.run.recorded is not None:
            return f"{table}@{format_hour(hour)}" in self.run.recorded
        there = Run(hour, self.run.settings, lake=self.run.history or self.run.lake)
        try:
            check_lineage(there, PRODUCERS[table])
            return find_table(there, table) is not None
        except NotLanded:
            return False

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
            self.limits[table] = limits
            key = (table, entry["sha256"], entry["limits"])
            findings = PASSED.get(key) or passed_findings(self.run, self.stage, table, entry, code_version())
            if findings is None:
                try:
                    (findings,) = audit_table(table, [path], limits, self.run.name)
                except AuditFailed as failed:
                    self.quality += failed.findings
                    raise
                PASSED[key] = findings
            self.quality += findings
            self.notes += [f"warning: {sentence}" for sentence in describe_warnings(findings)]
        self.tables[table] = {"file": f"{table}.{entry['sha256'][:12]}.parquet", **entry}
        self.rows_out += 0 if table in BOOKKEEPING else rows
        return rows

    def judge(
        self, gate: str, passed: bool, sentence: str, observed: float | None = None, table: str | None = None
    ) -> bool:
        """The same as `record`; a critical gate that did not pass raises `AuditFailed` with sentence and remedy."""
        self.record(gate, passed, sentence, observed, table)
        if not passed and GATES[gate].severity == "critical":
            raise AuditFailed(f"{self.run.name}: {self._with_remedy(gate, sentence)}.")
        return passed

    def record(
        self, gate: str, passed: bool, sentence: str, observed: float | None = None, table: str | None = None
    ) -> None:
        """What a gate of `pipeline.gates` found stands in the manifest; when it did not pass, the sentence, which says what,
        where and how many, does too, and that of a warning is noted with the gate's remedy. A gate that is asked of several
        tables is told of which one.
        """
        known = GATES[gate]
        (of,) = known.tables if table is None else [one for one in known.tables if one == table]
        found = {"table": of, "rule": gate, "severity": known.severity, "passed": passed, "checked": None}
        self.quality.append(found | {"failed": None, "observed": observed, "sentence": "" if passed else sentence})
        if not passed and known.severity == "warning":
            self.note(f"warning: {self._with_remedy(gate, sentence)}")

    def _with_remedy(self, gate: str, sentence: str) -> str:
        said = say_remedy(gate, sentence).replace("sources/<name>", f"sources/{self.run.settings.source}")
        return said.replace(" HOUR ", f" {self.run.name} ")

    def give_way(self, sentence: str) -> None:
        """Nothing of this lands: a later attempt of the hour has done its work, as the sentence says."""
        self.is_superseded = True
        self.rows_out = 0
        self.note(sentence)

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
            is_superseded=self.is_superseded,
        )

    def stop_clock(self) -> None:
        """What the stage took is known."""
        self.timings = time_since(self._started, self.hours_together)

    def manifest(self) -> dict[str, Any]:
        """What the stage made, from what and with which code."""
        return {
            "stage": self.stage,
            "hour": self.run.name,
            "source": self.run.settings.source,
            "code_version": code_version(),
            "settings": self.run.settings.facts(),
            "inputs": self.inputs,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "tables": self.tables,
            "facts": self.facts,
            "quality": self.quality,
            "limits": self.limits,
            "notes": self.notes,
            "timings": self.timings,
            **({"arithmetic": kernels()} if self.stage in COMPUTED else {}),
        }


def keep_together(works: Sequence[Work], table: str, **limits: Any) -> None:
    """`Work.keep` one table of several hours, its drafts held against the suite at once; raises `AuditFailed`."""
    if len(works) > 1:
        paths = [work.draft(table) for work in works]
        findings = audit_table(table, paths, limits, f"{works[0].run.name} to {works[-1].run.name}")
        for path, found in zip(paths, findings, strict=True):
            PASSED[(table, hash_file(path), hash_json(limits))] = found
    for work in works:
        work.keep(table, **limits)


@contextmanager
def open_stage(run: Run, stage: str) -> Iterator[Work]:
    """A `Work` whose kept drafts land when the block ends well; when it raises, drafts and a manifest stay as evidence."""
    with open_stages([run], stage) as works:
        yield works[0]


@contextmanager
def open_stages(runs: Sequence[Run], stage: str) -> Iterator[list[Work]]:
    """The `Work` of a stage for several hours; when the block ends well they land one after the other, in this order.

    Evidence of a failure is kept of a single hour only: hours that fail together are tried again one by one.
    """
    works = [Work(run, stage, len(runs)) for run in runs]
    for work in works:
        work.folder.mkdir(parents=True)
    sweep_beside(works[0].folder)
    try:
        yield works
        for work in works:
            if not work.is_superseded:
                land(work)
    except Exception as caught:
        error = explain(caught, works[0])
        if len(works) == 1:
            with suppress(OSError):  # on a full disk there may be no room for evidence either
                keep_evidence(works[0], error)
        if error is caught:
            raise
        raise error from None
    finally:
        for work in works:
            shutil.rmtree(work.folder, ignore_errors=True)


def explain(caught: Exception, work: Work) -> Exception:
    """What a person should be told of an error: that somebody was erased meanwhile, who took away what the stage read or
    wrote, or that a resource has run out, or the error itself.
    """
    try:
        work.check_mark()
    except Overtaken as overtaken:
        return overtaken
    return describe_shortage(caught, f"{work.stage} of {work.run.name}", work.run.lake) or caught


def reuse_landed(run: Run, stage: str) -> StageResult | None:
    """The result of a stage that has landed already and need not run again, or None when it has to run.

    An hour in which the source delivered nothing is asked for again: it may have been asked too early.
    """
    manifest = None if run.repull else read_manifest(run, stage)
    if manifest is None or not manifest["rows_in"]:
        return None
    work = Work(run, stage)
    work.rows_in, work.rows_out = manifest["rows_in"], manifest["rows_out"]
    work.tables, work.facts, work.notes = manifest["tables"], manifest["facts"], list(manifest["notes"])
    return work.result(reused=True)
