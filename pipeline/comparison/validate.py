"""Whether a bundle may be judged: each breach is one sentence with file, column or row, how many, and what is expected."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipeline.comparison.bundle import (
    LOG_TABLES,
    TABLES,
    altered_files,
    columns_of,
    file_of,
    hash_log,
    open_tables,
    read_document,
    schema_of,
    shape_breach,
    span_breach,
)
from pipeline.errors import BadInput

Rule = tuple[str, str, str]  # what is wrong, what is expected, and which rows of the table are wrong
ROWS: dict[str, tuple[Rule, ...]] = {
    "runs": (
        ("interval_end is before interval_start", "the start first", "interval_end < interval_start"),
        ("ended is before started", "the start first", "ended < started"),
        ("published is before started", "the start first", "published < started"),
        (
            "published is null",
            "a moment where status is published",
            "status = 'published' and published is null",
        ),
        (
            "data_cutoff is after the run was over",
            "no data from after it: that is a leak of the future",
            "data_cutoff > coalesce(published, ended)",
        ),
    ),
    "recommendations": (("valid_to is not after valid_from", "valid_from < valid_to", "valid_to <= valid_from"),),
    "event_visibility": (
        ("first_visible is before landed", "landed first", "first_visible < landed"),
        (
            "first_visible is filled though the event was refused or lost",
            "null there",
            "first_visible is not null and fate in ('quarantined', 'lost')",
        ),
    ),
    "faults": (
        ("detected is before started", "the start first", "detected < started"),
        ("recovered is before started", "the start first", "recovered < started"),
    ),
}

# table, what is wrong, what is expected, the query: how many, and the first row
QUERIES = (
    (
        "runs",
        "run_id stands in several rows",
        "one row per run",
        'select count(*), min(first) from (select min("row") as first from runs group by run_id having count(*) > 1)',
    ),
    (
        "recommendations",
        "ranks of a list are not 1 to n without gaps",
        "each rank once within (version, user_id)",
        'select count(*), min(first) from (select min("row") as first from recommendations group by version, user_id '
        "having min(rank) <> 1 or max(rank) <> count(*) or count(distinct rank) <> count(*))",
    ),
    (
        "recommendations",
        "an item stands twice in a list",
        "each item once within (version, user_id)",
        'select count(*), min(first) from (select min("row") as first from recommendations group by version, user_id '
        "having count(distinct item_id) < count(*))",
    ),
    (
        "recommendations",
        "valid_from or valid_to differ within a list",
        "one of each within (version, user_id)",
        'select count(*), min(first) from (select min("row") as first from recommendations group by version, user_id '
        "having min(valid_from) <> max(valid_from) or count(distinct coalesce(valid_to, 'infinity')) > 1)",
    ),
    (
        "recommendations",
        "a list is valid while another one of the same user is",
        "valid_to of the one no later than valid_from of the next",
        "select count(*), min(first) from (select first, valid_from, max(valid_to) over (partition by user_id order by "
        "valid_from, valid_to, version rows between unbounded preceding and 1 preceding) as busy_until from (select "
        "user_id, version, min(valid_from) as valid_from, max(coalesce(valid_to, 'infinity')) as valid_to, "
        'min("row") as first from recommendations group by user_id, version)) where busy_until > valid_from',
    ),
    (
        "recommendations",
        "a list could be read before the data_cutoff of its version's run",
        "valid_from no earlier than data_cutoff: that is a leak of the future",
        'select count(*), min("row") from recommendations inner join cutoffs using (version) where valid_from < data_cutoff',
    ),
    (
        "reads",
        "version is in no row of recommendations.parquet",
        "a version that stands there",
        'select count(*), min("row") from reads where version is not null and version not in '
        "(select version from recommendations)",
    ),
    (
        "reads",
        "version could not be read yet at t",
        "t no earlier than its first valid_from: that is a leak of the future",
        'select count(*), min("row") from reads inner join (select version, min(valid_from) as valid_from from '
        "recommendations group by version) as versions using (version) where t < valid_from",
    ),
    (
        "reads",
        "a list was answered that could not be read: none of this version and so many items held at t",
        "version and items of a list of this user, or of everyone, with t from valid_from until before valid_to",
        'select count(*), min("row") from reads where status between 200 and 299 and items > 0 and "row" not in (select '
        'reads."row" from reads inner join (select version, user_id, valid_from, valid_to, count(*) as items from '
        "recommendations group by version, user_id, valid_from, valid_to) as lists using (version, items) where "
        "coalesce(lists.user_id, reads.user_id) = reads.user_id and t >= valid_from and t < coalesce(valid_to, 'infinity'))",
    ),
)

BATCH = (
    (
        "recommendations",
        "version is in no row of runs.parquet, in a bundle of kind batch",
        "the version of a run, so that it is known how far its data reached",
        'select count(*), min("row") from recommendations where version not in (select version from cutoffs)',
    ),
)

WITH_LOG = (
    (
        "reads",
        "t and user_id are no read of the log, or more often than there",
        "each read of the log at most once",
        'select count(*), min(first) from (select count(*) as times, t, user_id, min("row") as first from reads '
        "group by t, user_id) as answered left join (select count(*) as times, t, user_id from log_reads group by t, "
        "user_id) as asked using (t, user_id) where answered.times > coalesce(asked.times, 0)",
    ),
    (
        "event_visibility",
        "event_id is in no row of the log's events",
        "an event of the log",
        'select count(*), min("row") from event_visibility where event_id not in '
        "(select event_id from log_events where event_id is not null)",
    ),
    (
        "event_visibility",
        "landed or first_visible is before the event was delivered",
        "no earlier than delivered_at of its first row in the log: that is a leak of the future",
        'select count(*), min("row") from event_visibility inner join (select event_id, min(delivered_at) as delivered_at '
        "from log_events group by event_id) as delivered using (event_id) "
        "where least(landed, first_visible) < delivered_at",
    ),
    (
        "recommendations",
        "item_id is recommended before the log knows it, or is not in the log",
        "valid_from no earlier than the item's first catalog row or event: that is a leak of the future",
        'select count(*), min("row") from recommendations left join (select item_id, min(known) as known from (select '
        "item_id, valid_from as known from log_catalog union all select item_id, delivered_at as known from log_events) "
        "where item_id is not null group by item_id) as items using (item_id) "
        "where known is null or valid_from < known",
    ),
)


def check_bundle(bundle: Path, log: Path | None = None) -> dict[str, Any]:
    """The document `arm.json` of a bundle that may be judged; raises `BadInput` with its first breach otherwise."""
    breaches = find_breaches(bundle, log)
    if breaches:
        more = f" ({len(breaches) - 1} more; see `treasure-hunt arm validate {bundle}`)" if len(breaches) > 1 else ""
        raise BadInput(f"{bundle}: {breaches[0]}{more}")
    return read_document(bundle, "arm")


def find_breaches(bundle: Path, log: Path | None = None) -> list[str]:
    """Every breach of a bundle, and with its log what disagrees with that; what cannot be read ends the search."""
    try:
        arm = read_document(bundle, "arm")
        known = check_log(log) if log else None
    except BadInput as error:
        return [str(error)]
    broken = [f"{breach}." for name in TABLES if (breach := shape_breach(bundle, name))]
    if broken:
        return broken
    breaches = _altered(bundle, TABLES, arm["files"], "arm.json")
    if known and known["log_hash"] != arm["log_hash"]:
        breaches.append(
            f"arm.json: log_hash is {arm['log_hash'][:12]}…, expected is {known['log_hash'][:12]}… of log "
            f"{known['name']!r}; the arm ran on another log."
        )
        log = None  # whatever else disagrees follows from that
    if datetime.fromisoformat(arm["ended"]) < datetime.fromisoformat(arm["started"]):
        return [*breaches, "arm.json: ended is before started; expected is the start first."]
    try:
        return breaches + _of_rows(bundle, log, arm)
    except duckdb.Error as error:  # damaged where the head of the file does not show it
        return [*breaches, f"{bundle}: a table cannot be read to its end: {str(error).splitlines()[0]}."]


def _of_rows(bundle: Path, log: Path | None, arm: dict[str, Any]) -> list[str]:
    """What the rows of the tables break."""
    breaches = []
    with open_tables(bundle, log) as connection:
        for name in TABLES:
            breaches += _rows(connection, name, [*_of_columns(name), *_of_arm(name, arm), *ROWS.get(name, ())])
        for name, wrong, expected, query in (
            *QUERIES,
            *(BATCH if arm["kind"] == "batch" else ()),
            *(WITH_LOG if log else ()),
        ):
            breaches += _say(name, wrong, expected, *connection.sql(query).fetchall()[0])
    return breaches


def check_log(log: Path) -> dict[str, Any]:
    """The document `log.json` of a log whose files are as it says; raises `BadInput` otherwise."""
    known = read_document(log, "log")
    broken = [breach for name in LOG_TABLES if (breach := shape_breach(log, name))]
    broken = broken or _altered(log, LOG_TABLES, known["files"], "log.json")
    if not broken and hash_log(known) != known["log_hash"]:
        broken = ["log.json: log_hash is not that of files, name, seed, started and ended"]
    if not broken and (breach := span_breach(log, known)):
        broken = [f"log.json: {breach}"]
    if broken:
        raise BadInput(f"{log}: {broken[0].rstrip('.')}; freeze the log again, or fetch it whole.")
    return known


def _altered(folder: Path, names: tuple[str, ...], files: dict[str, str], document: str) -> list[str]:
    """A sentence for each table whose bytes are not those that the document was written for."""
    return [
        f"{file}: its SHA-256 is {found[:12]}…, expected is {files.get(file, 'none')[:12]}… as {document} says; "
        "the file was altered after it was sealed."
        for file, found in altered_files(folder, files, map(file_of, names))
    ]


def _of_columns(table: str) -> Iterator[Rule]:
    """What the schema says of single columns: filled, one of a list, within bounds."""
    for column, said in schema_of(table)["properties"].items():
        name = f'"{column}"'
        if not columns_of(table).field(column).nullable:
            yield f"{column} is null", "a value", f"{name} is null"
        if allowed := said.get("enum"):
            values = ", ".join(f"'{value}'" for value in allowed)
            yield f"{column} is something else", f"one of {', '.join(allowed)}", f"{name} not in ({values})"
        if "minimum" in said:
            least, most = said["minimum"], said.get("maximum", "infinity")
            bounds = f"from {least} to {most}" if "maximum" in said else f"{least} or more"
            outside = f"{name} < {least} or {name} > '{most}'::double or isnan({name}::double)"
            yield f"{column} is out of bounds", bounds, outside


def _of_arm(table: str, arm: dict[str, Any]) -> Iterator[Rule]:
    """What `arm.json` says of its tables: when the arm ran, and how long a list may be."""
    if table == "reads":
        within = f"'{arm['started']}'::timestamptz and '{arm['ended']}'::timestamptz"
        yield "t is outside the replay", "within started and ended of arm.json", f"t not between {within}"
    if table == "recommendations":
        yield "rank is past k", f"at most the k of arm.json, {arm['k']}", f"rank > {arm['k']}"


def _rows(connection: duckdb.DuckDBPyConnection, table: str, rules: list[Rule]) -> list[str]:
    """A sentence for each rule that rows of a table break, in one pass over it.

    As filters of aggregates: a filter of rows is held against the file's statistics first, and those do not know NaN.
    """
    asked = (
        f'count(*) filter (where {breaks}), min("row") filter (where {breaks})' for _wrong, _expected, breaks in rules
    )
    [found] = connection.view(table).aggregate(", ".join(asked)).fetchall()
    return [
        sentence
        for place, (wrong, expected, _breaks) in enumerate(rules)
        for sentence in _say(table, wrong, expected, found[2 * place], found[2 * place + 1])
    ]


def _say(table: str, wrong: str, expected: str, count: int, first: int | None) -> list[str]:
    return (
        [f"{file_of(table)}: {wrong}, {count:,} times, first at row {first:,}; expected is {expected}."]
        if count
        else []
    )
