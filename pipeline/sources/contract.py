"""The contract of a source: which columns of which tables or files its SELECTs read, held against what the source has.

It stands as data beside the source, in `contract.csv`: query (events or items), relation (a table, or the name of files in
which %Y-%m-%d and %H stand for the hour and * for anything), column, type, is_needed. A line without a column names
only a file to fetch. A source without a contract has its SQL for one.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from pipeline.checksums import check_files
from pipeline.duck import connect
from pipeline.files import as_pattern
from pipeline.run import Run
from pipeline.sources.damage import check_form, unreadable
from pipeline.sources.database import is_database, open_snapshot
from pipeline.sources.storage import find_files, name_files, open_folder

Columns = Mapping[str, str]  # name: type
TYPES = ("text", "integer", "number", "boolean", "moment")
READERS = {
    ".csv": """
        describe from read_csv(
            $file, all_varchar = true, header = true, skip = 0, comment = '', delim = ',', quote = '"', escape = '"',
            max_line_size = 16777216
        )
        """,
    ".json": """
        select unnest(json_keys(shape)), unnest(json_extract_string(shape, '$.*'))
        from (
            select json_group_structure(json) as shape
            from (
                select json from read_json_objects($file, format = 'newline_delimited', ignore_errors = true)
                where json_type(json) = 'OBJECT' limit 20000
            )
        )
        """,
    ".parquet": "describe from read_parquet($file)",
}


@dataclass(frozen=True)
class Agreed:
    """One line of a contract."""

    query: str
    relation: str
    column: str
    type: str
    is_needed: bool


@dataclass
class Difference:
    """How a source differs from its contract, in half-sentences that name the relation and the column."""

    missing: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def read_contract(folder: Path, kind: str) -> list[Agreed]:
    """The lines of a source's contract about `events` or `items`; none when it has no contract."""
    path = folder / "contract.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        lines = [
            Agreed(row["query"], row["relation"], row["column"], row["type"], row["is_needed"] == "yes")
            for row in csv.DictReader(file)
        ]
    return [line for line in lines if line.query == kind]


def relations_of(contract: Iterable[Agreed]) -> list[str]:
    """The tables or names of files that a contract names, each once."""
    return list(dict.fromkeys(line.relation for line in contract))


def compare(contract: Iterable[Agreed], relation: str, shown: str, found: Columns | None, into: Difference) -> None:
    """Add to `into` how the columns of a relation differ from the contract; `shown` is what it is called in sentences."""
    if found is None:
        into.missing.append(f"{shown} is missing")
        return
    agreed = {line.column: line for line in contract if line.relation == relation and line.column}
    missing = [name for name in agreed if name not in found]
    new = [name for name in found if name not in agreed] if agreed else []
    lacked = [name for name in missing if agreed[name].is_needed]
    if lacked and len(missing) == len(agreed) > 1:  # what was found may be the first row, and so name people
        hint = " (the first line must be these names, with commas between them)" if shown.endswith(".csv") else ""
        into.missing.append(f"{shown} has none of the {len(agreed)} columns {', '.join(agreed)}{hint}")
    elif lacked:
        said = [f"column {name} is missing" for name in lacked] + [f"{name} is new" for name in new]
        into.missing.append(f"{shown}: {', '.join(said)}{' (renamed?)' if new else ''}")
    elif new:
        hint = f" ({', '.join(missing)} is missing: renamed?)" if missing else ""
        into.new.append(f"{shown}: {', '.join(new)} is new and ignored{hint}")
    for name, line in agreed.items():
        kind = found.get(name, "")
        if kind in TYPES and kind != line.type and (kind, line.type) != ("integer", "number"):
            into.changed.append(f"{shown}: column {name} is {kind}, not {line.type}")


def check_contract(
    run: Run, folder: Path, kind: str, url: str, start: datetime, end: datetime, scratch: Path
) -> Difference | None:
    """How what the source has for these hours differs from its contract; None when it has no contract."""
    contract = read_contract(folder, kind)
    if not contract:
        return None
    difference = Difference()
    if is_database(url):
        with open_snapshot(run, url) as connection:
            for relation in relations_of(contract):
                compare(contract, relation, f"table {relation}", describe_table(connection, relation), difference)
        return difference
    files = open_folder(run, url, relations_of(contract), start, end, scratch)
    check_files(files, name_files(relations_of(contract), start, end))
    with connect(run.settings, scratch) as connection:
        for relation in relations_of(contract):
            is_described = any(line.column for line in contract if line.relation == relation)
            paths = find_files(files, name_files([relation], start, end))
            if is_described and not paths and not set(relation) & set("%*"):
                compare(contract, relation, f"file {relation}", None, difference)
            for path in paths if is_described else ():
                shown = f"file {path.relative_to(files)}"
                if found := describe_file(run, connection, path, shown):
                    compare(contract, relation, shown, found, difference)
    return difference


def describe_table(connection: sa.Connection, relation: str) -> Columns | None:
    """Names and types of a table's or view's columns; None when there is none of that name."""
    *schema, name = relation.split(".")
    inspector = sa.inspect(connection)
    try:
        columns = inspector.get_columns(name, schema[0] if schema else None)
    except sa.exc.NoSuchTableError:
        return None
    return {column["name"]: _type_of_database(column["type"]) for column in columns}


def _type_of_database(kind: Any) -> str:
    kinds = {
        "boolean": sa.Boolean,
        "integer": sa.Integer,
        "number": sa.Numeric,
        "moment": (sa.DateTime, sa.Date),
        "text": (sa.String, sa.Uuid),
    }
    return next((name for name, types in kinds.items() if isinstance(kind, types)), "")  # type: ignore[arg-type]


def describe_file(run: Run, connection: duckdb.DuckDBPyConnection, path: Path, shown: str) -> Columns:
    """Names and types of a file's columns, none of an empty one; raises `Unreadable` when it cannot be read."""
    check_form(run, path, shown)
    try:
        rows = connection.execute(READERS[path.suffix], {"file": as_pattern(path)}).fetchall()
    except duckdb.Error as error:
        raise unreadable(run, shown, [path], error) from error
    return {name: _type_of_file(kind) for name, kind, *_ in rows}


def _type_of_file(kind: str) -> str:
    word = kind.split("(")[0].split(" ")[0]
    if word in {"VARCHAR", "UUID"}:
        return "text"
    if "INT" in word:
        return "integer"
    if word in {"DOUBLE", "FLOAT", "DECIMAL"}:
        return "number"
    if word.startswith(("TIMESTAMP", "DATE")):
        return "moment"
    return "boolean" if word == "BOOLEAN" else ""
