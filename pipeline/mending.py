"""Mending refused rows: by a mapping of words, or from a CSV that a person edited.

A row is a dict of `hour`, `locator`, `rule` and `raw`, the texts that the source delivered by column.
"""

import csv
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.errors import BadInput
from pipeline.inbox import SCHEMA
from pipeline.mapping import Words, map_words

Row = dict[str, Any]


def mend_by_words(rows: list[Row], words: Words) -> list[Row]:
    """The rows that the words change, changed; raises `BadInput` when there is none."""
    mapped, changed = map_words(pa.Table.from_pylist([row["raw"] for row in rows], schema=SCHEMA), words)
    mended = [
        {**row, "raw": raw}
        for row, raw, is_changed in zip(rows, mapped.to_pylist(), changed.to_pylist(), strict=True)
        if is_changed
    ]
    if not mended:
        raise BadInput(
            f"the mapping changes none of the {len(rows)} refused rows; look at them with `quarantine show`."
        )
    return mended


def mend_by_file(rows: list[Row], file: Path) -> list[Row]:
    """The rows that an edited CSV names by their locator, with the texts that it gives; raises `BadInput` otherwise."""
    edits = read_edits(file)
    by_locator = {row["locator"]: row for row in rows}
    unknown = [locator for locator in edits if locator not in by_locator]
    if unknown:
        raise BadInput(
            f"{file}: {len(unknown)} of {len(edits)} locators are not among the refused rows, first {unknown[0]!r} "
            "(excluded rows are replayed with --rule excluded only)."
        )
    mended = []
    for row in rows:
        if row["locator"] in edits:
            # An empty field is what a CSV makes of nothing and of empty text alike: neither was edited.
            edit = {name: text for name, text in edits[row["locator"]].items() if text != (row["raw"].get(name) or "")}
            if "delivered_at" in edit:
                raise BadInput(
                    f"{file}: delivered_at of {row['locator']!r} is edited; name the hour with --into instead."
                )
            mended.append({**row, "raw": {**row["raw"], **edit}})
    return mended


def read_edits(file: Path) -> dict[str, dict[str, str]]:
    """The texts of an edited CSV by locator; raises `BadInput` when it is not such a file."""
    csv.field_size_limit(sys.maxsize)
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            header, *fields = [line for line in csv.reader(lines) if line] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file} is not CSV in UTF-8: {error}.") from None
    wrong = [column for column in header if column not in {*SCHEMA.names, "rule"}]
    if wrong or "locator" not in header or len(set(header)) < len(header):
        said = f"column {wrong[0]!r} is not known" if wrong else "it needs a column locator, and each column once"
        raise BadInput(f"{file}: {said}; the columns are locator, rule, {', '.join(SCHEMA.names[1:])}.")
    uneven = next((place for place, line in enumerate(fields, start=1) if len(line) != len(header)), None)
    if uneven:
        raise BadInput(f"{file}: row {uneven} has {len(fields[uneven - 1])} fields, the header has {len(header)}.")
    edits = {}
    for line in fields:
        texts = dict(zip(header, line, strict=True))
        texts.pop("rule", None)
        locator = texts.pop("locator")
        if locator in edits:
            raise BadInput(f"{file}: {locator!r} stands there twice.")
        edits[locator] = texts
    if not edits:
        raise BadInput(f"{file} holds no rows.")
    return edits
