"""The line: which stages there are, in which order, and how one or many hours run through them.

The Airflow DAG and the command line are both made from `STAGES`; a new stage is a function and one entry here.
Stage modules are imported only when they run, so that importing this module stays cheap for Airflow's DAG processor.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from importlib import import_module

from pipeline.errors import BadInput
from pipeline.run import Run, StageResult
from pipeline.settings import Settings

# stage: the stages it waits for. Order is the order of execution.
STAGES: dict[str, tuple[str, ...]] = {
    "ingest_events": (),
    "ingest_catalog": (),
    "prepare": ("ingest_events", "ingest_catalog"),
    "train": ("prepare",),
    "evaluate": ("train",),
    "recommend": ("evaluate",),
    "publish": ("recommend",),
}


def choose_stages(only: str | None) -> list[str]:
    """The stages named in a comma-separated list, in the line's order; all of them for None."""
    if not only:
        return list(STAGES)
    names = {name.strip() for name in only.split(",") if name.strip()}
    unknown = sorted(names - set(STAGES))
    if unknown:
        raise BadInput(f"{', '.join(unknown)} is not a stage; the stages are {', '.join(STAGES)}.")
    return [stage for stage in STAGES if stage in names]


def run_stage(stage: str, hour: datetime, settings: Settings, repull: bool = False) -> StageResult:
    """Run one stage of one hour; what it made has landed in the lake (or, for publish, in the serving database)."""
    function: Callable[[Run], StageResult] = getattr(import_module(f"pipeline.stages.{stage}"), stage)
    return function(Run(hour=hour, settings=settings, repull=repull))


def run_hour(
    hour: datetime,
    settings: Settings,
    stages: Collection[str] = tuple(STAGES),
    repull: bool = False,
    report: Callable[[StageResult], None] = lambda result: None,
) -> list[StageResult]:
    """Run the given stages of one hour in order, telling `report` about each as it ends."""
    results = []
    for stage in stages:
        results.append(run_stage(stage, hour, settings, repull))
        report(results[-1])
    return results
