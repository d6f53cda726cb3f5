"""Erasing a user: from every lake of this home, every version in the serving database, and whatever is delivered later.

The tombstone comes first, so that nothing new arrives; then lake and database are swept until a sweep finds nothing. What
a stage read before a sweep and lands after it is refused by `Work.check_mark`. A killed erasure is carried on by its
number. Item factors, popularity and query weights are sums over many people: the next hour learns them anew without
the user. (A model that starts from an earlier one must not start from one made before a new entry of `erasures` in its
manifest.)
"""

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.actions import drop_actions
from pipeline.failpoints import reach
from pipeline.lake_copy.follow import follow
from pipeline.lake_copy.place import check_reach, check_strangers
from pipeline.ledger import count_fates
from pipeline.privacy.inboxes import name_inputs_everywhere, rewrite_inboxes
from pipeline.privacy.keys import name_user
from pipeline.privacy.people import (
    NO_QUERY,
    PERSONAL,
    belongs_to,
    people_of,
    reasons_of,
    sessions_of,
)
from pipeline.privacy.requests import Request, close_request, open_request, save_request
from pipeline.privacy.rewrite import (
    Cause,
    files_under,
    is_table,
    landed_hours_of,
    rewrite_hour,
)
from pipeline.privacy.serving import erase_rows, vacuum
from pipeline.privacy.tombstones import ERASED, KEPT, SENTENCE, raise_tombstone
from pipeline.queries import normalize_all
from pipeline.serving.database import connect
from pipeline.settings import Settings

log = logging.getLogger("treasure_hunt")


@dataclass(frozen=True)
class Traces:
    """What is a user's: rows that name the user, or no user and one of the sessions, and the queries nobody else typed.

    Of a query that one person typed, and of which no row says any more who, everybody is taken to be that person.
    """

    user: str
    sessions: Set[str]
    queries: Set[str]


def erase_request(settings: Settings, number: int) -> dict[str, int]:
    """The user of this open request is gone and stays away; returns rows by place, as they stand in the receipt.

    Covered are all sources under this home, the copy of their lakes and all of the serving database. Of a request that was
    carried out here before, the receipt's rows are returned and nothing is done. Raises `BadInput` when there is no such
    request or there is more in the copy than here, `Unreachable` when the database is held by somebody; the request stays
    open until all is done.
    """
    check_reach(settings)
    engine = connect(settings.serving)
    try:
        request = open_request(engine, settings, number)
        if not isinstance(request, Request):
            log.info("request %d was carried out before", number)
            return request
        log.info("request %d: erasing %s", number, name_user(settings, request.user))
        cause = Cause(str(number), request.requested_at)
        while True:
            raise_tombstone(settings, request.user, request.sessions)
            reach("erase.tombstone_raised")
            waiting = [folder for lake in lakes_of(settings) for folder in subfolders(lake / ".staging")]
            traces = find_traces(settings, request)
            found = sweep_lakes(settings, traces, cause)
            for lake in lakes_of(settings):
                drop_actions(lake)
            reach("erase.lake_swept")

            def touch(tables: Set[str]) -> None:
                request.touched |= tables
                save_request(settings, request)  # used within this turn only

            rows = erase_rows(engine, traces.user, traces.sessions, traces.queries, touch)
            found += Counter({f"serving database: {table}": count for table, count in rows.items()})
            request.places = dict(Counter(request.places) + found)
            save_request(settings, request)
            if not found:
                break
        for lake in lakes_of(settings):
            name_inputs_everywhere(lake, cause)
        # Who wrote there can land no more; at home, what a process of an earlier release left that was killed.
        left = [folder for folder in subfolders(settings.home) if folder.name.startswith(("verify-", "replay-"))]
        for folder in [*waiting, *left]:
            shutil.rmtree(folder, ignore_errors=True)
        reach("erase.rows_gone")
        vacuum(engine, request.touched)
        reach("erase.emptied")
        for lake in lakes_of(settings):
            follow(settings, lake)
        check_strangers(settings)
        reach("erase.copied")
        close_request(engine, settings, request)
    finally:
        engine.dispose()
    log.info("request %d: %d rows are gone", number, sum(request.places.values()))
    return request.places


def lakes_of(settings: Settings) -> list[Path]:
    """The lake of every source under this home."""
    return [folder for folder in subfolders(settings.home / "lake") if not folder.name.startswith(".")]


