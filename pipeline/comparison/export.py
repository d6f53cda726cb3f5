"""The bundle of a batch run: what its serving database and its lake say, in the tables that a judge reads."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Engine, select

from pipeline.comparison.bundle import MOMENT, columns_of, write_arm, write_rows, write_table
from pipeline.comparison.feed import Feed, moment
from pipeline.comparison.interval import Ran, Took
from pipeline.comparison.log import Log, spell
from pipeline.comparison.machine import describe_machine
from pipeline.comparison.models import export_models
from pipeline.duck import connect as connect_duck
from pipeline.duck import fetch_table, view_files
from pipeline.errors import BadInput
from pipeline.files import code_version, hash_json
from pipeline.hours import HOUR
from pipeline.manifests import find_table, stage_facts
from pipeline.prices import gb_seconds
from pipeline.run import Run
from pipeline.serving.contract import Asked, Listed, Source
from pipeline.serving.database import connect, reading
from pipeline.serving.lists import BEST_FIRST, ListReader
from pipeline.serving.schema import user_recommendations
from pipeline.settings import Settings
from pipeline.stopwatch import read_clocks, time_since


def export_run(
    out: Path,
    log: Log,
    feed: Feed,
    ran: Sequence[Ran],
    settings: Settings,
    described: dict[str, Any],
    answers: Mapping[tuple[datetime, str], dict[str, Any]] | None = None,
    tell_faults: Callable[[Path], list[dict[str, Any]]] = lambda out: [],
) -> None:
    """The whole bundle stands in `out`, `arm.json` last.

    `answers` are rows of `reads` that are known already, by when and who; `tell_faults` makes the rows of `faults` when all
    other tables stand there.
    """
    out.mkdir(parents=True, exist_ok=True)
    published = [one for one in ran if one.published]
    engine = connect(settings.serving)
    try:
        reader = ListReader(engine, settings.source, settings.arm, settings.stale_after_minutes)
        write_table(out, "recommendations", export_lists(engine, reader, published, settings.k))
        begun = read_clocks()
        write_table(out, "reads", answer_reads(reader, log.read("reads"), published, settings.k, answers or {}))
        serving = time_since(begun)
    finally:
        engine.dispose()
    write_table(out, "event_visibility", export_visibility(feed, ran, settings))
    write_rows(out, "runs", [run_row(one) for one in ran])
    write_rows(out, "costs", [*cost_rows(ran), reading_row(serving)])
    write_rows(out, "faults", tell_faults(out))
    export_models(out, published, settings)
    seal(out, log, settings, (one.ended for one in ran), described)


def seal(out: Path, log: Log, settings: Settings, ended: Iterable[datetime], described: dict[str, Any]) -> None:
    """`arm.json` of a batch stands in `out`: what `described` says, and of code, settings, log and machine what is so."""
    facts = {
        "commit": code_version(),
        "settings_hash": hash_json(settings.facts()),
        "log_hash": log.log_hash,
        "k": settings.k,
        "started": spell(log.started),
        "ended": spell(max([log.ended, *ended])),
        "hardware": describe_machine(),
        "price_sheet": "",
    }
    write_arm(out, described | facts)


def export_lists(engine: Engine, reader: ListReader, published: Sequence[Ran], k: int) -> pa.Table:
    """Rows of `recommendations`: each published version's lists of users, and its list of everyone."""
    shape = columns_of("recommendations")
    parts = [shape.empty_table()]
    for place, one in enumerate(published):
        until = published[place + 1].published if place + 1 < len(published) else None
        rows = list(read_lists(engine, reader, str(one.version), k))
        columns = [pa.array(column) for column in zip(*rows, strict=True)]
        spans = [pa.array([at] * len(rows), MOMENT) for at in (one.published, until)]
        names = pa.array([one.version] * len(rows), pa.string())
        parts.append(pa.table([names, *columns, *spans], names=shape.names).cast(shape))
        one.rows_out = len(rows)
    return pa.concat_tables(parts)


