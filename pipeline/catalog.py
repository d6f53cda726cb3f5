"""Whether a delivered catalog may be the hour's snapshot; where it may not, the last good one serves and says so.

`work.facts["catalog"]` tells which snapshot is in use: `snapshot_hour` (the hour that captured it), `is_captured`
(whether that is the hour itself), `reason` (the gate that the delivery failed, or null), `age_hours` at the hour's end,
`snapshot_at` (when the source took it, or null) and `items_vanished` since the nearest earlier one (null without one).
"""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.duck import fetch_table, view_files
from pipeline.files import hash_file
from pipeline.hours import HOUR, format_hour
from pipeline.lake import Work
from pipeline.ledger import judge_malformed
from pipeline.manifests import find_table, how_to_mend, read_undamaged
from pipeline.run import Run
from pipeline.sources.storage import OTHER_NAME

LEFT_OUT = "none was delivered"  # what is said of an hour that a source of files has no catalog for
LOOK_BACK = timedelta(days=30)


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that its hour captured: the file, its rows, and the moment whose catalog it shows."""

    hour: datetime
    path: Path
    sha256: str
    rows: int
    snapshot_at: datetime | None

    @property
    def shown_at(self) -> datetime:
        """When the source took it, else the end of its hour."""
        return self.snapshot_at or self.hour + HOUR


def is_captured(facts: dict[str, Any]) -> bool:
    """Whether the hour with these facts of `ingest_catalog` has a snapshot of its own."""
    catalog = facts.get("catalog")
    return bool(catalog["is_captured"] if catalog else facts["ledger"]["accepted"])


def find_landed(run: Run, hour: datetime) -> Snapshot | None:
    """The snapshot that an hour captured and landed, its bytes not looked at, or None."""
    manifest = read_undamaged(run, "ingest_catalog", hour)
    found = find_table(run, "items", hour) if manifest and is_captured(manifest["facts"]) else None
    if manifest is None or found is None:
        return None
    path, entry = found
    taken = manifest["facts"].get("catalog", {}).get("snapshot_at")
    return Snapshot(hour, path, entry["sha256"], entry["rows"], datetime.fromisoformat(taken) if taken else None)


def find_earlier(work: Work, drafted: Sequence[Work]) -> Snapshot | None:
    """The nearest earlier captured snapshot within 30 days, of the hours drafted beside this one too, or None.

    It is registered as an input. One that is missing or damaged is passed over with a warning that names it.
    """
    drafts = {other.run.hour: other for other in drafted if other.facts["catalog"]["is_captured"]}
    for step in range(1, int(LOOK_BACK / HOUR) + 1):
        hour = work.run.hour - step * HOUR
        if hour in drafts:
            snapshot = _of_draft(drafts[hour])
        else:
            landed = find_landed(work.run, hour)
            if landed is None:
                continue
            if not is_undamaged(landed):
                mend = how_to_mend("ingest_catalog", format_hour(hour))
                work.note(f"warning: {landed.path} is missing or damaged and is passed over; {mend}")
                continue
            snapshot = landed
        work.inputs[f"items@{format_hour(hour)}"] = snapshot.sha256
        return snapshot
    return None


def is_undamaged(snapshot: Snapshot) -> bool:
    """Whether the file is there with the very bytes that were audited."""
    return snapshot.path.exists() and hash_file(snapshot.path) == snapshot.sha256


def _of_draft(work: Work) -> Snapshot:
    path, taken = work.draft("items"), work.facts["catalog"]["snapshot_at"]
    rows = pq.read_metadata(path).num_rows
    return Snapshot(work.run.hour, path, hash_file(path), rows, datetime.fromisoformat(taken) if taken else None)


def judge_snapshot(
    connection: duckdb.DuckDBPyConnection,
    work: Work,
    refused: pa.Table,
    earlier: Snapshot | None,
    unreadable: str,
    absent: str,
) -> str | None:
    """Hold the drafted `items` against the gates and set `facts["catalog"]`.

    Returns None when they are the hour's snapshot, else the name of the gate that makes them none, or LEFT_OUT. `unreadable`
    says why the source's file could not be read, `absent` which file is not there, or nothing.
    """
    taken_at = pc.max(pq.read_table(work.draft("typed_items"), columns=["snapshot_at"])["snapshot_at"]).as_py()
    reason = find_fault(work, refused, earlier, unreadable, absent, taken_at)
    own = Snapshot(work.run.hour, work.draft("items"), "", 0, taken_at)
    in_use = own if reason is None or earlier is None else earlier
    age = max((work.run.end - in_use.shown_at) / HOUR, 0.0)
    limit = work.run.settings.catalog_stale_hours
    work.judge(
        "catalog_stale",
        age <= limit,
        f"items: the catalog in use is as of {in_use.shown_at:%Y-%m-%d %H:%M} UTC, {age:.1f} h before the hour's end; the "
        f"limit is {limit:g} h",
        age,
    )
    work.facts["catalog"] = {
        "snapshot_hour": format_hour(in_use.hour),
        "is_captured": reason is None,
        "reason": reason,
        "age_hours": round(age, 3),
        "snapshot_at": in_use.snapshot_at.isoformat() if in_use.snapshot_at else None,
        "items_vanished": judge_change(connection, work, earlier) if reason is None and earlier else None,
    }
    return reason


def find_fault(
    work: Work, refused: pa.Table, earlier: Snapshot | None, unreadable: str, absent: str, taken_at: datetime | None
) -> str | None:
    """The name of the first gate that makes this delivery no snapshot, LEFT_OUT where a source of files has none, or None;
    every gate up to it is recorded.
    """
    delivered = pq.read_metadata(work.draft("delivered")).num_rows
    accepted = pq.read_metadata(work.draft("items")).num_rows
    by_rule = Counter(refused.filter(refused["is_primary"])["rule"].to_pylist())
    if not work.judge("catalog_unreadable", not unreadable, f"items: {unreadable}"):
        return "catalog_unreadable"
    nothing = (
        f"none of {delivered} delivered rows can be used"
        if delivered
        else f"the source delivered no catalog: {absent}"
        if absent
        else "the source delivered an empty catalog"
    )
    is_left_out = bool(earlier and absent and not delivered and OTHER_NAME not in absent)  # as a source of files may
    if not work.judge("catalog_empty_delivered", accepted > 0 or is_left_out, f"items: {nothing}", accepted):
        return "catalog_empty_delivered"
    if is_left_out:
        work.note(f"no catalog in this hour: {absent}")
        return LEFT_OUT
    if not judge_moment(work, taken_at, earlier):
        return "catalog_from_the_future"
    if not judge_malformed(work, "items", by_rule, delivered, "catalog_malformed"):
        return "catalog_malformed"
    if earlier and not judge_size(work, accepted, earlier):
        return "catalog_truncated"
    return None


def judge_moment(work: Work, taken_at: datetime | None, earlier: Snapshot | None) -> bool:
    """Whether a snapshot that was taken then may be used: not after the hour's end, unless no earlier one is better."""
    end = work.run.end
    ahead = (taken_at - end) / HOUR if taken_at else 0.0
    is_best = earlier is None or earlier.shown_at > end
    sentence = f"items: the source took this snapshot {ahead:.1f} h after the hour's end"
    sentence += "; it is used all the same, because there is no earlier one" if is_best else ""
    return work.judge("catalog_from_the_future", ahead <= 0, sentence, ahead) or is_best


