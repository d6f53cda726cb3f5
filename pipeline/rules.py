"""The shop's rules for its lists, as a file that people write: what is blocked, pinned, boosted, capped, sold again, new.

`rules/<source>.csv` in the home folder; no such file, no rules. An hour keeps the lines that it was made with.
"""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.errors import BadInput
from pipeline.settings import Settings

COLUMNS = ("rule", "item_id", "category", "value", "starts_at", "ends_at", "note")
MOMENT = pa.timestamp("us", "UTC")
TYPES = {"value": pa.float64(), "starts_at": MOMENT, "ends_at": MOMENT}
SCHEMA = pa.schema([("line", pa.int32()), *((name, TYPES.get(name, pa.string())) for name in COLUMNS)])
MOST = 10_000  # lines
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
Line = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What a rule may be about ("" is everything) and its value: what it is, its bounds, whether it is whole."""

    about: frozenset[str]
    value: str = ""
    least: float = 0
    most: float = 0
    is_whole: bool = False


KINDS = {
    "block": Kind(frozenset({"item_id", "category"})),
    "pin": Kind(frozenset({"item_id"}), "the rank", 1, 1000, True),
    "boost": Kind(frozenset({"item_id", "category"}), "the factor of the score", 0.01, 100),
    "cap": Kind(frozenset({"category", ""}), "the most items of one category in a list", 1, 1000, True),
    "rebuy": Kind(frozenset({"item_id", "category", ""}), "days since the last purchase", 0, 3650),
    "fresh": Kind(frozenset({""}), "the share of a list", 0, 1),
}
ABOUT = {"item_id": "an item_id", "category": "a category", "": "neither item_id nor category"}


def rules_file(settings: Settings) -> Path:
    """Where the rules of this source are written."""
    return settings.home / "rules" / f"{settings.source}.csv"


def read_rules(path: Path) -> pa.Table:
    """The lines of a rules file, typed; none when there is no file. Raises `BadInput` that names file, line and remedy."""
    if not path.exists():
        return SCHEMA.empty_table()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is not a CSV file in UTF-8: {error}.") from None
    (_, header), *rows = rows or [(1, [])]
    header = [name.strip() for name in header]
    if "rule" not in header or set(header) - set(COLUMNS) or len(set(header)) != len(header):
        raise BadInput(
            f"{path}, line 1: the columns are {', '.join(COLUMNS)}, separated by commas; rule must be there."
        )
    if len(rows) > MOST:
        raise BadInput(
            f"{path} holds {len(rows):,} rules; {MOST:,} are the most: name a category instead of its items."
        )
    lines, wrong = [], []
    for number, row in rows:
        try:
            lines.append({"line": number, **read_line(header, row)})
        except BadInput as error:
            wrong.append(f"line {number}: {error}")
    wrong = wrong or list(find_clashes(lines))
    if wrong:
        more = f" ({len(wrong) - 1} more lines are wrong)" if len(wrong) > 1 else ""
        raise BadInput(f"{path}, {wrong[0]}{more}; see docs/rules.md, and try `treasure-hunt rules check`.")
    return pa.Table.from_pylist(lines, schema=SCHEMA)


def read_line(header: list[str], row: list[str]) -> Line:
    """One line, typed; raises `BadInput` that says what is wrong and what is right."""
    if len(row) != len(header):
        raise BadInput(f"{len(row)} cells under {len(header)} columns")
    told = dict.fromkeys(COLUMNS, "") | {name: cell.strip() for name, cell in zip(header, row, strict=True)}
    kind = KINDS.get(told["rule"])
    if kind is None:
        raise BadInput(f"there is no rule {told['rule']!r}; the rules are {', '.join(KINDS)}")
    about = [name for name in ("item_id", "category") if told[name]] or [""]
    if len(about) > 1 or about[0] not in kind.about:
        allowed = " or ".join(ABOUT[name] for name in ABOUT if name in kind.about)
        raise BadInput(f"{told['rule']} is about {allowed}")
    moments = {name: read_moment(name, told[name]) for name in ("starts_at", "ends_at")}
    if moments["starts_at"] and moments["ends_at"] and moments["ends_at"] <= moments["starts_at"]:
        raise BadInput("ends_at is not after starts_at")
    return {**{name: text or None for name, text in told.items()}, **moments, "value": read_value(told, kind)}


def read_value(told: Mapping[str, str], kind: Kind) -> float | None:
    """The value of a rule, None of a rule without one."""
    text, rule = told["value"], told["rule"]
    if not kind.value:
        if text:
            raise BadInput(f"{rule} has no value; leave {text!r} out")
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not kind.least <= value <= kind.most or (kind.is_whole and value != int(value)):
        number = "a whole number" if kind.is_whole else "a number"
        raise BadInput(
            f"the value of {rule} is {kind.value}: {number} from {kind.least:g} to {kind.most:g}, not {text!r}"
        )
    return value


def read_moment(name: str, text: str) -> datetime | None:
    """A moment in UTC from ISO 8601 text; a date alone is its midnight."""
    try:
        moment = datetime.fromisoformat(text) if text else None
        return moment and (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        raise BadInput(f"{name} is a moment such as 2026-11-27 or 2026-11-27T18:00Z, not {text!r}") from None


def find_clashes(lines: list[Line]) -> Iterator[str]:
    """A sentence for each two lines that cannot both hold at the same time."""
    held: dict[tuple[Any, ...], list[Line]] = {}
    for line in lines:
        if line["rule"] not in ("block", "boost"):
            held.setdefault((line["rule"], line["item_id"], line["category"]), []).append(line)
        if line["rule"] == "pin":
            held.setdefault(("rank", line["value"]), []).append(line)
    for key, alike in held.items():
        for first, second in combinations(alike, 2):
            begins = max(one["starts_at"] or EARLIEST for one in (first, second))
            if begins < min(one["ends_at"] or LATEST for one in (first, second)):
                same = "pins an item to the rank of" if key[0] == "rank" else "says something else about the same than"
                yield f"line {second['line']}: it {same} line {first['line']} at the same time; leave one"


def is_active(line: Mapping[str, Any], moment: datetime) -> bool:
    """Whether a rule holds for lists that are made as of a moment."""
    return bool((line["starts_at"] or EARLIEST) <= moment < (line["ends_at"] or LATEST))


def state_of(line: Mapping[str, Any], moment: datetime) -> str:
    """Whether a rule is `active` at a moment, `over` or `to come`."""
    if is_active(line, moment):
        return "active"
    return "to come" if line["starts_at"] and line["starts_at"] > moment else "over"


def count_fresh_places(line: Mapping[str, Any], k: int) -> int:
    """How many places of a list of k a share of it is, rounded down; a hair below a whole number is that number."""
    return int(line["value"] * k + 1e-9)


def describe(line: Mapping[str, Any]) -> str:
    """A rule in a few words: `pin item b7 (3)`."""
    about = (
        f"item {line['item_id']}" if line["item_id"] else f"category {line['category']}" if line["category"] else "all"
    )
    value = f" ({line['value']:g})" if line["value"] is not None else ""
    return f"{line['rule']} {about}{value}"