def read_lists(engine: Engine, reader: ListReader, version: str, k: int) -> Iterator[tuple[Any, ...]]:
    """What a version has for everybody: user, rank, item, score, source.

    A list as long as that of everyone is shown as it stands; a shorter one is asked for through the read contract, which
    fills it up.
    """
    everyone = reader.read_version(version, Asked(k=k))
    yield from ((None, row.rank, row.item_id, row.score, str(row.source)) for row in everyone)
    columns = user_recommendations.c
    wanted = select(columns.user_id, columns.rank, columns.item_id, columns.score, columns.reason)
    lists: dict[str, list[tuple[Any, ...]]] = {}
    with reading(engine) as connection:
        found = connection.execute(wanted.where(columns.version == version).order_by(columns.user_id, columns.rank))
        for user, rank, item, score, reason in found:
            lists.setdefault(user, []).append((user, rank, item, score, source_of(reason)))
    for user, rows in lists.items():
        if len(rows) < len(everyone):
            answer = reader.read_version(version, Asked(user=user, k=k))
            rows = [(user, row.rank, row.item_id, row.score, str(row.source)) for row in answer]
        yield from rows


def source_of(reason: str) -> str:
    """Where a row of a user's list comes from, as sql/serving/served_list.sql has it."""
    if reason == '["popular"]':
        return Source.POPULAR
    if reason.startswith('["popular",'):
        return Source.SEGMENT
    return Source.SEARCHES if reason.startswith('["searched"') else Source.PERSONAL


def best_source(rows: Sequence[Listed]) -> str | None:
    """The `served_reason` of an answer: the best of its rows' sources."""
    return min((row.source for row in rows), key=BEST_FIRST.__getitem__, default=None)


def answer_reads(
    reader: ListReader,
    asked: pa.Table,
    published: Sequence[Ran],
    k: int,
    answers: Mapping[tuple[datetime, str], dict[str, Any]],
) -> pa.Table:
    """Rows of `reads`: each read of the log, answered by the read contract from the version that was live then."""
    moments = np.array([moment(one.published) for one in published if one.published], "datetime64[us]")
    live = np.searchsorted(moments, asked["t"].to_numpy(), side="right") - 1
    rows = []
    for at, user, place in zip(asked["t"].to_pylist(), asked["user_id"].to_pylist(), live, strict=True):
        row = {"t": at, "user_id": user, "status": 503, "items": 0}
        if (at, user) in answers:
            row |= answers[at, user]
        elif place >= 0:
            row |= answer_read(reader, user, at, published[place], k)
        rows.append(row)
    shape = columns_of("reads")
    return pa.Table.from_pylist(rows, schema=pa.schema([field.with_nullable(True) for field in shape]))


def answer_read(reader: ListReader, user: str, at: datetime, live: Ran, k: int) -> dict[str, Any]:
    """What the read API would have said: 200 with a list, 404 without, 422 for what no user is called."""
    begun = read_clocks()[0]
    try:
        rows = reader.read_version(str(live.version), Asked(user=user, k=k))
    except BadInput:
        return {"status": 422}
    return {
        "status": 200 if rows else 404,
        "latency_ms": round((read_clocks()[0] - begun) * 1000, 3),
        "version": live.version,
        "list_age_seconds": (at - live.interval.end).total_seconds(),
        "served_reason": best_source(rows),
        "items": len(rows),
    }


def export_visibility(feed: Feed, ran: Sequence[Ran], settings: Settings) -> pa.Table:
    """Rows of `event_visibility`: each delivered row's fate, when it landed, and the first version that knows it.

    An hour whose events never landed has lost them.
    """
    taken: dict[tuple[datetime | None, datetime], list[datetime]] = {}  # by who took it in, or else by itself
    for hour in sorted({hour for one in ran for hour in one.interval.hours}):
        taker = find_taker(feed, hour, settings)
        taken.setdefault((taker, taker or hour), []).append(hour)
    parts = [columns_of("event_visibility").empty_table()]
    for (taker, _), hours in taken.items():
        place = next((place for place, one in enumerate(ran) if taker in one.landed), len(ran))
        landed = ran[place].landed[taker] if taker and place < len(ran) else None
        visible = next((later.published for later in ran[place:] if later.published), None)
        fates = find_fates(pa.concat_tables(map(feed.located, hours)), taker if landed else None, settings)
        is_accepted = pc.equal(fates["fate"], "accepted")
        shown = pc.if_else(is_accepted, pa.scalar(visible, MOMENT), pa.scalar(None, MOMENT))
        columns = [fates["event_id"], fates["occurred"], pa.array([landed] * len(fates), MOMENT), fates["fate"], shown]
        parts.append(pa.table(columns, schema=parts[0].schema))
    return pa.concat_tables(parts)


