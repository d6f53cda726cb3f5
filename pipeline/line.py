"""The line: which stages there are, in which order, and how one or many hours run through them.

The Airflow DAG and the command line are both made from `STAGES`; a new stage is a function and one entry here.
Stage modules are imported only when they run, so that importing this module stays cheap for Airflow's DAG processor.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from importlib import import_module

from pipeline.errors import BadInput, DataError
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
    "review": ("prepare",),  # after publish: it keeps no list waiting, and lists of the hours before it have been made
    "report": ("ingest_events", "ingest_catalog", "publish", "review"),
}
# An hour's model is made from the model of the hour before once that was let through: of many hours these go hour by hour.
CHAINED = ("train", "evaluate")
# These read nothing that the other stages make, so of many hours they may go ahead of them, hour after hour.
TAKING_IN = ("ingest_events", "ingest_catalog", "prepare")
# These do many hours at once for less (`<stage>_of_hours` of their module).
TOGETHER = (*TAKING_IN, "report")
# Runs last, whether or not the stages before it succeeded; it decides nothing.
ALWAYS = "report"


def choose_stages(only: str | None) -> list[str]:
    """The stages named in a comma-separated list, in the line's order; all of them for None."""
    if not only:
        return list(STAGES)
    names = {name.strip() for name in only.split(",") if name.strip()}
    if not names:
        raise BadInput(f"no stage is named in {only!r}; the stages are {', '.join(STAGES)}.")
    unknown = sorted(names - set(STAGES))
    if unknown:
        raise BadInput(f"{', '.join(unknown)} is not a stage; the stages are {', '.join(STAGES)}.")
    return [stage for stage in STAGES if stage in names]


def compute_stage(stage: str, run: Run) -> StageResult:
    """Run one stage of the line for a run that is already described."""
    function: Callable[[Run], StageResult] = getattr(import_module(f"pipeline.stages.{stage}"), stage)
    return function(run)


def run_stage(stage: str, hour: datetime, settings: Settings, repull: bool = False, accept: str = "") -> StageResult:
    """Run one stage of one hour; what it made has landed in the lake (or, for publish, in the serving database)."""
    return compute_stage(stage, Run(hour=hour, settings=settings, repull=repull, accept=accept))


def run_stages(
    stages: Sequence[str], hour: datetime, settings: Settings, repull: bool = False, accept: str = ""
) -> Iterator[StageResult]:
    """Run stages of one hour in order; when one fails, the hour is reported all the same and the error goes on."""
    try:
        for stage in stages:
            yield run_stage(stage, hour, settings, repull, accept)
    except Exception:
        report_failure(stages, [hour], settings)
        raise


def group_stages(stages: Sequence[str]) -> list[tuple[str, ...]]:
    """Stages in order, those together that of many hours must be done for one hour before the next."""
    groups: list[tuple[str, ...]] = []
    for stage in stages:
        if stage in CHAINED and groups and groups[-1][0] in CHAINED:
            groups[-1] = (*groups[-1], stage)
        else:
            groups.append((stage,))
    return groups


def run_group_of_hours(
    group: Sequence[str], hours: Sequence[datetime], settings: Settings, repull: bool = False
) -> Iterator[StageResult]:
    """Run a group of `group_stages` of several hours, oldest first."""
    if len(group) == 1:
        yield from run_stage_of_hours(group[0], hours, settings, repull)
        return
    for hour in hours:
        for stage in group:
            yield run_stage(stage, hour, settings, repull)


def report_failure(stages: Sequence[str], hours: Sequence[datetime], settings: Settings) -> None:
    """Report hours in which a stage has failed, if that was asked for; what goes wrong here hides no earlier error."""
    if ALWAYS in stages and hours:
        with suppress(Exception):
            list(run_stage_of_hours(ALWAYS, hours, settings))


def run_stage_of_hours(
    stage: str, hours: Sequence[datetime], settings: Settings, repull: bool = False
) -> Iterator[StageResult]:
    """Run one stage of several hours, oldest first, together where the stage knows how to, else one by one.

    When hours cannot go together because one is refused, they are tried one by one, so that the error names that hour
    and all hours before it have landed.
    """
    from pipeline.lake import reuse_landed  # not above: it brings in Arrow, which the DAG processor need not pay for

    module = import_module(f"pipeline.stages.{stage}")
    together: Callable[[list[Run]], list[StageResult]] | None = getattr(module, f"{stage}_of_hours", None)
    runs = [Run(hour=hour, settings=settings, repull=repull) for hour in hours]
    if together is not None:
        # Only what was pulled is reused: what is derived from it may have to change, with what was pulled anew or with code.
        is_pulled = not STAGES[stage]
        try:
            landed = {run.hour: reuse_landed(run, stage) if is_pulled else None for run in runs}
            missing = [run for run in runs if landed[run.hour] is None]
            landed |= {
                run.hour: result for run, result in zip(missing, together(missing) if missing else [], strict=True)
            }
        except DataError:
            pass
        else:
            yield from (result for result in landed.values() if result)
            return
    for run in runs:
        yield compute_stage(stage, run)