def subfolders(folder: Path) -> list[Path]:
    """The folders in this one."""
    return [path for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []


def find_traces(settings: Settings, request: Request) -> Traces:
    """All that is the user's in the lakes, with what earlier attempts found; noted in the request before anything goes."""
    lonely = read_lonely(settings)  # first: what lands meanwhile lands after the rows that say whose it is
    for people in read_people(settings):
        request.sessions |= sessions_of(people, {request.user})
    typed: set[str] = set()
    others: set[str] = set()
    for people in read_people(settings):
        mine = belongs_to(people, {request.user}, request.sessions)
        typed |= queries_of(people.filter(mine))
        others |= queries_of(people.filter(pc.invert(mine)))
    known = set(normalize_all(others).values())
    request.queries |= set(normalize_all(typed).values()) | (lonely - known)
    save_request(settings, request)
    return Traces(request.user, request.sessions, request.queries - known)


def queries_of(people: pa.Table) -> set[str]:
    """The different texts that these people typed."""
    return {text for text in pc.unique(people["query"]).to_pylist() if text}


def read_people(settings: Settings) -> Iterator[pa.Table]:
    """Who typed what, of every file that holds rows as they were delivered."""
    for table in read_tables(settings, ("user_id", "session_id", "query", "raw_row"), holds_delivered):
        yield people_of(table)


def holds_delivered(names: Collection[str]) -> bool:
    """Whether a file with these columns holds rows as they were delivered."""
    return "raw_row" in names or ("event_type" in names and "actor" not in names)


def read_lonely(settings: Settings) -> set[str]:
    """The queries that one person typed, by all files that count them: they outlive what was typed by some days. A window
    that slides on sees the last of many alone.
    """
    alone: set[str] = set()
    together: set[str] = set()
    for table in read_tables(settings, ("query", "searchers"), {"query", "searchers"}.issubset):
        is_alone = pc.equal(table["searchers"], 1)
        alone |= queries_of(table.filter(is_alone))
        together |= queries_of(table.filter(pc.invert(is_alone)))
    return alone - together


def read_tables(
    settings: Settings, columns: Sequence[str], wanted: Callable[[Collection[str]], bool]
) -> Iterator[pa.Table]:
    """Those of the columns that there are, of every file of the lakes whose columns are `wanted`."""
    for lake in lakes_of(settings):
        for folder in [*landed_hours_of(lake), lake / "replays"]:
            for path in files_under(folder):
                try:
                    names = pq.read_schema(path).names if is_table(path) else []
                    if wanted(names):
                        yield pq.read_table(path, columns=[name for name in columns if name in names])
                except (pa.ArrowException, OSError):
                    continue  # gone meanwhile, or broken: the sweep says so, or removes it


def sweep_lakes(settings: Settings, traces: Traces, cause: Cause) -> Counter[str]:
    """Nothing that had landed when this began holds a trace; returns rows by lake and table."""
    found: Counter[str] = Counter()
    change = partial(remove_person, traces)
    for lake in lakes_of(settings):
        for folder in landed_hours_of(lake):
            rows = rewrite_hour(lake, folder, change, cause, settle=settle_ledger)
            found += Counter({f"lake {lake.name}: {table}": count for table, count in rows.items()})
        replays = rewrite_inboxes(lake, partial(empty_person, traces), cause)
        found += Counter({f"lake {lake.name}: replays": replays})
    return +found


def remove_person(traces: Traces, path: Path) -> tuple[pa.Table, int] | None:
    """The table without the user's rows and without queries that nobody else typed; None when it holds none.

    Of a refused row it stays known that it was delivered and where it stands.
    """
    names = [name for name in pq.read_schema(path).names if name in PERSONAL]
    if not names:
        return None
    seen = pq.read_table(path, columns=names)
    theirs = belongs_to(people_of(seen), {traces.user}, traces.sessions)
    if "actor" in names:
        theirs = pc.or_(theirs, pc.fill_null(pc.equal(seen["actor"], traces.user), False))
    told = pc.is_in(seen["query"], pa.array(sorted(traces.queries), pa.string())) if "query" in names else None
    if told is not None and names in (["query"], ["query", "reason"]):
        theirs = pc.or_(theirs, told)
    reasons = pa.array(sorted(reasons_of(traces.queries)), pa.string())
    explained = pc.is_in(seen["reason"], reasons) if "reason" in names else None
    touched = [column for column in (theirs, told, explained) if column is not None]
    count = int(pc.sum(_any(touched)).as_py() or 0)
    if not count:
        return None
    table = pq.read_table(path)
    if "raw_row" in names:
        emptied = {
            "rule": ERASED,
            "sentence": SENTENCE,
            "raw_row": "{}",
            "user_id": None,
            "session_id": None,
            "query": None,
        }
        return _replace(
            table, theirs, {name: value for name, value in emptied.items() if name in table.column_names}
        ), count
    if explained is not None:
        table = _replace(table, explained, {"reason": NO_QUERY})
    if told is not None:
        table = _replace(table, told, {"query": None})
    return table.filter(pc.invert(theirs)), count


def _any(masks: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    found = masks[0]
    for mask in masks[1:]:
        found = pc.or_(found, mask)
    return found


def _replace(table: pa.Table, mask: pa.ChunkedArray, values: dict[str, Any]) -> pa.Table:
    for name, value in values.items():
        # Where every row had a value, its file says that none is null.
        place, field = table.column_names.index(name), table.schema.field(name).with_nullable(True)
        table = table.set_column(place, field, pc.if_else(mask, pa.scalar(value, field.type), table[name]))
    return table


def empty_person(traces: Traces, path: Path) -> tuple[pa.Table, int] | None:
    """Rows as delivered, in which the user's say nothing but where they stand; None when none is theirs."""
    table = pq.read_table(path)
    theirs = belongs_to(people_of(table), {traces.user}, traces.sessions)
    count = int(pc.sum(theirs).as_py() or 0)
    if not count:
        return None
    emptied: dict[str, Any] = {name: None for name in table.column_names if name not in KEPT}
    return _replace(table, theirs, emptied | {"excluded": SENTENCE}), count


def settle_ledger(manifest: dict[str, Any], files: dict[str, Path], gone: dict[str, int]) -> None:
    """The ledger of an hour of events counts what is there: rows accepted before count as `erased`, no more as delivered."""
    ledger = manifest.get("facts", {}).get("ledger")
    if not ledger or manifest["stage"] != "ingest_events" or "quarantined_events" not in files:
        return
    accepted = gone.get("events", 0)
    ledger |= {
        "delivered": ledger["delivered"] - accepted,
        "accepted": ledger["accepted"] - accepted,
        ERASED: ledger.get(ERASED, 0) + accepted,
    }
    by_rule, ledger["excluded_because"] = count_fates(files["quarantined_events"])
    ledger["by_rule"] = dict(sorted(by_rule.items()))
