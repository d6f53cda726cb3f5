"""The ingestion boundary, shared by events and items: pull, type, refuse by rule, accept, and count every row.

What leaves here: an accepted table, a quarantine of everything refused, and a ledger in which
delivered = accepted + quarantined + duplicate, exactly.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.audit import count_refused, find_refused
from pipeline.delivery import pull_events
from pipeline.duck import connect, view_files, write_table
from pipeline.errors import Unreadable
from pipeline.inbox import deliver_replays
from pipeline.lake import Work
from pipeline.ledger import balance
from pipeline.mapping import map_file, read_words
from pipeline.privacy.tombstones import blank_erased
from pipeline.sources.read import compare_with_contract

ID_LENGTH = 200
MOST_SAID = 3  # differences from a contract that a sentence names
Judge = Callable[[duckdb.DuckDBPyConnection, Work, pa.Table], str | None]


def take_in(
    works: Sequence[Work],
    kind: str,
    limits: Mapping[str, Any],
    known: Callable[[Work], list[Path]] = lambda work: [],
    judge_whole: Judge = lambda connection, work, refused: None,
) -> None:
    """Draft tables `kind` and `quarantined_<kind>` of each hour from what the source delivers for it, oldest first.

    Items have been pulled before. `limits` go to the suite of `kind`; `known(work)` gives files whose ids are duplicates;
    `judge_whole` gives the name of the gate by which all that was delivered is refused, or None. The ledger goes to
    `work.facts["ledger"]`. The rules are held against all hours at once, because a suite costs about as much for one
    hour as for a day. Raises `AuditFailed` when too large a share of an hour is malformed.
    """
    settings = works[0].run.settings
    with connect(settings, works[0].folder, settings.ingest_memory_limit) as connection:
        if kind == "events":
            judge_contract(works, kind)
            pull_events(connection, works)
        else:
            for work in works:
                view_files(connection, "pulled", [work.draft("pulled")])
                write_table(connection, "delivered_items", work.draft("delivered"))
        figures: list[dict[str, int]] = []  # of each hour, for its ledger
        erased: list[pa.Array] = []  # the rows of people who asked to be forgotten
        for work in works:
            replayed = deliver_replays(connection, work) if kind == "events" else 0
            no_rows = pa.array([], pa.int64())
            erased.append(blank_erased(work.run.settings, work.draft("delivered")) if kind == "events" else no_rows)
            path, mapped = map_delivered(work)
            figures.append({"replayed": replayed, "mapped": mapped})
            view_files(connection, "delivered", [path])
            write_table(connection, f"typed_{kind}", work.draft(f"typed_{kind}"), hour_end=work.run.end)
        refused_rows = find_refused(kind, [work.draft(f"typed_{kind}") for work in works], limits)
        refused_rows = [
            refused.filter(pc.invert(pc.is_in(refused["row"], gone)))
            for refused, gone in zip(refused_rows, erased, strict=True)
        ]
        for work, refused in zip(works, refused_rows, strict=True):
            view_files(connection, f"typed_{kind}", [work.draft(f"typed_{kind}")])
            connection.register("refused", refused)
            if kind == "events":
                part_repeated(connection, work, known(work))
            write_table(connection, kind, work.draft(kind))
        if kind == "events":
            refused_rows = add_reused(works, refused_rows)
        for work, refused, figure in zip(works, refused_rows, figures, strict=True):
            view_files(connection, "delivered", [work.draft("delivered")])
            view_files(connection, f"typed_{kind}", [work.draft(f"typed_{kind}")])
            connection.register("refused", refused)
            gate = judge_whole(connection, work, refused)
            if gate:
                refused = refuse_rest(refused, pq.read_metadata(work.draft("delivered")).num_rows, gate)
                connection.register("refused", refused)
                write_table(connection, kind, work.draft(kind))
            write_table(connection, f"quarantined_{kind}", work.draft(f"quarantined_{kind}"))
            work.quality += count_refused(kind, refused, pq.read_metadata(work.draft("delivered")).num_rows, limits)
            balance(work, kind, refused, figure)


def judge_contract(works: Sequence[Work], kind: str) -> None:
    """The source has what its contract names, else `AuditFailed` before anything is pulled; other changes are noted."""
    first, last = works[0], works[-1]
    try:
        difference = compare_with_contract(first.run, kind, first.run.hour, last.run.end, first.folder)
    except Unreadable:  # nothing to compare: the pull meets the same file, and says what becomes of the hour
        return
    if difference is None:
        return
    gates = {
        "contract_types_changed": difference.changed,
        "contract_columns_new": difference.new,
        "contract_columns_missing": difference.missing,
    }
    for work in works:
        for gate, said in gates.items():
            more = f"; and {len(said) - MOST_SAID} more" if len(said) > MOST_SAID else ""
            sentence = f"contract of source {work.run.settings.source}: {'; '.join(said[:MOST_SAID])}{more}"
            work.judge(gate, not said, sentence, len(said), table=kind)


def map_delivered(work: Work) -> tuple[Path, int]:
    """The draft of what was delivered in the words that the source's standing mapping gives, and how many rows that changed.

    What is refused stays in quarantine as it came.
    """
    words = read_words(work.run.settings.source)
    if not words:
        return work.draft("delivered"), 0
    count = map_file(work.draft("delivered"), work.draft("mapped"), words)
    if count:
        work.note(f"rows mended by the source's mapping.csv: {count}")
    return work.draft("mapped"), count


def part_repeated(connection: duckdb.DuckDBPyConnection, work: Work, known: list[Path]) -> None:
    """Draft `repeated_events`, named so in the connection: the hour's rows whose id was delivered before."""
    if known:
        view_files(connection, "known_events", known)
    else:
        connection.execute("create or replace view known_events as select * from typed_events limit 0")
    write_table(connection, "repeated_events", work.draft("repeated_events"))
    view_files(connection, "repeated_events", [work.draft("repeated_events")])


def add_reused(works: Sequence[Work], refused_rows: Sequence[pa.Table]) -> list[pa.Table]:
    """The refused rows of each hour, and those of its repeated rows that say something else than the first did."""
    reused_rows = find_refused("repeated_events", [work.draft("repeated_events") for work in works], {})
    both = []
    for work, refused, reused in zip(works, refused_rows, reused_rows, strict=True):
        repeated = pq.read_table(work.draft("repeated_events"), columns=["row"])["row"]
        work.quality += count_refused("repeated_events", reused, len(repeated), {})
        place = reused.schema.get_field_index("row")  # counted from 1 within the draft
        rows = repeated.take(pc.subtract(reused["row"], 1)).cast(pa.int64())
        both.append(pa.concat_tables([refused, reused.set_column(place, "row", rows)]))
    return both


def refuse_rest(refused: pa.Table, delivered: int, gate: str) -> pa.Table:
    """`refused` and beside it, by the name of the gate, every delivered row that no rule refuses."""
    rest = sorted(set(range(1, delivered + 1)) - set(refused["row"].to_pylist()))
    sentence = "what was delivered for this hour is refused as a whole"
    columns = [rest, [gate] * len(rest), [sentence] * len(rest), [True] * len(rest)]
    return pa.concat_tables([refused, pa.table(columns, schema=refused.schema)])
