"""What keeps a delivered file from being read, for a person: the line, and what is wrong there, never what stands in it."""

import csv
import json
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from pipeline.errors import Unreadable
from pipeline.run import Run
from pipeline.sources.columns import first_line

MOST_LINES = 1000  # of a JSON file, among which one must be an object
# What a file begins with that is CSV in name alone.
BEGINNINGS = {
    b"\xff\xfe": "it is UTF-16, not UTF-8",
    b"\xfe\xff": "it is UTF-16, not UTF-8",
    b"\x1f\x8b": "it is compressed (gzip); deliver it unpacked",
    b"PK\x03\x04": "it is a spreadsheet or a zip archive, not CSV",
    b"PAR1": "it is Parquet, not CSV",
}


def unreadable(run: Run, shown: str, files: Sequence[Path], error: Exception | None = None) -> Unreadable:
    """The error about the first of these files that has a fault, else about `shown`, with what the reader said of it."""
    said = [(path, fault) for path in files if path.suffix == ".csv" and (fault := find_fault(path))]
    if said and len(files) > 1:
        shown = f"{shown}/{said[0][0].name}"
    fault = said[0][1] if said else first_line(error)
    return Unreadable(f"source {run.settings.source}: cannot read {shown}: {fault}")


def check_form(run: Run, path: Path, shown: str) -> None:
    """Raises `Unreadable` for a CSV file of no bytes at all, since one without rows has at least its header, and for a JSON
    file with lines of which none holds an object: each would be a row of nothing, and the hour would have no events.
    """
    if path.suffix == ".csv" and not path.stat().st_size:
        raise unreadable(run, shown, [path])
    if path.suffix == ".json" and not _holds_objects(path):
        fault = ValueError(
            f"none of its first {MOST_LINES:,} lines is a JSON object; write one object a line, no array"
        )
        raise unreadable(run, shown, [path], fault)


def find_fault(path: Path) -> str:
    """The first thing in a CSV file that is no CSV in UTF-8 with as many fields on every line; nothing when all is well."""
    return _find_bytes(path) or _find_fields(path)


def _holds_objects(path: Path) -> bool:
    """Whether a line among the first holds a JSON object, or there is no line at all."""
    has_lines = False
    with path.open("rb") as file:
        for line in islice(file, MOST_LINES):
            has_lines |= bool(line.strip())
            try:
                if isinstance(json.loads(line), dict):
                    return True
            except (ValueError, RecursionError):  # what is no text of Unicode either
                continue
    return not has_lines


def _find_bytes(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
        if not head:
            return "it is empty: there is not even a header"
        for beginning, fault in BEGINNINGS.items():
            if head.startswith(beginning):
                return fault
        file.seek(0)
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"line {number} is not UTF-8"
    return ""


def _find_fields(path: Path) -> str:
    csv.field_size_limit(sys.maxsize)
    wanted = ended = 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, strict=True)
        try:
            for fields in lines:
                start, ended = ended + 1, lines.line_num
                wanted = wanted or len(fields)
                if fields and len(fields) != wanted:
                    return f"line {start} has {len(fields)} field{'s' * (len(fields) != 1)}, the header has {wanted}"
        except csv.Error as error:
            is_open = "end of data" in str(error)
            return f"line {ended + 1}: a quote {'is never closed' if is_open else 'closes in the middle of a field'}"
    return _find_line_ends(path)


def _find_line_ends(path: Path) -> str:
    with path.open("rb") as file:
        ends = [line.endswith(b"\r\n") for line in file if line.endswith(b"\n")]
    other = next((number for number, is_windows in enumerate(ends, start=1) if is_windows != ends[0]), None)
    return f"line {other} ends otherwise than line 1: some lines end as on Windows, some do not" if other else ""
