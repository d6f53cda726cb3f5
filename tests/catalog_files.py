"""A source whose catalog is a file in a folder, and shops whose catalog is replaced from one hour to the next."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from handmade_shop import Row, fill_shop, item

from pipeline.settings import Settings, load_settings
from pipeline.sources import read
from pipeline.sources.columns import COLUMNS

ITEMS_SQL = {
    "csv": "select * from read_csv($url || '/catalog.csv', all_varchar = true, header = true)",
    "parquet": "select * from read_parquet($url || '/catalog.parquet')",
}


def open_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str = "csv", **knobs: object) -> Settings:
    """Settings of a source `files` that reads `delivered/catalog.<kind>` below this folder."""
    queries = folder / "sources" / "files"
    queries.mkdir(parents=True)
    (queries / "items.sql").write_text(ITEMS_SQL[kind])
    (queries / "events.sql").write_text("select 1")
    monkeypatch.setattr(read, "SOURCES", folder / "sources")
    delivered = folder / "delivered"
    delivered.mkdir()
    return load_settings(home=folder / "var", source="files", source_url=str(delivered), **knobs)


def deliver(settings: Settings, items: Iterable[Row]) -> Path:
    """The source's catalog file holds these items now."""
    columns = [name for name in COLUMNS["items"] if name != "snapshot_at"]
    rows = [{"locator": f"row {place}", **row} for place, row in enumerate(items)]
    if any("snapshot_at" in row for row in rows):
        columns.append("snapshot_at")
    texts = {name: [None if row.get(name) is None else str(row[name]) for row in rows] for name in columns}
    table = pa.table(texts, schema=pa.schema([(name, pa.string()) for name in columns]))
    statement = (read.SOURCES / "files" / "items.sql").read_text()
    path = Path(settings.source_url) / ("catalog.csv" if "csv" in statement else "catalog.parquet")
    pyarrow.csv.write_csv(table, path) if path.suffix == ".csv" else pq.write_table(table, path)
    return path


def replace_catalog(settings: Settings, items: Iterable[Row] = ()) -> None:
    """The shop's log of its catalog holds these rows and no others."""
    with sqlite3.connect(settings.shop_url.removeprefix("sqlite:///")) as shop:
        shop.execute("delete from catalog")
    fill_shop(settings.shop_url, items, [])


def many_items(count: int, **other: object) -> list[Row]:
    """So many items, `i000` and on."""
    return [item(f"i{place:03}", **other) for place in range(count)]
