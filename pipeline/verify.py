"""Computing an hour again elsewhere and comparing the bytes: the proof that an hour can be trusted and repeated."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.arithmetic import kernels
from pipeline.errors import NotLanded
from pipeline.files import code_version, hash_file, temporary_folder
from pipeline.hours import format_hour, parse_hour
from pipeline.line import STAGES, compute_stage
from pipeline.manifests import find_table, how_to_mend, read_acceptance, read_manifest
from pipeline.run import Run
from pipeline.settings import Settings
from pipeline.tables import PRODUCERS


@dataclass(frozen=True)
class Verified:
    """One table of the hour: the hash of its file, "" where that is gone, and the hash it gets when computed again."""

    table: str
    landed: str
    again: str
    is_damaged: bool = False  # its file is not what landed
    is_rewritten: bool = False  # it, or what it was made from, had people or their words taken out since

    @property
    def is_same(self) -> bool:
        """Whether the bytes are the same."""
        return self.landed == self.again

    @property
    def is_broken(self) -> bool:
        """Whether the file is damaged, or the bytes differ and nothing on record says why."""
        return self.is_damaged or (not self.is_same and not self.is_rewritten)

    @property
    def verdict(self) -> str:
        """In a word, for a person."""
        if self.is_damaged:
            return "DAMAGED" if self.landed else "MISSING"
        return "same" if self.is_same else "DIFFERS" if self.is_broken else "rewritten"


def verify_hour(hour: datetime, settings: Settings) -> tuple[list[Verified], list[str]]:
    """Every table of a landed hour beside its twin, pulled and computed anew in a temporary lake, and remarks.

    Each stage uses the settings named in its manifest and the tables of other hours that it names, as they stand in the
    lake: what landed since is no part of it. Raises `NotLanded` when the hour has nothing to compare with.
    """
    here = Run(hour=hour, settings=settings)
    stages = [stage for stage in STAGES if stage in PRODUCERS.values()]
    landed = {stage: manifest for stage in stages if (manifest := read_manifest(here, stage))}
    if not landed:
        raise NotLanded(f"{format_hour(hour)} has not run for source {settings.source}; there is nothing to verify.")
    remarks = [
        f"{stage} was made by code {manifest['code_version']}, this is {code_version()}"
        for stage, manifest in landed.items()
        if manifest["code_version"] != code_version()
    ]
    remarks += [f"{stage} has not landed, so it is not verified" for stage in stages if stage not in landed]
    remarks += [
        f"{stage} was computed with kernels for {manifest['arithmetic']}, here they are for {kernels()} (another "
        "processor, or OPENBLAS_CORETYPE): last digits of factors and scores may differ, which is no damage"
        for stage, manifest in landed.items()
        if manifest.get("arithmetic", kernels()) != kernels()
    ]
    files = {
        table: hash_landed(manifest, entry)
        for manifest in landed.values()
        for table, entry in manifest["tables"].items()
    }
    results = []
    with temporary_folder(settings.lake, "verify") as folder:
        for stage, manifest in landed.items():
            known = {name: value for name, value in manifest["settings"].items() if name in Settings.model_fields}
            made_with = Settings.model_validate({**settings.model_dump(), **known})
            recorded = frozenset(manifest["inputs"])
            remarks += [
                f"{stage} was made from another {name}, which has landed anew since" for name in changed(here, manifest)
            ]
            accept = read_acceptance(manifest)
            there = Run(hour, made_with, lake=folder, history=settings.lake, recorded=recorded, accept=accept)
            with explaining(here, landed, stage):
                compute_stage(stage, there)
            again = (read_manifest(there, stage) or {"tables": {}})["tables"]
            is_rewritten = was_rewritten(here, manifest)
            for table, entry in manifest["tables"].items():
                is_damaged, twin = files[table] != entry["sha256"], again.get(table, {}).get("sha256", "")
                results.append(Verified(table, files[table], twin, is_damaged, is_rewritten))
    return results, remarks


def hash_landed(manifest: dict[str, Any], entry: dict[str, Any]) -> str:
    """The hash that the file of a landed table has now, "" where there is none."""
    path = Path(manifest["folder"]) / entry["file"]
    return hash_file(path) if path.exists() else ""


@contextmanager
def explaining(run: Run, landed: dict[str, dict[str, Any]], stage: str) -> Iterator[None]:
    """Where damaged files keep a stage from being computed again, the error names them: `NotLanded`."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError):
        damaged = list(find_damaged(run, landed, stage))
        if not damaged:
            raise
        table, hour = damaged[0]
        raise NotLanded(
            f"{run.name}: {stage} cannot be computed again, because tables are missing or damaged: "
            f"{', '.join(f'{table}@{hour}' for table, hour in damaged)}; {how_to_mend(PRODUCERS[table], hour)}."
        ) from None


def find_damaged(run: Run, landed: dict[str, dict[str, Any]], stage: str) -> Iterator[tuple[str, str]]:
    """The tables whose files are not what landed, with their hours: of this hour, and those that the stage was made from."""
    for manifest in landed.values():
        for table, entry in manifest["tables"].items():
            if hash_landed(manifest, entry) != entry["sha256"]:
                yield table, run.name
    for name in landed[stage]["inputs"]:
        table, _, hour = name.partition("@")
        if hour and table in PRODUCERS:
            maker = read_manifest(run, PRODUCERS[table], parse_hour(hour))
            entry = maker["tables"].get(table) if maker else None
            if maker and entry and hash_landed(maker, entry) != entry["sha256"]:
                yield table, hour


def changed(run: Run, manifest: dict[str, Any]) -> list[str]:
    """The tables of other hours that a stage was made from and that are gone or have other bytes now."""
    found = []
    for name, sha in manifest["inputs"].items():
        table, _, hour = name.partition("@")
        if hour and table in PRODUCERS:
            now = find_table(run, table, parse_hour(hour))
            found += [] if now and now[1]["sha256"] == sha else [name]
    return found


def was_rewritten(run: Run, manifest: dict[str, Any]) -> bool:
    """Whether somebody was erased, or old queries were forgotten, in what a stage landed or in what it was made from."""
    if manifest.get("erasures"):
        return True
    for name in manifest["inputs"]:
        table, _, hour = name.partition("@")
        maker = read_manifest(run, PRODUCERS[table], parse_hour(hour) if hour else None) if table in PRODUCERS else None
        if maker and hour and any(table in erasure["tables"] for erasure in maker.get("erasures", [])):
            return True
        if maker and not hour and was_rewritten(run, maker):
            return True
    return False
