"""Holding small tables against their suites: which rules do they break, and how gravely."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.audit import audit_table, describe_warnings
from pipeline.errors import AuditFailed

Row = dict[str, Any]


def write_rows(path: Path, rows: Sequence[Row], like: Sequence[Row]) -> Path:
    """A Parquet file of the rows, whose columns have the types of those of `like`; columns not named are null."""
    pq.write_table(pa.Table.from_pylist(list(rows), schema=pa.Table.from_pylist(list(like)).schema), path)
    return path


def broken_rules(
    table: str, rows: Sequence[Row], good: Sequence[Row], folder: Path, limits: Mapping[str, Any] | None = None
) -> tuple[list[str], list[str]]:
    """Names of the critical rules and of the warnings that a table breaks; `good` rows give the columns and types."""
    path = write_rows(folder / f"{table}.parquet", rows, good)
    critical: list[str] = []
    warnings: list[str] = []
    try:
        warnings = describe_warnings(audit_table(table, [path], limits or {}, "2026-01-01T11")[0])
    except AuditFailed as error:
        critical = re.findall(rf"\b{table}: (\w+): ", str(error))
        assert critical, f"no rule is named in: {error}"
    return critical, [re.findall(rf"^{table}: (\w+): ", warning)[0] for warning in warnings]


def without(column: str, good: Sequence[Row]) -> list[Row]:
    """The good rows, the first of them without this column."""
    return [{**good[0], column: None}, *good[1:]]


def changed(good: Sequence[Row], **columns: Any) -> list[Row]:
    """The good rows, the first of them with other values."""
    return [{**good[0], **columns}, *good[1:]]
