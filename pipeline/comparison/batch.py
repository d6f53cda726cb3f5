"""The batch arm: the production stages of this repository, driven over a log on a simulated clock.

Simulated is when things happen: rows are delivered, runs fall due at the end of their interval and reads come as the log has
them. Measured is how long things take: a run begins when it is due (later by the delay that was asked for, or when the run
before it is still at work), and each stage moves the clock on by the seconds that it really took.
"""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.comparison.clock import begin, name_duration, split_log
from pipeline.comparison.disturbed import Disturbed, run_disturbed, tell_faults
from pipeline.comparison.durations import read_durations, write_durations
from pipeline.comparison.export import export_run
from pipeline.comparison.faults import FaultyFeed, read_plan
from pipeline.comparison.feed import SOURCE, Feed
from pipeline.comparison.interval import Ran, run_interval
from pipeline.comparison.log import Log, check_new, spell
from pipeline.comparison.pace import NOTES as PACE_NOTES
from pipeline.errors import BadInput
from pipeline.hours import HOUR
from pipeline.settings import Settings, load_settings

NOTES = (
    "The production stages, one after the other in one process with its own SQLite serving database; the first run pays the "
    "imports. When things happen is simulated, how long they take is measured: valid_from, published, latency_ms and all "
    "that follows from them differ a little from run to run, lists and fates do not. Memory is the largest of the process "
    "so far. Reads go through the read contract in this process, without HTTP. Bytes are those of the lake's tables, and "
    "what is published counts as written once more."
)
DISTURBED_NOTES = (
    " It meets a plan of faults: stages are tried again as the DAG tries them, an hour that was refused is run again before "
    "the next run once its delivery is mended, and while the database is away reads get what the read API has then. What a "
    "process that is killed took of the processor is not counted."
)


def run_batch(
    log: Log,
    out: Path,
    *,
    cadence: timedelta = HOUR,
    delay: timedelta = timedelta(),
    seed: int | None = None,
    durations: Path | None = None,
    plan: Path | None = None,
    tell: Callable[[Ran], None] = lambda ran: None,
    **knobs: Any,
) -> list[Ran]:
    """The bundle of the batch arm on this log stands in `out`, with the models of its runs under `out/models`.

    `cadence` is a whole number of hours, or a part of one, at which the line sees the log in slow motion; `delay` is added
    before each run begins; `seed` (default: the log's) is that of the model; `durations` is an earlier bundle by whose clock
    this one goes; `plan` are faults to meet; `knobs` are settings.
    Raises `BadInput` for another cadence, durations of other runs or beside a plan, a plan that is none of this log or of
    a cadence below an hour, or a folder that holds something.
    """
    check_new(out)
    intervals = list(split_log(log.started, log.ended, cadence))
    if plan and durations:
        raise BadInput(
            "a run that meets faults is tried again when they come: it cannot go by the durations of another."
        )
    if plan and cadence < HOUR:
        raise BadInput(
            f"a plan of faults is of hours and their files; with a cadence of {cadence} there are none of these."
        )
    known = read_durations(durations, intervals) if durations else {}
    faults = read_plan(plan, log) if plan else None
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".batch-", dir=out.parent) as folder:
        settings = open_home(Path(folder), log.seed if seed is None else seed, len(intervals), **knobs)
        pace = intervals[0].pace
        feed, ran = Feed(log, Path(settings.source_url), pace), list[Ran]()
        line = pace.slow_settings(settings)
        arm = None
        if faults is not None:
            arm = Disturbed(log, FaultyFeed(log, Path(settings.source_url), faults), settings, faults, ran)
            feed = arm.feed
            run_disturbed(arm, intervals, delay, tell)
        for interval in intervals if arm is None else ():
            for hour in interval.hours:
                feed.deliver(hour)
            begun = begin(interval.end, delay, ran[-1].ended if ran else log.started)
            ran.append(run_interval(interval, begun, line, known.get(spell(interval.end))))
            tell(ran[-1])
        described = {
            "arm": f"batch {name_duration(cadence)}"
            + (f" +{name_duration(delay)}" if delay else "")
            + (" (faults)" if arm else ""),
            "kind": "batch",
            "seed": settings.seed,
            "cadence_seconds": cadence.total_seconds(),
            "delay_seconds": delay.total_seconds(),
            "notes": NOTES
            + (" Durations are those of an earlier bundle." if durations else "")
            + (PACE_NOTES.format(cadence=name_duration(cadence)) if pace.times > 1 else "")
            + (DISTURBED_NOTES if arm else ""),
        }
        if arm is None:
            export_run(out, log, feed, ran, settings, described)
            write_durations(out, ran)
        else:
            tell_faults_of = partial(tell_faults, arm)
            export_run(out, log, feed, ran, settings, described, arm.answers, tell_faults_of)
    return ran


def open_home(folder: Path, seed: int | None, versions: int, **knobs: Any) -> Settings:
    """Ordinary settings of a home of its own, which reads the feed and keeps every version to the end."""
    return load_settings(
        home=folder / "home",
        source=SOURCE,
        source_url=str(folder / "feed"),
        serving_url="",
        lake_copy="",
        seed=seed or 0,
        keep_versions=versions + 3,
        **knobs,
    )
