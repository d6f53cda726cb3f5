"""What a rules file would mean for the lists of an hour, before it runs."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.hours import HOUR
from pipeline.manifests import find_table
from pipeline.rules import count_fresh_places, describe, is_active, read_rules, rules_file, state_of
from pipeline.run import Run
from pipeline.settings import Settings


@dataclass(frozen=True)
class CheckedLine:
    """A line of the rules file: what it says, whether it holds, how many items of the catalog it names (None: no matter)."""

    line: int
    rule: str
    state: str
    items: int | None
    note: str


@dataclass(frozen=True)
class Checked:
    """A rules file as it stands, and what a person should be told about it."""

    path: Path
    lines: list[CheckedLine]
    remarks: list[str]


def check_rules(settings: Settings, catalog_of: datetime | None, hour: datetime | None) -> Checked:
    """What the rules file means for the lists of an hour (None: at any time), beside the catalog of a landed hour."""
    path = rules_file(settings)
    lines = read_rules(path).to_pylist()
    found = find_table(Run(catalog_of, settings), "items") if catalog_of else None
    catalog = pq.read_table(found[0], columns=["item_id", "category", "is_available"]).to_pylist() if found else []
    by_item = {row["item_id"]: row for row in catalog}
    by_category = Counter(row["category"] for row in catalog)
    checked, remarks = [], []
    for line in lines:
        named = {"item_id": int(line["item_id"] in by_item), "category": by_category[line["category"]]}
        about = next((name for name in named if line[name]), None)
        count = named[about] if about and catalog else None
        if count == 0:
            remarks.append(f"line {line['line']} ({describe(line)}) names nothing of the catalog in use")
        if line["rule"] == "pin" and count and not by_item[line["item_id"]]["is_available"]:
            remarks.append(
                f"line {line['line']} ({describe(line)}) names an item that cannot be bought: it is not shown"
            )
        if line["rule"] == "pin" and line["value"] > settings.k:
            remarks.append(f"line {line['line']} ({describe(line)}): lists end at rank {settings.k}")
        if line["rule"] == "fresh" and count_fresh_places(line, settings.k) == 0:
            remarks.append(f"line {line['line']} ({describe(line)}): that is no place of {settings.k}")
        state = state_of(line, hour + HOUR) if hour else "given"
        checked.append(CheckedLine(line["line"], describe(line), state, count, line["note"] or ""))
    offered = [row for row in catalog if row["is_available"]]
    blocks = [line for line in lines if line["rule"] == "block" and (hour is None or is_active(line, hour + HOUR))]
    items, categories = ({line[name] for line in blocks if line[name]} for name in ("item_id", "category"))
    gone = sum(row["item_id"] in items or row["category"] in categories for row in offered)
    if offered and gone == len(offered):
        remarks.append("everything that is available is blocked: such an hour is refused")
    return Checked(path, checked, remarks)
