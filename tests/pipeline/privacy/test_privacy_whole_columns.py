"""Text and people go also from files that say of a column that none of its values is null.

DuckDB writes that of a table all of whose rows have a value, such as an hour in which everybody searched.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.duck import connect
from pipeline.privacy.erase import Traces, remove_person
from pipeline.privacy.forget import drop_text
from pipeline.privacy.tombstones import blank_erased, raise_tombstone
from pipeline.settings import Settings

ROWS = [
    {"user_id": "ann", "session_id": "s1", "query": "red shoes", "raw_row": '{"user_id":"ann"}', "rule": "r"},
    {"user_id": "bob", "session_id": "s2", "query": "red shoes", "raw_row": '{"user_id":"bob"}', "rule": "r"},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file all of whose columns say that they are never null."""
    schema = pa.schema([pa.field(name, pa.string(), nullable=False) for name in ROWS[0]])
    pq.write_table(pa.Table.from_pylist(ROWS, schema=schema), tmp_path / "whole.parquet")
    return tmp_path / "whole.parquet"


def read_written(changed: tuple[pa.Table, int] | None, path: Path) -> list[dict[str, Any]]:
    assert changed is not None
    pq.write_table(changed[0], path)
    return pq.read_table(path).to_pylist()


def test_duckdb_says_so_of_a_table_without_a_null(tmp_path: Path) -> None:
    with connect(Settings(home=tmp_path), tmp_path) as connection:
        connection.execute(f"copy (select 'red shoes' as query) to '{tmp_path / 'one.parquet'}' (format parquet)")
    assert not pq.read_schema(tmp_path / "one.parquet").field("query").nullable


def test_what_was_typed_goes_where_every_row_has_it(path: Path) -> None:
    rows = read_written(drop_text(path), path)
    assert [(row["user_id"], row["query"]) for row in rows] == [("ann", None), ("bob", None)]


def test_a_person_goes_where_every_row_names_one(path: Path) -> None:
    rows = read_written(remove_person(Traces("ann", {"s1"}, set()), path), path)
    assert [(row["user_id"], row["query"]) for row in rows] == [(None, None), ("bob", "red shoes")]


def test_who_was_erased_is_not_taken_in_where_every_row_names_somebody(path: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    raise_tombstone(settings, "ann")
    table = pq.read_table(path)
    excluded = pa.field("excluded", pa.string())
    pq.write_table(table.append_column(excluded, pa.nulls(len(table), pa.string())), path)
    assert blank_erased(settings, path).to_pylist() == [1]
    assert pq.read_table(path)["user_id"].to_pylist() == [None, "bob"]
