"""What an arm leaves behind, version 1: a folder of `arm.json` and Parquet tables, and how it is written and read.

The columns stand in `schemas/v1/`, one JSON Schema for the row of each table; `x-column` names the type in Parquet. Nothing
here knows an arm: anyone's folder that follows the schemas can be judged.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import BadInput
from pipeline.files import as_pattern, hash_file
from pipeline.hours import floor_hour

SCHEMA = 1
SCHEMAS = Path(__file__).with_name("schemas") / f"v{SCHEMA}"
TABLES = ("runs", "recommendations", "reads", "event_visibility", "faults", "costs")
LOG_TABLES = ("log_events", "log_catalog", "log_reads")
HASHED = ("name", "seed", "started", "ended")  # what `log_hash` pins of log.json beside the files
MOMENT = pa.timestamp("us", tz="UTC")
TYPES = {
    "string": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "timestamp": MOMENT,
}


@cache
def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of `arm`, `log`, or of a row of a table: one of `TABLES` or `LOG_TABLES`."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return found


@cache
def columns_of(name: str) -> pa.Schema:
    """The columns of a table in order, with their types; those that may be null are nullable."""
    return pa.schema(
        pa.field(column, TYPES[said["x-column"]], nullable="null" in said["type"])
        for column, said in schema_of(name)["properties"].items()
    )


def file_of(name: str) -> str:
    """The name of a table's file: `runs.parquet`; a log's tables stand in a folder of their own (`events.parquet`)."""
    return f"{name.removeprefix('log_')}.parquet"


def write_table(folder: Path, name: str, table: pa.Table) -> Path:
    """The rows stand in the folder as the table of that name, in the given order; the same rows make the same bytes.

    Types are brought to those of the schema where nothing is lost. Raises `BadInput` where a column is missing or unknown,
    of another type, or null where it must not be.
    """
    wanted = columns_of(name)
    missing = [column for column in wanted.names if column not in table.column_names]
    extra = [column for column in table.column_names if column not in wanted.names]
    if missing or extra:
        said = [f"{', '.join(missing)} missing"] if missing else []
        said += [f"{', '.join(extra)} not known"] if extra else []
        raise BadInput(f"{file_of(name)}: {'; '.join(said)}; its columns are {', '.join(wanted.names)}.")
    arrays = []
    for field in wanted:
        column = table.column(field.name)
        if column.null_count and not field.nullable:
            raise BadInput(f"{file_of(name)}: {field.name} is null in {column.null_count:,} rows and must be filled.")
        try:
            arrays.append(column.cast(field.type))
        except pa.ArrowException as error:
            raise BadInput(
                f"{file_of(name)}: {field.name} is {column.type} and does not become {field.type}: {error}."
            ) from None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_of(name)
    pq.write_table(pa.table(arrays, schema=wanted), path, compression="zstd")
    return path


def write_rows(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    """The same of rows as Python has them, for tables of few; what a row does not name is null."""
    return write_table(folder, name, pa.Table.from_pylist(rows, schema=_loose(columns_of(name))))


def _loose(schema: pa.Schema) -> pa.Schema:
    return pa.schema(field.with_nullable(True) for field in schema)


def write_arm(folder: Path, document: Mapping[str, Any]) -> None:
    """`arm.json` stands in the folder and seals it: `files` are the hashes of the tables, so write those first.

    `schema` need not be given. Raises `BadInput` where a table is missing or a field is not as the schema says.
    """
    missing = [file_of(name) for name in TABLES if not (folder / file_of(name)).exists()]
    if missing:
        raise BadInput(f"{folder}: {', '.join(missing)} missing; write the tables before arm.json (an empty one too).")
    files = {file_of(name): hash_file(folder / file_of(name)) for name in TABLES}
    whole = {**document, "schema": SCHEMA, "files": files}
    for breach in document_breaches("arm", whole):
        raise BadInput(f"{folder / 'arm.json'}: {breach}.")
    (folder / "arm.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def document_breaches(name: str, document: Any) -> list[str]:
    """What in a document is not as its schema says, a clause each: `seed: 'x' is not of type 'integer'`."""
    errors = jsonschema.Draft202012Validator(schema_of(name)).iter_errors(document)
    said = ((".".join(map(str, error.absolute_path)), error.message) for error in errors)
    found = sorted(f"{place}: {message}" if place else message for place, message in said)
    # A pattern knows what a moment looks like, not that there is no 30th of February.
    return found or [
        f"{field}: {document[field]!r} is no date and time"
        for field in ("started", "ended")
        if not _is_moment(document[field])
    ]


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def read_document(folder: Path, name: str) -> dict[str, Any]:
    """`arm.json` or `log.json` of a folder; raises `BadInput` where it is missing or not as its schema says."""
    path = folder / f"{name}.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path} is missing; a folder without it is no {'bundle' if name == 'arm' else name}.") from None
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from None
    for breach in document_breaches(name, found):
        raise BadInput(f"{path}: {breach}.")
    whole: dict[str, Any] = found
    return whole


def read_table(folder: Path, name: str) -> pa.Table:
    """A table of a bundle or log, with the types of its schema whatever kind of text its writer used."""
    path = folder / file_of(name)
    if breach := shape_breach(folder, name):
        raise BadInput(f"{folder}: {breach}.")
    return pq.read_table(path).cast(_loose(columns_of(name)))


def shape_breach(folder: Path, name: str) -> str | None:
    """What is wrong with a table's file, from its head alone: not there, no Parquet, other columns or types."""
    path = folder / file_of(name)
    if not path.exists():
        return f"{path.name} is missing; its columns are {', '.join(columns_of(name).names)}"
    try:
        found = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        return f"{path.name} cannot be read as Parquet: {str(error).splitlines()[0]}"
    wanted = columns_of(name)
    if found.names != wanted.names:
        in_order = ", ".join(wanted.names)
        return f"{path.name} has the columns {', '.join(found.names)}; expected are, in this order, {in_order}"
    other = [
        f"{field.name} is {is_now.type} and must be {field.type}"
        for field, is_now in zip(wanted, found, strict=True)
        if plain_type(is_now.type) != field.type
    ]
    return f"{path.name}: {'; '.join(other)}" if other else None


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type as the schemas name it: every way of keeping text is a string, and UTC has one name."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_timestamp(kind) and kind.tz in {"Etc/UTC", "+00:00", "Z"}:
        return pa.timestamp(kind.unit, tz="UTC")
    return kind


