"""Computing an hour again elsewhere and comparing the bytes: the proof that an hour can be trusted and repeated."""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.arithmetic import kernels
from pipeline.errors import NotLanded
from pipeline.files import code_version
from pipeline.hours import format_hour, parse_hour
from pipeline.line import STAGES, compute_stage
from pipeline.manifests import find_table, read_acceptance, read_manifest
from pipeline.run import Run
from pipeline.settings import Settings
from pipeline.tables import PRODUCERS


@dataclass(frozen=True)
class Verified:
    """One table of the hour: the hash it has in the lake and the hash it gets when computed again."""

    table: str
    landed: str
    again: str
    is_rewritten: bool = False  # it, or what it was made from, had people or their words taken out since

    @property
    def is_same(self) -> bool:
        """Whether the bytes are the same."""
        return self.landed == self.again

    @property
    def is_broken(self) -> bool:
        """Whether the bytes differ and nothing on record says why."""
        return not self.is_same and not self.is_rewritten


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
    results = []
    settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="verify-", dir=settings.home) as folder:
        for stage, manifest in landed.items():
            known = {name: value for name, value in manifest["settings"].items() if name in Settings.model_fields}
            made_with = Settings.model_validate({**settings.model_dump(), **known})
            recorded = frozenset(manifest["inputs"])
            remarks += [
                f"{stage} was made from another {name}, which has landed anew since" for name in changed(here, manifest)
            ]
            accept = read_acceptance(manifest)
            there = Run(hour, made_with, lake=Path(folder), history=settings.lake, recorded=recorded, accept=accept)
            compute_stage(stage, there)
            again = (read_manifest(there, stage) or {"tables": {}})["tables"]
            is_rewritten = was_rewritten(here, manifest)
            for table, entry in manifest["tables"].items():
                results.append(Verified(table, entry["sha256"], again.get(table, {}).get("sha256", ""), is_rewritten))
    return results, remarks


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
