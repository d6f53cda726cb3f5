"""What stands in the Parquet files is what readers get, on both databases."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from serving_world import describe, small_version, write_tables
from sqlalchemy import Engine, select

from pipeline.errors import AuditFailed
from pipeline.serving import load
from pipeline.serving.database import connect, reading
from pipeline.serving.publish import publish_version
from pipeline.serving.schema import PUBLISHED, items


def test_every_value_comes_back_as_it_was(engine: Engine, files: dict[str, Path]) -> None:
    publish_version(engine, describe(), files)
    expected = small_version()
    with reading(engine) as connection:
        for table in PUBLISHED:
            names = [column.name for column in table.columns if column.name != "version"]
            rows = connection.execute(select(*(table.c[name] for name in names))).all()
            wanted = zip(*(expected[table.name][name] for name in names), strict=True)
            assert sorted(map(repr, map(tuple, rows))) == sorted(map(repr, wanted)), table.name


@pytest.mark.parametrize("count", [4, *(load.TOGETHER + more for more in (-1, 0, 1)), 2 * load.TOGETHER, 34, 35, 52])
def test_as_many_rows_arrive_as_there_are_however_many_go_together(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(load, "BATCH_ROWS", 34)
    tables = small_version()
    known = tables["items"]["item_id"]
    more = [f"further {number}" for number in range(count - len(known))]
    values = {name: column[:1] * len(more) for name, column in tables["items"].items()}
    values |= {"item_id": more, "title": more}
    tables["items"] = {name: tables["items"][name] + values[name] for name in tables["items"]}
    publish_version(engine, describe(), write_tables(tmp_path / "many", tables))
    with reading(engine) as connection:
        rows = connection.execute(select(items.c.item_id, items.c.title)).all()
    assert len(rows) == count
    assert {tuple(row) for row in rows} >= {(name, name) for name in more}


TEXTS = [
    "",
    '"',
    "'",
    ",",
    "\n",
    "\r\n",
    "\\",
    "\\N",
    "null",
    " ",
    "\t",
    "a,b",
    '""',
    "日本",
    "🎮",
    "\u202e",
    "x" * 5000,
]


def test_any_text_survives_the_load(engine: Engine, tmp_path: Path) -> None:
    tables = small_version()
    ids = [f"i{number}" for number in range(len(TEXTS))]
    more = {"title": [*TEXTS[:-1], None], "category": TEXTS, "brand": TEXTS, "currency": TEXTS}
    more |= {
        "item_id": ids,
        "price": [1.0] * len(ids),
        "is_available": [True] * len(ids),
        "updated_at": [None] * len(ids),
    }
    tables["items"] = {name: tables["items"][name] + more[name] for name in tables["items"]}
    tables["query_recommendations"] = {
        "query": TEXTS,
        "rank": [1] * len(TEXTS),
        "item_id": ids,
        "score": [1.0] * len(TEXTS),
        "reason": ['["clicked"]'] * len(TEXTS),
        "is_common": [True] * len(TEXTS),
    }
    publish_version(engine, describe(), write_tables(tmp_path / "texts", tables))
    with reading(engine) as connection:
        rows = connection.execute(select(items).where(items.c.item_id.in_(ids))).mappings()
        found = {row["item_id"]: (row["title"], row["category"]) for row in rows}
        queries = connection.exec_driver_sql("select query from live_query_recommendations").scalars().all()
    assert found == {
        name: (None if title == TEXTS[-1] else title, title) for name, title in zip(ids, TEXTS, strict=True)
    }
    assert sorted(queries) == sorted(TEXTS)


def test_numbers_of_other_kinds_become_doubles_and_integers(engine: Engine, tmp_path: Path) -> None:
    files = write_tables(tmp_path / "draft", small_version())
    popular = small_version()["popular_items"]
    table = pa.table(
        {
            "segment": pa.array(popular["segment"]).dictionary_encode(),
            "rank": pa.array(popular["rank"], pa.uint8()),
            "item_id": pa.array(popular["item_id"], pa.large_string()),
            "score": pa.array([2**62 + 1, 3, 2, 1], pa.int64()),
            "ignored": pa.array([None] * 4),
        }
    )
    pq.write_table(table, files["popular_items"])
    catalog = pq.read_table(files["items"])
    prices = pa.array([Decimal("19.99"), None, Decimal("1.50"), None], pa.decimal128(18, 2))
    pq.write_table(catalog.set_column(catalog.schema.get_field_index("price"), "price", prices), files["items"])
    publish_version(engine, describe(), files)
    with reading(engine) as connection:
        scores = connection.exec_driver_sql("select score from live_popular_items order by score desc").scalars().all()
        price = connection.scalar(select(items.c.price).where(items.c.item_id == "a"))
    assert scores == [float(2**62), 3.0, 2.0, 1.0]
    assert price == 19.99


def test_empty_lists_are_a_version_too(engine: Engine, tmp_path: Path) -> None:
    files = write_tables(tmp_path / "draft", small_version())
    for table in PUBLISHED[1:4]:
        pq.write_table(pq.read_table(files[table.name]).slice(0, 0), files[table.name])
    assert publish_version(engine, describe(), files) == "live"


def test_nul_byte_is_refused_by_postgresql_in_one_sentence(postgres_url: str, tmp_path: Path) -> None:
    tables = small_version()
    tables["items"]["title"][0] = "canary\x00"
    engine = connect(postgres_url)
    with pytest.raises(AuditFailed, match="a value it cannot hold") as caught:
        publish_version(engine, describe(), write_tables(tmp_path / "nul", tables))
    assert "canary" not in str(caught.value)
    engine.dispose()


def test_the_first_readers_of_a_version_write_nothing(postgres_url: str, files: dict[str, Path]) -> None:
    engine = connect(postgres_url)
    publish_version(engine, describe(), files)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert connection.exec_driver_sql("show data_checksums").scalar() == "on"  # else marks are not logged anyway
        connection.exec_driver_sql("checkpoint")  # the first change of a page after it is logged with the whole page
        for table in PUBLISHED:
            read = f"explain (analyze, wal, format json) select count(*) from {table.name}"
            (plan,) = connection.exec_driver_sql(read).scalar()
            assert plan["Plan"].get("WAL Records", 0) == 0, table.name
    engine.dispose()