def find_taker(feed: Feed, hour: datetime, settings: Settings) -> datetime | None:
    """The hour that took in what a file delivered, None where none did: its own, or a later one that looked back."""
    rows = feed.located(hour)
    if not len(rows):
        return hour if stage_facts(Run(hour, settings), "ingest_events") else None
    # By the rows themselves: an hour whose own file is late delivers those of a late file before it.
    for taker in (hour + step * HOUR for step in range(settings.pull_lookback_hours + 1)):
        found = find_table(Run(taker, settings), "delivered_rows")
        if found and pc.any(pc.is_in(rows["locator"], pq.read_table(found[0])["locator"])).as_py():
            return taker
    return None


def find_fates(rows: pa.Table, taker: datetime | None, settings: Settings) -> pa.Table:
    """Each of these rows of the log (event_id, occurred, fate) by sql/comparison/event_fates.sql; `taker` is the hour that
    took them in, None where they were lost.
    """
    tables = (
        {table: find_table(Run(taker, settings), table) for table in ("events", "quarantined_events")} if taker else {}
    )
    with connect_duck(settings, settings.home / "spill") as connection:
        connection.register("log_rows", rows.append_column("row", pa.array(range(1, len(rows) + 1), pa.int64())))
        for view, table, column in (
            ("accepted", "events", "event_id"),
            ("quarantined", "quarantined_events", "locator"),
        ):
            found = tables.get(table)
            if found:
                view_files(connection, view, [found[0]])
            else:
                connection.register(view, pa.table({column: pa.array([], pa.string())}))
        fates = fetch_table(connection, "comparison/event_fates")
    if taker is None:
        fates = fates.set_column(2, "fate", pa.array(["lost"] * len(fates), pa.string()))
    return fates


def run_row(one: Ran) -> dict[str, Any]:
    """A row of `runs`."""
    return {
        "run_id": f"{one.interval.end:%Y-%m-%dT%H:%M}" + (f" attempt {one.attempt}" if one.attempt > 1 else ""),
        "interval_start": one.interval.start,
        "interval_end": one.interval.end,
        "scheduled": one.interval.end,
        "started": one.started,
        "ended": one.ended,
        "published": one.published,
        "data_cutoff": one.interval.end,
        "status": one.status,
        "version": one.version,
        "events_in": one.events_in,
        "rows_out": one.rows_out,
        "cpu_seconds": sum(took.cpu_seconds for took in one.took),
        "peak_bytes": max(took.peak_bytes for took in one.took),
    }


def cost_rows(ran: Sequence[Ran]) -> Iterator[dict[str, Any]]:
    """Rows of `costs`: each stage over all runs."""
    stages: dict[str, list[Took]] = {}
    for one in ran:
        for took in one.took:
            stages.setdefault(took.stage, []).append(took)
    for stage, all_took in stages.items():
        yield {
            "what": stage,
            "cpu_seconds": sum(took.cpu_seconds for took in all_took),
            "gb_seconds": sum(took.peak_bytes * took.seconds for took in all_took) / 1e9,
            "bytes_read": sum(took.bytes_read for took in all_took),
            "bytes_written": sum(took.bytes_written for took in all_took),
        }


def reading_row(took: dict[str, float]) -> dict[str, Any]:
    """The row of `costs` of answering the reads."""
    return {
        "what": "reads",
        "cpu_seconds": took["cpu_seconds"],
        "gb_seconds": gb_seconds(took),
        "bytes_read": 0,
        "bytes_written": 0,
    }
