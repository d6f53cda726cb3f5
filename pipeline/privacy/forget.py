"""Forgetting what was typed: queries go from an hour for good once no later hour reads them any more.

Two limits, counted back from the newest hour and never by the clock. From `version_text_days` on, an hour's versions, unless
one is live, and the tables that they were made from hold no query; from `query_text_days` on, its events and refused rows
do not either. A manifest that says `forgotten` is done; whatever lands anew does not say so and is forgotten again.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Engine

from pipeline.actions import drop_actions
from pipeline.errors import TreasureHuntError
from pipeline.hours import HOUR, format_hour, parse_hour
from pipeline.manifests import hour_folder
from pipeline.privacy.inboxes import rewrite_inboxes
from pipeline.privacy.people import NO_QUERY, PERSONAL, SEARCHED, without_query
from pipeline.privacy.rewrite import Cause, landed_hours_of, rewrite_hour
from pipeline.privacy.versions import forget_versions, read_live_hour
from pipeline.run import Run
from pipeline.serving.database import connect
from pipeline.settings import Settings

# The stages whose landing brings text into an hour: as it was typed, and what was made of it.
RAW = ("ingest_events",)
DERIVED = ("prepare", "recommend", "publish")
MARK = "forgotten"
# An hour that was left out is found as long as fewer hours than these lie between it and the next one that has text.
QUIET_HOURS = 168


@dataclass(frozen=True)
class Sweep:
    """One going over old hours of a lake: why, and the hour that is live."""

    settings: Settings
    lake: Path
    engine: Engine
    live: datetime | None
    cause: Cause


def forget_old_text(runs: Sequence[Run]) -> list[str]:
    """Hours that are old by now, seen from the last of these or the live one if newer, are forgotten, and those of the runs
    themselves. Returns what a person should know; an hour that cannot be forgotten now is tried again with every run.
    """
    return _sweep(runs[-1].settings, runs[-1].lake, runs[-1].hour, [run.hour for run in runs])


def forget_all(settings: Settings, newest: datetime, before: datetime | None = None) -> list[str]:
    """Every hour there is that is old, seen from the newest (or lies before `before`), is forgotten."""
    hours = [parse_hour(f"{folder.parent.name}T{folder.name}") for folder in landed_hours_of(settings.lake)]
    return _sweep(settings, settings.lake, newest, hours, before)


def _sweep(
    settings: Settings, lake: Path, newest: datetime, known: Sequence[datetime], before: datetime | None = None
) -> list[str]:
    notes: list[str] = []
    engine, live, is_there = connect(settings.serving), None, True
    try:
        try:
            live = read_live_hour(engine, settings)
        except TreasureHuntError as error:
            is_there = False
            notes.append(f"warning: queries in old versions are not forgotten: {error}")
        newest = max(newest, live or newest)
        sweep = Sweep(settings, lake, engine, live, Cause("forget", newest.isoformat()))
        hours = 0
        for forget, days in ((forget_raw, settings.query_text_days), (forget_derived, settings.version_text_days)):
            until = before - HOUR if before else newest - days * 24 * HOUR
            if forget is forget_raw or is_there:
                own = {hour for hour in known if hour <= until}
                hours += _forget_each(sweep, forget, sorted(own), notes) + _forget_back(sweep, forget, until, notes)
    finally:
        engine.dispose()
    return [*notes, f"queries forgotten in {hours} old hours"] if hours else notes


def _forget_back(sweep: Sweep, forget: Callable[[Sweep, datetime], bool], hour: datetime, notes: list[str]) -> int:
    """Goes back hour by hour until QUIET_HOURS in a row had nothing to forget; returns how many had."""
    found = quiet = 0
    while quiet < QUIET_HOURS:
        done = _forget_each(sweep, forget, [hour], notes)
        found, quiet, hour = found + done, 0 if done else quiet + 1, hour - HOUR
    return found


def _forget_each(
    sweep: Sweep, forget: Callable[[Sweep, datetime], bool], hours: Iterable[datetime], notes: list[str]
) -> int:
    found = 0
    for hour in hours:
        try:
            found += forget(sweep, hour)
        except (TreasureHuntError, OSError) as error:
            said = str(error) if isinstance(error, TreasureHuntError) else type(error).__name__
            notes.append(f"warning: queries of {format_hour(hour)} are not forgotten: {said}")
    return found


def forget_raw(sweep: Sweep, hour: datetime) -> bool:
    """Nothing of the hour says what was typed: events, refused rows, its inbox, what is left of failed attempts. Returns
    whether there was anything to do.
    """
    if not _is_due(hour_folder(sweep.lake, hour), RAW):
        return False
    rewrite_inboxes(sweep.lake, drop_text, sweep.cause, only=format_hour(hour))
    until = hour + sweep.settings.look_back_hours * HOUR  # links carry what was typed into later hours
    drop_actions(sweep.lake, until)  # before the hour says that it is forgotten, which it may not live to see
    _rewrite(sweep, hour, RAW)
    drop_actions(sweep.lake, until)  # and after: something may have been summed meanwhile
    return True


def forget_derived(sweep: Sweep, hour: datetime) -> bool:
    """No version of the hour and no table that led to one holds a query, unless the hour is live. Returns whether there was
    anything to do.
    """
    if hour == sweep.live or not _is_due(hour_folder(sweep.lake, hour), DERIVED):
        return False
    # While nothing can land: a version that is published meanwhile leaves a manifest that is not marked.
    _rewrite(sweep, hour, DERIVED, lambda: forget_versions(sweep.engine, sweep.settings, hour))
    return True


def _rewrite(sweep: Sweep, hour: datetime, stages: Sequence[str], begin: Callable[[], object] = lambda: None) -> None:
    folder, mark = hour_folder(sweep.lake, hour), {MARK: sweep.cause.moment}
    rewrite_hour(sweep.lake, folder, drop_text, sweep.cause, stages.__contains__, mark=mark, begin=begin)


def _is_due(folder: Path, stages: Sequence[str]) -> bool:
    """Whether a manifest of these stages, landed or failed, does not say that it is forgotten; a damaged one does not."""
    return folder.is_dir() and any(not _is_marked(path) for path in _manifests(folder, stages))


def _manifests(folder: Path, stages: Sequence[str]) -> Iterator[Path]:
    for stage in stages:
        for path in (folder / f"{stage}.json", folder / "failed" / stage / "manifest.json"):
            if path.exists():
                yield path


def _is_marked(path: Path) -> bool:
    try:
        return MARK in json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, TypeError):
        return False


def drop_text(path: Path) -> tuple[pa.Table, int] | None:
    """The table without what was typed, and how many rows said it; None when none does. A table of queries is empty."""
    names = [name for name in pq.read_schema(path).names if name in PERSONAL]
    if not {"query", "raw_row", "reason"} & {*names}:
        return None
    table = pq.read_table(path)
    if names in (["query"], ["query", "reason"]):
        return (table.slice(0, 0), table.num_rows) if table.num_rows else None
    new = {}
    if "query" in names:
        new["query"] = pa.nulls(len(table), table.schema.field("query").type)
    if "raw_row" in names:
        new["raw_row"] = pa.array([without_query(row) for row in table["raw_row"].to_pylist()], pa.string())
    if "reason" in names:
        is_named = pc.fill_null(pc.starts_with(table["reason"], SEARCHED), False)
        new["reason"] = pc.if_else(is_named, NO_QUERY, table["reason"])
    changed = table
    for name, column in new.items():
        field = table.schema.field(name).with_nullable(True)  # where every row had one, its file says that none is null
        changed = changed.set_column(table.column_names.index(name), field, column.cast(field.type))
    count = sum(_differing(table[name], changed[name]) for name in new)
    return (changed, count) if count else None


def _differing(before: pa.ChunkedArray, after: pa.ChunkedArray) -> int:
    """In how many rows a column says something else than before."""
    same = pc.fill_null(pc.equal(before, after), pc.and_(pc.is_null(before), pc.is_null(after)))
    return int(pc.sum(pc.invert(same)).as_py() or 0)
