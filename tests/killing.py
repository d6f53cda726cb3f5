"""Processes that do the pipeline's work and die at a named point; they are forked from one that has imported everything."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from handmade_shop import FIRST

from pipeline import failpoints
from pipeline.errors import AuditFailed, BadInput
from pipeline.hours import HOUR
from pipeline.line import STAGES, run_stage
from pipeline.serving.database import connect
from pipeline.settings import Settings

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["great_expectations", "pipeline.audit", "pipeline.privacy.erase"]
    + [f"pipeline.stages.{stage}" for stage in STAGES]
)
PATIENCE_SECONDS = 300
LAST = FIRST + 3 * HOUR  # of the killed home: landed, not published


def publish_and_report(settings: Settings) -> None:
    """The last hour is published and reported."""
    for stage in ("publish", "report"):
        run_stage(stage, LAST, settings)


def publish_and_retire(settings: Settings) -> None:
    """The last hour is published, and the rows of the first are gone, as if long ago."""
    from pipeline.serving.retention import remove_old_versions

    run_stage("publish", LAST, settings)
    engine = connect(settings.serving)
    try:
        remove_old_versions(engine, settings.source, settings.arm, 1, 0, datetime.now(UTC) + timedelta(days=9))
    finally:
        engine.dispose()


def land_again(settings: Settings) -> None:
    """The model of the last hour lands three times with other bytes, so that old files go, and then as it was."""
    for factors in (3, 5, settings.factors):
        run_stage("train", LAST, settings.model_copy(update={"factors": factors}))


def fail_and_land(settings: Settings) -> None:
    """The last hour is refused twice, so that evidence is replaced, and then taken in."""
    for _ in range(2):
        with suppress(AuditFailed):
            strict = settings.model_copy(update={"malformed_limit": 0.0, "gate_min_rows": 1})
            run_stage("ingest_events", LAST, strict, repull=True)
    run_stage("ingest_events", LAST, settings, repull=True)


def forget_first_hours(settings: Settings) -> None:
    """What was typed in the hours that are not live is forgotten."""
    from pipeline.privacy.forget import forget_all

    forget_all(settings, LAST, before=FIRST + HOUR)


def erase_request(settings: Settings) -> None:
    """The one request that was filed is carried out, if it was not before."""
    from pipeline.privacy.erase import erase_request

    with suppress(BadInput):
        erase_request(settings, 1)


# The points that begin so are reached by this work.
WORKS: dict[str, Callable[[Settings], None]] = {
    "files": land_again,
    "lake": land_again,
    "lake.evidence_written": fail_and_land,
    "lake.old_evidence_gone": fail_and_land,
    "serving": publish_and_report,
    "publish": publish_and_report,
    "report": publish_and_report,
    "copy": publish_and_report,
    "retention": publish_and_retire,
    "forget": forget_first_hours,
    "rewrite": erase_request,
    "erase": erase_request,
}


def work_at(point: str) -> Callable[[Settings], None]:
    """The work that reaches this point."""
    return WORKS.get(point) or WORKS[point.split(".")[0]]


def act(work: Callable[[Settings], None], settings: Settings, failpoint: str = "") -> int:
    """Do the work in another process that has the fail point switched on; returns its exit code, -9 when it was killed."""
    process = FORKS.Process(target=_act, args=(work, settings, failpoint))
    process.start()
    process.join(PATIENCE_SECONDS)
    if process.is_alive():
        process.kill()
        raise AssertionError(f"still at work after {PATIENCE_SECONDS} s")
    return process.exitcode or 0


def _act(work: Callable[[Settings], None], settings: Settings, failpoint: str) -> None:
    if failpoint:
        os.environ[failpoints.VARIABLE] = failpoint
    work(settings)


def run_hours(settings: Settings, hours: list[datetime]) -> None:
    """Whole hours, one after the other."""
    for hour in hours:
        for stage in STAGES:
            run_stage(stage, hour, settings)


def start(work: Callable[..., None], *arguments: Any) -> Any:
    """A process that does the work until it is done or killed."""
    process = FORKS.Process(target=work, args=arguments)
    process.start()
    return process


def kill(process: Any) -> None:
    """The process is gone, in the middle of whatever it did."""
    os.kill(process.pid, signal.SIGKILL)
    process.join()
