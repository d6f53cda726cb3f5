"""The arm of a batch as a team had it that gave it up: drop and reload, a job of four hours, HTTP 400 for who has no row.

Its clock is that of the batch arm: when things happen is simulated, what reading, learning and loading take is measured, and
`delay` and `load` are added, as the seconds of a job that is larger than this machine's. Nobody tries again: a job that dies
leaves the table as it is until the next one that comes through.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.comparison.answers import answer_from_lists
from pipeline.comparison.batch import open_home
from pipeline.comparison.bundle import MOMENT, columns_of, write_rows, write_table
from pipeline.comparison.clock import begin, name_duration, split_hours
from pipeline.comparison.controls import refuse_unknown
from pipeline.comparison.export import find_fates, seal
from pipeline.comparison.faults import Fault, FaultyFeed, count_wrong, find_recovery, read_plan
from pipeline.comparison.log import Log, check_new
from pipeline.comparison.story import WEIGHTS
from pipeline.comparison.story_job import Told, run_job
from pipeline.errors import BadInput
from pipeline.hours import HOUR
from pipeline.prices import MIB, gb_seconds
from pipeline.settings import Settings

NOTES = (
    "A re-enactment, written to be beaten: a plain pandas job reads the whole raw history again, asks nothing of it, drops "
    "the table of lists and loads it anew; its server knows that table and answers 400 to whoever has no row. When things "
    "happen is simulated; {delay} after it began, measured seconds on top, a run is through, and for the last {load} of it "
    "the lists come in part by part. Reads are answered by the lists alone, so there is no latency."
)


def run_story(
    log: Log,
    out: Path,
    *,
    cadence: timedelta = 4 * HOUR,
    delay: timedelta = 4 * HOUR,
    load: timedelta = HOUR / 4,
    seed: int | None = None,
    plan: Path | None = None,
    tell: Callable[[Told], None] = lambda told: None,
    **knobs: Any,
) -> list[Told]:
    """The bundle of the story's batch on this log stands in `out`.

    A run ends `delay` after it began, measured seconds on top, and the table is loaded in the last `load` of it; `plan` are
    faults to meet; `knobs` are settings of the model. Raises `BadInput` for a load that is longer than the delay, and as the
    batch arm does.
    """
    check_new(out)
    if load > delay:
        raise BadInput(
            f"loading takes {name_duration(load)} of {name_duration(delay)}: give a longer delay or a shorter load."
        )
    intervals = list(split_hours(log.started, log.ended, cadence))
    faults = read_plan(plan, log) if plan else []
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".story-", dir=out.parent) as folder:
        settings = open_home(Path(folder), log.seed if seed is None else seed, len(intervals), **knobs)
        feed, ran = FaultyFeed(log, Path(settings.source_url), faults), list[Told]()
        with closing(sqlite3.connect(Path(folder) / "served.db")) as connection:
            for interval in intervals:
                for hour in interval.hours:
                    feed.deliver(hour)
                begun = begin(interval.end, timedelta(), ran[-1].ended if ran else log.started)
                feed.mend(begun)
                ran.append(Told(interval, begun, begun))
                met = [one.died_of for one in ran]
                run_job(ran[-1], feed, settings, connection, delay, load, [one for one in faults if one not in met])
                tell(ran[-1])
        notes = NOTES.format(delay=name_duration(delay), load=name_duration(load))
        described = {
            "arm": f"story {name_duration(cadence)} +{name_duration(delay)}" + (" (faults)" if plan else ""),
            "kind": "control",
            "seed": settings.seed,
            "cadence_seconds": cadence.total_seconds(),
            "delay_seconds": delay.total_seconds(),
            "notes": notes + (" It meets a plan of faults and notices of them what its job dies of." if plan else ""),
        }
        export_story(out, log, feed, ran, faults, settings, described)
    return ran


def export_story(
    out: Path,
    log: Log,
    feed: FaultyFeed,
    ran: Sequence[Told],
    faults: Sequence[Fault],
    settings: Settings,
    described: dict[str, Any],
) -> None:
    """The whole bundle stands in `out`, `arm.json` last."""
    out.mkdir(parents=True, exist_ok=True)
    lists = pa.concat_tables([columns_of("recommendations").empty_table(), *list_rows(ran)])
    write_table(out, "recommendations", lists)
    versions = [one for one in ran if one.version]
    cutoffs = {"version": [one.version for one in versions], "cutoff": [one.interval.end for one in versions]}
    shape = pa.schema([("version", pa.string()), ("cutoff", MOMENT)])
    reads = answer_from_lists(settings, log.read("reads"), lists, pa.table(cutoffs, schema=shape))
    write_table(out, "reads", cut_off(refuse_unknown(reads, pc.min(lists["valid_from"])), faults))
    write_table(out, "event_visibility", pa.concat_tables(visible_rows(feed, ran, settings)))
    write_rows(out, "runs", [run_row(one) for one in ran])
    write_rows(out, "costs", list(cost_rows(ran)))
    write_rows(out, "faults", list(fault_rows(out, log, ran, faults)))
    seal(out, log, settings, (one.ended for one in ran), described)


def list_rows(ran: Sequence[Told]) -> Iterator[pa.Table]:
    """Rows of `recommendations` of each run: a user's list from when its part was loaded until the table is dropped."""
    shape = columns_of("recommendations")
    drops = [one.dropped for one in ran if one.dropped]
    for one in ran:
        if one.lists is None or one.dropped is None:
            continue
        until = next((drop for drop in drops if drop > one.dropped), None)
        since = [one.loaded.get(user) for user in one.lists["user_id"].to_pylist()]
        count = len(since)
        columns = {name: one.lists[name] for name in one.lists.column_names}
        columns |= {"version": pa.array([one.version] * count), "source": pa.array(["personal"] * count, pa.string())}
        columns |= {"valid_from": pa.array(since, MOMENT), "valid_to": pa.array([until] * count, MOMENT)}
        rows = pa.table({name: columns[name] for name in shape.names})
        yield rows.filter(pc.is_valid(rows["valid_from"])).cast(shape)


