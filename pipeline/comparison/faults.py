"""What goes wrong on purpose while a log is replayed: a plan of faults, which every arm meets at the same moments.

A plan is a JSON document (`schemas/v1/fault_plan.json`; `bad_day.json` is one) whose hours count from the log's start. What
is wrong with a delivery is wrong in the source's files; nobody who reads them is told.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.comparison.bundle import MOMENT, file_of, open_tables, schema_of
from pipeline.comparison.feed import Feed, catalog_at
from pipeline.comparison.log import Log
from pipeline.duck import fetch_table, view_files
from pipeline.errors import BadInput
from pipeline.hours import HOUR

BAD_DAY = Path(__file__).with_name("bad_day.json")
# What a fault of each kind says beside its name, kind and hour.
NEEDS: dict[str, tuple[str, ...]] = {
    "late": ("minutes",),
    "cut": ("minutes", "share"),
    "broken": ("minutes", "share"),
    "repeated": ("hours",),
    "catalog_cut": ("share",),
    "database_away": ("minutes",),
    "killed": (),
}
PUBLISHING = ("database_away", "killed")  # meet whoever publishes; all others are of what an hour delivers
READ_ONCE = ("late", "cut", "broken")  # spoil what an arm that keeps what it took in reads once
PADDING = "\x00\x00"  # as a field of fixed width has it, whose writer did not cut off its end
# What the schema of a plan asks for, in words.
TYPES = {
    "number": "a number",
    "integer": "a whole number",
    "string": "a text",
    "array": "a list",
    "object": "an object",
}
MUST = {
    "enum": "be one of {}",
    "minimum": "be at least {}",
    "exclusiveMinimum": "be more than {}",
    "exclusiveMaximum": "be less than {}",
    "minItems": "not be empty",
    "minLength": "not be empty",
}


@dataclass(frozen=True)
class Fault:
    """A fault of a log: `began` is when it can first be met, `over` when what it spoilt is whole, None when never."""

    fault: str
    kind: str
    hour: datetime
    began: datetime
    over: datetime | None
    share: float = 0.0
    hours: int = 0

    def is_on(self, at: datetime) -> bool:
        """Whether it holds at a moment."""
        return self.began <= at and (self.over is None or at < self.over)


def read_plan(path: Path, log: Log) -> list[Fault]:
    """The faults of a plan on this log, in the order in which they begin.

    Raises `BadInput` for what is no plan, a fault that lacks what its kind needs, is of no whole hour or not of the log, and
    two faults of one name or of the same file.
    """
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is no plan of faults: {error}.") from None
    for breach in jsonschema.Draft202012Validator(schema_of("fault_plan")).iter_errors(plan):
        raise BadInput(f"{path}: {tell_breach(breach)}.")
    faults = sorted((_place(path, log, said) for said in plan["faults"]), key=lambda one: (one.began, one.fault))
    files = [(one.hour, one.kind == "catalog_cut") for one in faults if one.kind not in PUBLISHING]
    for what, each in (("name", [one.fault for one in faults]), ("file", files)):
        if len(set(each)) < len(each):
            raise BadInput(f"{path}: two faults have the same {what}; give each its own.")
    return faults


def tell_breach(breach: jsonschema.ValidationError) -> str:
    """What in a plan is not as its schema says, where, and what belongs there."""
    place, found, wanted = ".".join(map(str, breach.absolute_path)), breach.instance, breach.validator_value
    if breach.validator == "additionalProperties":
        known = breach.schema["properties"]
        return f"{place or 'the plan'} has {', '.join(sorted(found.keys() - known))}; its fields are {', '.join(known)}"
    if breach.validator == "required":
        return f"{place or 'the plan'} lacks {', '.join(name for name in wanted if name not in found)}"
    asked = wanted if isinstance(wanted, list) else [wanted]
    said = MUST.get(str(breach.validator), "be {}").format(", ".join(str(TYPES.get(str(one), one)) for one in asked))
    return f"{place or 'the plan'} is {json.dumps(found, ensure_ascii=False)[:80]}; it must {said}"


def _place(path: Path, log: Log, said: dict[str, Any]) -> Fault:
    """A fault of a plan where the log has it."""
    kind, more = said["kind"], {name: said[name] for name in ("minutes", "share", "hours") if name in said}
    if sorted(more) != sorted(NEEDS[kind]):
        needs = ", ".join(NEEDS[kind]) or "nothing else"
        raise BadInput(
            f"{path}: {said['fault']!r} has {', '.join(more) or 'nothing else'}; a fault {kind} needs {needs}."
        )
    at = log.started + said["hour"] * HOUR
    if not at < log.ended or (kind not in PUBLISHING and said["hour"] % 1):
        raise BadInput(
            f"{path}: {said['fault']!r} is of hour {said['hour']:g}; it must be one of the log's, which has "
            f"{(log.ended - log.started) // HOUR}, and a whole one where a delivery is wrong."
        )
    lasts = timedelta(minutes=said.get("minutes", 0))
    began = at if kind in PUBLISHING else at + HOUR  # an hour's files are there when it has ended
    over = {"repeated": None, "catalog_cut": began + HOUR, "killed": began}.get(kind, began + lasts)
    return Fault(said["fault"], kind, at, began, over, said.get("share", 0.0), said.get("hours", 0))


class FaultyFeed(Feed):
    """The source folder of a log some of whose files come late or wrong; `mend` brings what has become whole since."""

    def __init__(self, log: Log, folder: Path, faults: Sequence[Fault]) -> None:
        super().__init__(log, folder)
        self.waiting: list[Fault] = []
        self.faults = [one for one in faults if one.kind not in PUBLISHING]

    def deliver(self, hour: datetime) -> int:
        """The files of an hour stand in the folder as its faults leave them. Returns the events that are to come."""
        rows = self.events_of(hour)
        catalog = catalog_at(self.catalog, hour + HOUR)
        spoilt = {one.kind: one for one in self.faults if one.hour == hour}
        if fault := spoilt.get("catalog_cut"):
            catalog = catalog.slice(0, round(len(catalog) * fault.share))
        self._write("items", hour, catalog)
        if "late" not in spoilt:
            self._write_events(hour, break_ids(rows, spoilt["broken"].share) if "broken" in spoilt else rows)
        if fault := spoilt.get("cut"):
            path = self.path_of("events", hour)
            path.write_bytes(path.read_bytes()[: round(path.stat().st_size * fault.share)])
        self.waiting += [spoilt[kind] for kind in ("late", "broken", "cut") if kind in spoilt]
        return len(rows)

    def mend(self, at: datetime) -> None:
        """The files of events that are whole by this moment stand in the folder."""
        for fault in [one for one in self.waiting if not one.is_on(at)]:
            self.path_of("events", fault.hour).unlink(missing_ok=True)
            self._write_events(fault.hour, self.events_of(fault.hour))
            self.waiting.remove(fault)

    def events_of(self, hour: datetime) -> pa.Table:
        """The rows that an hour delivers once it is whole: its own, and those that come again."""
        return pa.concat_tables([super().events_of(hour), self.repeats_of(hour)])

    def repeats_of(self, hour: datetime) -> pa.Table:
        """The rows of hours before that an hour delivers again."""
        hours = sum(one.hours for one in self.faults if one.kind == "repeated" and one.hour == hour)
        before = [super(FaultyFeed, self).events_of(hour - step * HOUR) for step in range(hours, 0, -1)]
        return pa.concat_tables([self.events.slice(0, 0), *before])


def break_ids(rows: pa.Table, share: float) -> pa.Table:
    """So large a share of the rows, evenly spread, have a user id with what fixed width left at its end."""
    is_broken = np.diff(np.floor(np.arange(len(rows) + 1) * share)) > 0
    broken = pc.binary_join_element_wise(rows["user_id"], PADDING, "")
    place = rows.schema.get_field_index("user_id")
    return rows.set_column(place, "user_id", pc.if_else(pa.array(is_broken), broken, rows["user_id"]))


def find_recovery(fault: Fault, began: datetime, published: Iterable[tuple[datetime, datetime]]) -> datetime | None:
    """When readers were served as before, by when runs that published began and came out; None where they never were.

    It is the first version that came out once the fault was over, made of what was read after it where a delivery was wrong.
    Of an arm that reads a delivery once `published` are the runs since it has read that one whole.
    """
    over = began if fault.kind == "killed" else fault.over
    if over is None:
        return None
    is_late = fault.kind in PUBLISHING  # then it counts when lists came, not when they were begun
    return min((came for begun, came in published if (came if is_late else begun) >= over), default=None)


def count_wrong(bundle: Path, log: Path, began: datetime, until: datetime | None) -> int:
    """The rows of lists that readers could get from one moment until another (None: to the end) and that were wrong when
    they came: of an item that could not be bought, or of a user whom the log does not know.
    """
    if began == until:
        return 0
    with open_tables(None, log) as connection:  # of the bundle the lists alone: its other tables may not be there yet
        view_files(connection, "recommendations", [bundle / file_of("recommendations")])
        connection.register("catalog_states", fetch_table(connection, "comparison/catalog_states"))
        lists = fetch_table(connection, "comparison/listed_rows")
    was_there = pc.fill_null(pc.greater(lists["valid_to"], pa.scalar(began, MOMENT)), True)
    if until:
        was_there = pc.and_(was_there, pc.less(lists["valid_from"], pa.scalar(until, MOMENT)))
    return int(pc.sum(lists.filter(was_there)["wrong"]).as_py() or 0)