def altered_files(folder: Path, files: Mapping[str, str], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Of these files those whose SHA-256 is not what `files` says, with what it is; empty where there is no such file."""
    for name in names:
        found = hash_file(folder / name) if (folder / name).is_file() else ""
        if not found or found != files.get(name):
            yield name, found


def hash_log(log: Mapping[str, Any]) -> str:
    """The `log_hash` of a log that `log.json` describes so: SHA-256 over the sorted lines `name hash` of its files, and then
    a line `field value`, as JSON, for each of `HASHED`.
    """
    lines = [f"{name} {log['files'][name]}\n" for name in sorted(log["files"])]
    lines += [f"{field} {json.dumps(log[field], ensure_ascii=False)}\n" for field in HASHED]
    return sha256("".join(lines).encode()).hexdigest()


def span_breach(folder: Path, log: Mapping[str, Any]) -> str | None:
    """What in `log.json` cannot be: a span of no hours or of parts of them, or other counts than its tables have rows."""
    started, ended = (datetime.fromisoformat(log[name]) for name in ("started", "ended"))
    if started >= ended:
        return f"started {log['started']} is not before ended {log['ended']}"
    if floor_hour(started) != started or floor_hour(ended) != ended:
        return f"started {log['started']} and ended {log['ended']} are not both whole hours"
    for name in LOG_TABLES:
        table, rows = name.removeprefix("log_"), pq.read_metadata(folder / file_of(name)).num_rows
        if log["counts"].get(table) != rows:
            return f"counts has {log['counts'].get(table)} {table} and {file_of(name)} has {rows:,} rows"
    return None


@contextmanager
def open_tables(bundle: Path | None, log: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of DuckDB, in UTC, with a view for each table of the bundle and the log; `row` counts from 1.

    `cutoffs` says of each version of a run how far its data reached.
    """
    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    try:
        connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
        for folder, names in ((bundle, TABLES), (log, LOG_TABLES)):
            for name in names if folder else ():
                file = connection.read_parquet(as_pattern(folder / file_of(name)), file_row_number=True)  # type: ignore[operator]
                file.project('* exclude (file_row_number), file_row_number + 1 as "row"').create_view(name)
        if bundle:
            runs = connection.view("runs").filter("version is not null")
            runs.aggregate("version, min(data_cutoff) as data_cutoff").create_view("cutoffs")
        yield connection
    finally:
        connection.close()
