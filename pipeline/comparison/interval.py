"""One run of the production stages on the simulated clock, and what each stage really took."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pipeline.comparison.clock import Interval
from pipeline.errors import TreasureHuntError
from pipeline.hours import parse_hour
from pipeline.line import STAGES, report_failure, run_stage_of_hours
from pipeline.manifests import find_table, read_manifest
from pipeline.run import Run, StageResult
from pipeline.settings import Settings
from pipeline.stopwatch import Clocks, read_clocks, time_since
from pipeline.tables import PRODUCERS

MIB = 1 << 20
# Stages that run for every hour of an interval; those that follow run as of its last one.
PULLED = tuple(stage for stage, before in STAGES.items() if not before)


@dataclass(frozen=True)
class Took:
    """What a stage took: by the clock, of the processor, at most in memory, from and to storage."""

    stage: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    bytes_read: int
    bytes_written: int


@dataclass
class Ran:
    """A run that is over. `landed` are the hours whose events were taken in, and when."""

    interval: Interval
    started: datetime
    ended: datetime
    published: datetime | None = None
    version: str | None = None
    status: str = "failed"
    trouble: str = ""
    events_in: int = 0
    rows_out: int = 0
    took: list[Took] = field(default_factory=list)
    landed: dict[datetime, datetime] = field(default_factory=dict)
    attempt: int = 1  # of this interval
    done: int = 0  # hours that the stage which it is at has done


def run_interval(
    interval: Interval, started: datetime, settings: Settings, seconds: Mapping[str, float] | None = None
) -> Ran:
    """The line has run for an interval: what is pulled of each of its hours, everything else as of its end.

    Stages run one after the other in this process; the clock goes on by what each of them really takes, or by the
    `seconds` that are given for it. A stage that fails ends the run: the hour is reported, the last version stays, and
    nobody tries again.
    """
    ran = Ran(interval, started, started)
    try:
        for stage in STAGES:
            run_once(ran, stage, settings, seconds)
    except TreasureHuntError as error:
        ran.trouble = str(error)
        report_failure(list(STAGES), interval.hours[-1:], settings)
    return ran


def run_once(ran: Ran, stage: str, settings: Settings, seconds: Mapping[str, float] | None = None) -> list[StageResult]:
    """A stage has run for its hours of the interval, once, and the run knows what it took and said, also when it failed."""
    hours = hours_of(ran, stage)
    begun = read_clocks()
    results: list[StageResult] = []
    try:
        for result in run_stage_of_hours(stage, hours, settings):
            results.append(result)
    finally:
        took = measure(stage, begun, [Run(hour, settings) for hour in hours])
        ran.took.append(replace(took, seconds=(seconds or {}).get(stage, took.seconds)))
        ran.ended += timedelta(seconds=ran.took[-1].seconds)
        ran.done = len(results)
        take_in(ran, stage, results)
    return results


def hours_of(ran: Ran, stage: str) -> tuple[datetime, ...]:
    """The hours of the interval for which a stage runs."""
    return ran.interval.hours if stage in PULLED else ran.interval.hours[-1:]


def take_in(ran: Ran, stage: str, results: list[StageResult]) -> None:
    """What a stage says about the run."""
    if stage == "ingest_events":
        ran.landed = {parse_hour(result.hour): ran.ended for result in results}
        ran.events_in = sum(result.facts["ledger"]["delivered"] for result in results)
    if stage == "publish" and results:
        facts = results[0].facts
        is_live = facts["outcome"] == "live"
        ran.status = "published" if is_live else "superseded"
        ran.published, ran.version = (ran.ended, facts["version"]) if is_live else (None, None)


def measure(stage: str, begun: Clocks, runs: list[Run]) -> Took:
    """What a stage took since it began, with the sizes of the tables that its manifests name."""
    timings = time_since(begun)
    sizes = [sizes_of(run, stage) for run in runs]
    return Took(
        stage=stage,
        seconds=timings["seconds"],
        cpu_seconds=timings["cpu_seconds"],
        peak_bytes=int(timings["peak_rss_mb"] * MIB),
        bytes_read=sum(read for read, _ in sizes),
        bytes_written=sum(written for _, written in sizes),
    )


def sizes_of(run: Run, stage: str) -> tuple[int, int]:
    """Bytes of the landed tables that a stage read and of those that it wrote; publishing writes what it reads."""
    manifest = read_manifest(run, stage)
    if manifest is None:
        return 0, 0
    read = sum(input_sizes(run, manifest))
    written = sum(entry["bytes"] for entry in manifest["tables"].values())
    return read, read if stage == "publish" else written


def input_sizes(run: Run, manifest: dict[str, Any]) -> Iterator[int]:
    """Bytes of each input of a manifest that is a table of the lake, of this hour or (`table@hour`) another one."""
    for name in manifest["inputs"]:
        table, _, hour = name.partition("@")
        if table in PRODUCERS:
            found = find_table(run, table, parse_hour(hour) if hour else None)
            yield found[1]["bytes"] if found else 0