def cut_off(reads: pa.Table, faults: Sequence[Fault]) -> pa.Table:
    """Reads while the database is away are answered with 503: the server has nothing else to read from."""
    away = [one for one in faults if one.kind == "database_away"]
    rows = reads.to_pylist()
    for row in rows:
        if any(one.is_on(row["t"]) for one in away):
            row |= {"status": 503, "version": None, "list_age_seconds": None, "served_reason": None, "items": 0}
    return pa.Table.from_pylist(rows, schema=reads.schema)


def visible_rows(feed: FaultyFeed, ran: Sequence[Told], settings: Settings) -> Iterator[pa.Table]:
    """Rows of `event_visibility`: every row counts, however often it comes, from the first whole load that has read it.

    A row without a user, an item or a known type reaches no list, and nobody says so.
    """
    shape = columns_of("event_visibility")
    late = {one.hour: one for one in feed.faults if one.kind == "late"}
    for hour in sorted({hour for one in ran for hour in one.interval.hours}):
        has_read = [one for one in ran if one.lists is not None and one.interval.end > hour]
        has_read = [one for one in has_read if hour not in late or not late[hour].is_on(one.started)]
        landed = has_read[0].started if has_read else None
        visible = next((one.ended for one in has_read if one.status == "published"), None)
        rows = feed.located(hour)
        fates = find_fates(rows, None, settings)
        types = pa.array(list(WEIGHTS))
        counts = pc.and_(
            pc.is_in(rows["event_type"], types), pc.and_(pc.is_valid(rows["user_id"]), pc.is_valid(rows["item_id"]))
        )
        seen = pc.if_else(counts, pa.scalar(visible, MOMENT), pa.scalar(None, MOMENT))
        fate = pa.array(["lost" if landed is None else "accepted"] * len(rows), pa.string())
        columns = [fates["event_id"], fates["occurred"], pa.array([landed] * len(rows), MOMENT), fate, seen]
        yield pa.table(columns, schema=shape)


def run_row(one: Told) -> dict[str, Any]:
    """A row of `runs`; a run that loaded a part has a version."""
    return {
        "run_id": f"{one.interval.end:%Y-%m-%dT%H:%M}",
        "interval_start": one.interval.start,
        "interval_end": one.interval.end,
        "scheduled": one.interval.end,
        "started": one.started,
        "ended": one.ended,
        "published": min(one.loaded.values(), default=one.ended if one.status == "published" else None),
        "data_cutoff": one.interval.end,
        "status": one.status,
        "version": one.version,
        "events_in": one.events_in,
        "rows_out": sum(user in one.loaded for user in one.lists["user_id"].to_pylist()) if one.lists else 0,
        "cpu_seconds": sum(took["cpu_seconds"] for took in one.took.values()),
        "peak_bytes": int(max(took["peak_rss_mb"] for took in one.took.values()) * MIB),
    }


def cost_rows(ran: Sequence[Told]) -> Iterator[dict[str, Any]]:
    """Rows of `costs`: each part of the job over all runs, as measured; what was added is not paid for."""
    for what in ("read and learn", "load"):
        parts = [one.took[what] for one in ran if what in one.took]
        yield {
            "what": what,
            "cpu_seconds": sum(took["cpu_seconds"] for took in parts),
            "gb_seconds": sum(gb_seconds(took) for took in parts),
            "bytes_read": 0,
            "bytes_written": 0,
        }


def fault_rows(bundle: Path, log: Log, ran: Sequence[Told], faults: Sequence[Fault]) -> Iterator[dict[str, Any]]:
    """Rows of `faults`: noticed is what a job died of."""
    published = [(one.started, one.ended) for one in ran if one.status == "published"]
    for fault in faults:
        died = next((one.ended for one in ran if one.died_of == fault), None)
        if fault.kind == "killed" and died is None:
            continue  # nobody published after it
        began = died if fault.kind == "killed" and died else fault.began
        recovered = find_recovery(fault, began, published) if died or is_read(fault, ran) else quiet_end(fault)
        row = {"fault": fault.fault, "started": began, "detected": died, "recovered": recovered}
        yield row | {"bad_rows": count_wrong(bundle, log.folder, began, recovered)}


def is_read(fault: Fault, ran: Sequence[Told]) -> bool:
    """Whether a run has read what a fault spoilt."""
    if fault.kind == "catalog_cut":
        return any(one.interval.hours[-1] == fault.hour for one in ran)
    return fault.kind != "database_away" and any(fault.is_on(one.started) for one in ran)


def quiet_end(fault: Fault) -> datetime | None:
    """When a fault that no run met was over for readers: they got nothing while the database was away, else all the same."""
    return fault.over if fault.kind == "database_away" else fault.began
