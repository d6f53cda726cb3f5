"""Stage `ingest_catalog`: the catalog as of the end of the hour, audited; the last good one where the delivered is not good.

A snapshot that an hour captured is never overwritten, not by --repull either.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.boundary import ID_LENGTH, judge_contract, take_in
from pipeline.catalog import Snapshot, find_earlier, find_landed, is_undamaged, judge_snapshot, use_earlier
from pipeline.errors import Unreadable
from pipeline.lake import Work, keep_together, open_stages, reuse_landed
from pipeline.run import Run, StageResult
from pipeline.sources.columns import COLUMNS
from pipeline.sources.read import explain_absence, pull

TEXT_LENGTH = 1000


def ingest_catalog(run: Run) -> StageResult:
    """`items` and `quarantined_items` of the hour have landed; where its own catalog is no good, the nearest earlier one."""
    return reuse_landed(run, "ingest_catalog") or ingest_catalog_of_hours([run])[0]


def ingest_catalog_of_hours(runs: Sequence[Run]) -> list[StageResult]:
    """The same for several hours at once, oldest first, which costs less than one by one; none lands when one is refused."""
    kept = {run.hour: keep_captured(run) for run in runs}
    missing = [run for run in runs if kept[run.hour] is None]
    made = {run.hour: result for run, result in zip(missing, take_snapshots(missing), strict=True)}
    return [kept[run.hour] or made[run.hour] for run in runs]


def keep_captured(run: Run) -> StageResult | None:
    """On --repull, what an hour landed that captured a good snapshot of its own; None when it is to be asked again."""
    own = find_landed(run, run.hour) if run.repull else None
    if own is None or own.shown_at > run.end or not is_undamaged(own):
        return None
    result = reuse_landed(replace(run, repull=False), "ingest_catalog")
    return result and replace(result, notes=("the snapshot that this hour captured is kept: it is never overwritten",))


def take_snapshots(runs: Sequence[Run]) -> list[StageResult]:
    """The hours' snapshots have landed, each taken from the source or, where that is no good, from an earlier hour."""
    if not runs:
        return []
    limits = {"id_length": ID_LENGTH, "text_length": TEXT_LENGTH}
    earlier: dict[datetime, Snapshot | None] = {}
    with open_stages(runs, "ingest_catalog") as works:
        judge_contract(works, "items")
        faults = {work.run.hour: pull_catalog(work, works[0].folder) for work in works}

        def judge(connection: duckdb.DuckDBPyConnection, work: Work, refused: pa.Table) -> str | None:
            hour = work.run.hour
            earlier[hour] = find_earlier(work, [other for other in works if other.run.hour in earlier])
            return judge_snapshot(connection, work, refused, earlier[hour], *faults[hour])

        take_in(works, "items", limits, judge_whole=judge)
        for work in works:
            if not work.facts["catalog"]["is_captured"]:
                use_earlier(work, earlier[work.run.hour])
        keep_together(works, "items", **limits)
        keep_together(works, "quarantined_items")
    return [work.result() for work in works]


def pull_catalog(work: Work, scratch: Path) -> tuple[str, str]:
    """Draft `pulled`: the catalog as the source hands it over, empty when its file cannot be read.

    Returns why not, and which file is not there; nothing of either when all is well.
    """
    try:
        rows = pull(work.run, "items", work.draft("pulled"), scratch=scratch)
    except Unreadable as error:
        nothing = pa.schema([(name, pa.string()) for name in COLUMNS["items"]]).empty_table()
        pq.write_table(nothing, work.draft("pulled"))
        return error.fault, ""
    return "", "" if rows else explain_absence(work.run, "items", scratch)