def judge_size(work: Work, accepted: int, earlier: Snapshot) -> bool:
    """Whether the snapshot has enough of the rows that the nearest earlier one had."""
    settings = work.run.settings
    drop, limit = (earlier.rows - accepted) / earlier.rows, settings.catalog_drop_limit
    return work.judge(
        "catalog_truncated",
        earlier.rows < settings.catalog_min_rows or drop <= limit,
        f"items: {accepted} items after {earlier.rows} in {format_hour(earlier.hour)}, {drop:.1%} fewer; the limit is "
        f"{limit:.1%}",
        drop,
    )


def judge_change(connection: duckdb.DuckDBPyConnection, work: Work, earlier: Snapshot) -> int:
    """How many items of the nearest earlier snapshot were not delivered, which is noted; absurd prices are a warning.

    The connection knows what was delivered as `typed_items`: an item that was delivered and refused is not gone.
    """
    factor = work.run.settings.price_jump_factor
    view_files(connection, "items", [work.draft("items")])
    view_files(connection, "earlier_items", [earlier.path])
    [change] = fetch_table(connection, "catalog_change", price_jump_factor=factor).to_pylist()
    hour, vanished, jumped = format_hour(earlier.hour), int(change["items_vanished"]), change["prices_jumped"]
    if vanished:
        work.note(f"{vanished} of {earlier.rows} items of {hour} are no longer in the catalog")
    work.judge(
        "prices_jumped",
        not jumped,
        f"items: the prices of {jumped} items are more than {factor:g} times, or less than 1/{factor:g} of, what they were "
        f"in {hour}, first {change['first_jumped']!r}",
        jumped,
    )
    return vanished


def use_earlier(work: Work, earlier: Snapshot | None) -> None:
    """The draft of `items` is the earlier snapshot, and a note says so; raises `AuditFailed` when there is none."""
    catalog = work.facts["catalog"]
    if earlier is not None:
        shutil.copyfile(earlier.path, work.draft("items"))
        work.note(
            f"using the catalog of {catalog['snapshot_hour']}, {catalog['age_hours']:.1f} h old at the hour's end"
        )
    fault = next((one["sentence"] for one in work.quality if one["rule"] == catalog["reason"]), "")
    work.judge(
        "catalog_missing",
        earlier is not None,
        f"{fault}; no earlier one within {LOOK_BACK.days} days has landed to use in its place",
    )
