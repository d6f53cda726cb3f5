"""The columns that every source hands over, all text, and the sentences about a source that does not."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.errors import DataError
from pipeline.run import Run

COLUMNS: dict[str, tuple[str, ...]] = {
    "events": (
        "locator",
        "event_id",
        "user_id",
        "session_id",
        "event_type",
        "query",
        "item_id",
        "quantity",
        "position",
        "occurred_at",
        "ingested_at",
        "excluded",
        "delivered_at",
    ),
    "items": (
        "locator",
        "item_id",
        "title",
        "category",
        "brand",
        "price",
        "currency",
        "is_available",
        "updated_at",
        "snapshot_at",
    ),
}
OPTIONAL = frozenset({"snapshot_at"})  # a SELECT that does not hand it over hands over null


def shape_of(kind: str) -> pa.Schema:
    """The schema of what is pulled."""
    return pa.schema([(name, pa.string()) for name in COLUMNS[kind]])


def check_columns(run: Run, kind: str, columns: Sequence[str]) -> None:
    """Raises `DataError` that names what a SELECT does not hand over, or hands over without being asked."""
    wanted = COLUMNS[kind]
    missing = [name for name in wanted if name not in columns and name not in OPTIONAL]
    extra = [name for name in columns if name not in wanted]
    if missing or extra:
        said = [f"{', '.join(missing)} missing"] if missing else []
        said += [f"{', '.join(extra)} not known"] if extra else []
        raise DataError(
            f"source {run.settings.source}: {kind}.sql does not hand over the agreed columns: {'; '.join(said)}. "
            f"They are {', '.join(wanted)}."
        )


def first_line(error: object) -> str:
    """The first line of what a driver says, without the statement and its values."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def used_values(statement: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a statement names by `$name`: a database refuses others."""
    names = set(re.findall(r"\$([a-z_]+)", statement))
    return {name: value for name, value in values.items() if name in names}
