"""The controls: what a comparison holds every arm against, made from the bundle of a batch arm on the same log.

`popular` shows everyone the popular list of each version; `nothing` shows the lists of the first version for ever; `bare`
answers with HTTP 400 whoever has no list of their own. Each takes one thing away from the batch arm, so that nobody
mistakes the model for the popular list, freshness for a model, or how lists are served for how they are made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.comparison.answers import answer_from_lists
from pipeline.comparison.bundle import MOMENT, altered_files, read_document, read_table, write_arm, write_table
from pipeline.comparison.log import Log, check_new
from pipeline.errors import BadInput
from pipeline.settings import load_settings

Tables = dict[str, pa.Table]
POPULAR_STAGES = ("ingest_events", "ingest_catalog", "prepare")  # all that a popular list takes, but for publishing it


@dataclass(frozen=True)
class Control:
    """How a control is called, what its bundle says of itself, and how its tables are made of those of the batch arm."""

    title: str
    notes: str
    make: Callable[[Tables], Tables]


def run_control(name: str, log: Log, batch: Path, out: Path) -> None:
    """The bundle of one of CONTROLS stands in `out`; raises `BadInput` when the batch bundle is not one of this log."""
    check_new(out)
    if name not in CONTROLS:
        raise BadInput(f"{name} is no control; they are {', '.join(CONTROLS)}.")
    arm, tables = read_batch(batch, log)
    control = CONTROLS[name]
    made = control.make(tables)
    runs = tables["runs"].filter(pc.is_valid(tables["runs"]["version"]))
    cutoffs = pa.table({"version": runs["version"], "cutoff": runs["data_cutoff"]})
    made["reads"] = answer_from_lists(load_settings(), log.read("reads"), made["recommendations"], cutoffs)
    if name == "bare":
        made["reads"] = refuse_unknown(made["reads"], pc.min(tables["recommendations"]["valid_from"]))
    for table, rows in made.items():
        write_table(out, table, rows)
    given = {key: arm[key] for key in arm if key not in {"schema", "files"}}
    changed: dict[str, Any] = {
        "arm": f"{control.title} ({arm['arm']})",
        "kind": "control",
        "notes": control.notes.format(arm=arm["arm"]),
    }
    if name == "nothing":
        changed["cadence_seconds"] = None
    write_arm(out, given | changed)


def read_batch(bundle: Path, log: Log) -> tuple[dict[str, Any], Tables]:
    """`arm.json` and tables of a batch arm's bundle; raises `BadInput` when it was altered, or is of another log or kind."""
    arm = read_document(bundle, "arm")
    if arm["kind"] != "batch":
        raise BadInput(f"{bundle} is the bundle of {arm['arm']}, a {arm['kind']} arm; name that of a batch arm.")
    if arm["log_hash"] != log.log_hash:
        raise BadInput(f"{bundle} was made from another log than {log.folder}; run the batch arm on this log first.")
    for name, _found in altered_files(bundle, arm["files"], arm["files"]):
        raise BadInput(f"{bundle / name} is not what the arm wrote; run the batch arm again.")
    names = ("runs", "recommendations", "event_visibility", "faults", "costs")
    return arm, {name: read_table(bundle, name) for name in names}


def keep_popular(tables: Tables) -> Tables:
    """The lists of everyone, when events are visible in them, and the stages that they need."""
    lists = tables["recommendations"]
    costs = tables["costs"]
    return tables | {
        "recommendations": lists.filter(pc.is_null(lists["user_id"])),
        "costs": costs.filter(pc.is_in(costs["what"], pa.array(POPULAR_STAGES))),
    }


def keep_first(tables: Tables) -> Tables:
    """The first version's lists without an end, its run, and the events that it knows."""
    runs, lists, seen = tables["runs"], tables["recommendations"], tables["event_visibility"]
    published = [run for run in runs.to_pylist() if run["published"]]
    if not published:
        raise BadInput("the batch arm published nothing, so there are no first lists to keep.")
    first = published[0]
    kept = lists.filter(pc.equal(lists["version"], first["version"]))
    place = kept.schema.get_field_index("valid_to")
    kept = kept.set_column(place, "valid_to", pa.nulls(len(kept), MOMENT))
    held = first["peak_bytes"] * (first["ended"] - first["started"]).total_seconds() / 1e9
    cost = {"what": "first run", "cpu_seconds": first["cpu_seconds"], "gb_seconds": held, "bytes_read": 0}
    return tables | {
        "recommendations": kept,
        "runs": runs.filter(pc.equal(runs["run_id"], first["run_id"])),
        "event_visibility": lose_later(seen, first["ended"]),
        "costs": pa.Table.from_pylist([cost | {"bytes_written": 0, "usd": None}], schema=tables["costs"].schema),
    }


def keep_own(tables: Tables) -> Tables:
    """The lists that belong to a user."""
    lists = tables["recommendations"]
    return tables | {"recommendations": lists.filter(pc.is_valid(lists["user_id"]))}


def refuse_unknown(reads: pa.Table, first: pa.Scalar) -> pa.Table:
    """From the first version on, who has no list is told so with 400: the server is there, and knows nothing of them."""
    is_unknown = pc.and_(pc.is_null(reads["version"]), pc.fill_null(pc.greater_equal(reads["t"], first), False))
    status = pc.if_else(is_unknown, pa.scalar(400, reads.schema.field("status").type), reads["status"])
    return reads.set_column(reads.schema.get_field_index("status"), reads.schema.field("status"), status)


def lose_later(seen: pa.Table, until: datetime) -> pa.Table:
    """Events that landed after a moment have not landed, and are lost."""
    is_early = pc.fill_null(pc.less_equal(seen["landed"], pa.scalar(until, MOMENT)), False)
    nothing = pa.scalar(None, MOMENT)
    columns = {name: seen[name] for name in seen.column_names}
    columns["fate"] = pc.if_else(is_early, seen["fate"], "lost")
    for name in ("landed", "first_visible"):
        columns[name] = pc.if_else(is_early, seen[name], nothing)
    return pa.table(columns)


CONTROLS = {
    "popular": Control(
        "popular only",
        "Everyone is shown the popular list of each version of {arm}, from when that version was published. Costs are those "
        "of the stages that a popular list needs; publishing it is not among them.",
        keep_popular,
    ),
    "nothing": Control(
        "do nothing",
        "Everyone is shown the lists of the first version of {arm} for ever; what was delivered after it is lost. Costs are "
        "those of its first run as `runs` has them, without bytes: they are paid once and not again, so what it would cost "
        "a month says nothing.",
        keep_first,
    ),
    "bare": Control(
        "own lists or HTTP 400",
        "The lists of {arm} from a server without a list for everyone: from the first version on, a read of a user who has "
        "no list of their own is answered with HTTP 400.",
        keep_own,
    ),
}
