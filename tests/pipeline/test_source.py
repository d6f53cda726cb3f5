"""Sources: what is wrong with one is said in a sentence, and databases of any kind hand over the same rows."""

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from handmade_shop import FIRST, derive, event, fill_shop, ingest, is_conserved, item, ledger, open_shop

from pipeline.errors import BadInput, DataError, Unreachable, Unreadable
from pipeline.hours import HOUR
from pipeline.run import Run
from pipeline.settings import Settings, load_settings
from pipeline.shop.simulate import simulate
from pipeline.sources import database, read
from pipeline.sources.columns import COLUMNS
from pipeline.sources.read import list_sources, pull, source_url

EVENT_COLUMNS = ", ".join(f"'{name}' as {name}" for name in COLUMNS["events"] if name != "delivered_at")


def pulled(settings: Settings, kind: str = "events", hour: int = 0, folder: Path | None = None) -> list[dict[str, Any]]:
    target = (folder or settings.home) / f"{kind}.parquet"
    pull(Run(FIRST + hour * HOUR, settings), kind, target)
    return list(pq.read_table(target).to_pylist())


@pytest.fixture
def handmade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of sources of this test's own, with a source `mine` that reads `things.csv` or a database."""
    folder = tmp_path / "sources" / "mine"
    folder.mkdir(parents=True)
    (folder / "items.sql").write_text("select 1")
    monkeypatch.setattr(read, "SOURCES", tmp_path / "sources")
    return folder


def test_an_unknown_source_is_answered_with_the_valid_ones() -> None:
    assert list_sources() == ["bestbuy", "csv_folder", "json_folder", "online_retail", "parquet_folder", "shop"]
    for name in ("shops", "", "../sources/shop", "shop/", "serving"):
        with pytest.raises(BadInput, match=r"there is no source .*; the sources are bestbuy, csv_folder, .*, shop\."):
            source_url(load_settings(source=name))


def test_each_source_has_a_place_of_its_own_unless_told_otherwise(tmp_path: Path) -> None:
    assert source_url(load_settings(home=tmp_path)) == f"sqlite:///{tmp_path}/shop.db"
    assert source_url(load_settings(source="online_retail", data=tmp_path)) == f"{tmp_path}/online-retail"
    assert source_url(load_settings(source="bestbuy", source_url="/there")) == "/there"


def test_a_missing_folder_is_named_with_the_setting(tmp_path: Path) -> None:
    settings = load_settings(source="bestbuy", source_url=str(tmp_path / "nowhere"), home=tmp_path)
    with pytest.raises(BadInput, match=r"nowhere is not a folder; set TREASURE_HUNT_SOURCE_URL .*bestbuy/README\.md"):
        pulled(settings)


def test_a_folder_without_the_files_is_named(tmp_path: Path) -> None:
    settings = load_settings(source="bestbuy", source_url=str(tmp_path), home=tmp_path)
    with pytest.raises(Unreadable, match=f"source bestbuy: cannot read {tmp_path}: "):
        pulled(settings)


def test_a_missing_database_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no database .*/shop\.db; fill the demonstration shop with"):
        pulled(load_settings(home=tmp_path))
    assert not (tmp_path / "shop.db").exists()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(BadInput, match=r"shop\.db cannot be read: file is not a database"):
        pulled(load_settings(home=tmp_path))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "shop.db").close()
    with pytest.raises(DataError, match=r"its SQL does not fit sqlite.*: no such table: events"):
        pulled(load_settings(home=tmp_path))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("create table events (event_id text, ingested_at text)")
    with pytest.raises(DataError, match=r"its SQL does not fit sqlite.*: no such column: row_id"):
        pulled(load_settings(home=tmp_path))


@pytest.mark.parametrize("url", ["nosuch://here", "postgresql+nosuch://here", "sqlite+nosuch:///x", "://", "http://x"])
def test_a_url_of_no_database_is_one_sentence(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadInput, match="source shop: its URL is not a database URL: "):
        pulled(load_settings(home=tmp_path, source_url=url))


def test_a_postgresql_that_does_not_answer_may_do_so_later_and_its_password_is_not_told(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, source_url="postgresql+psycopg://me:secret@127.0.0.1:1/shop")
    with pytest.raises(Unreachable, match="does not answer") as error:
        pulled(settings)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (EVENT_COLUMNS, "delivered_at missing"),
        (f"{EVENT_COLUMNS}, '' as delivered_at, 1 as colour", "colour not known"),
        (f"{EVENT_COLUMNS}, 1 as colour", "delivered_at missing; colour not known"),
    ],
)
@pytest.mark.parametrize("kind", ["files", "database"])
def test_columns_that_were_not_agreed_on_are_named(
    handmade: Path, tmp_path: Path, columns: str, said: str, kind: str
) -> None:
    (handmade / "events.sql").write_text(f"select {columns} where $start < $end")
    sqlite3.connect(tmp_path / "a.db").close()
    url = str(tmp_path) if kind == "files" else f"sqlite:///{tmp_path}/a.db"
    with pytest.raises(DataError, match=rf"events\.sql does not hand over the agreed columns: {said}\. They are"):
        pulled(load_settings(source="mine", source_url=url, home=tmp_path))


def test_a_file_without_the_column_is_named(handmade: Path, tmp_path: Path) -> None:
    (handmade / "events.sql").write_text("select colour from read_csv($url || '/things.csv', all_varchar = true)")
    (tmp_path / "things.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r'source mine: events\.sql does not fit the files: .*"colour" not found'):
        pulled(load_settings(source="mine", source_url=str(tmp_path), home=tmp_path))


@pytest.mark.parametrize("delivered_at", ["2026-01-05T09:59:59Z", "2026-01-05T11:00:00Z", "yesterday", "", "infinity"])
def test_rows_that_belong_to_no_hour_that_was_asked_for_are_refused_and_counted(
    handmade: Path, tmp_path: Path, delivered_at: str
) -> None:
    (handmade / "events.sql").write_text(f"select {EVENT_COLUMNS}, '{delivered_at}' as delivered_at")
    settings = load_settings(source="mine", source_url=str(tmp_path), home=tmp_path)
    with pytest.raises(DataError, match=r"hands over 1 of 1 rows whose delivered_at is not between 2026-01-05T10"):
        ingest(settings)


def test_everything_is_handed_over_as_text_in_the_order_of_the_source(tmp_path: Path) -> None:
    settings = open_shop(
        tmp_path,
        [item("007", price=0.1, is_available=False)],
        [
            event("click", "b", "007", minute=9, quantity=3),
            event("click", "a", "007", minute=5),
            event("click", "c", "1e5"),
        ],
    )
    assert [row["user_id"] for row in pulled(settings)] == ["c", "a", "b"]
    assert [row["quantity"] for row in pulled(settings)] == [None, None, "3"]
    (row,) = pulled(settings, "items")
    assert (row["item_id"], row["price"], row["is_available"]) == ("007", "0.1", "false")


def test_values_are_bound_and_never_pasted_into_a_statement(tmp_path: Path) -> None:
    nasty = "'; drop table events; --"
    settings = open_shop(tmp_path, [item(nasty, title=nasty)], [event("search", nasty, nasty)])
    assert [row["query"] for row in pulled(settings)] == [nasty]
    assert [row["title"] for row in pulled(settings, "items")] == [nasty]


def test_bytes_that_are_no_text_are_spelt_out_and_do_not_stop_the_hour(tmp_path: Path) -> None:
    """SQLite keeps anything as text: lone surrogates, half a character."""
    settings = open_shop(tmp_path, [item("a")], [event("click", "é", "a"), event("search", "v", "?")])
    with sqlite3.connect(settings.shop_url.removeprefix("sqlite:///")) as shop:
        shop.execute("update events set query = cast(x'eda08041c3' as text) where query is not null")
    assert [(row["user_id"], row["query"]) for row in pulled(settings)] == [("é", None), ("v", r"\xed\xa0\x80A\xc3")]


def test_a_shop_in_postgresql_hands_over_what_the_same_shop_in_sqlite_does(tmp_path: Path, postgres_url: str) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    settings = load_settings(home=tmp_path, factors=4, iterations=1, min_query_users=1)
    there = settings.model_copy(update={"source_url": url, "home": tmp_path / "there"})
    there.home.mkdir()
    for place in (settings.shop_url, url):
        simulate(place, FIRST, FIRST + HOUR, users=50, items=60, events_per_hour=150, dirt=0.2)
    assert pulled(settings) == pulled(there)
    for one, two in zip(pulled(settings, "items", 1), pulled(there, "items", 1), strict=True):
        assert {**one, "price": float(one["price"])} == {**two, "price": float(two["price"])}
    ingest(there)
    assert is_conserved(ledger(there))
    assert derive(there)["recommend"].rows_out > 0
    with sa.create_engine(url).connect() as connection:
        assert (
            ledger(there)["delivered"]
            == connection.execute(sa.text("select count(*) from events where ingested_at < '2026-01-05 11'")).scalar()
        )


def test_a_postgresql_that_lives_in_another_zone_is_asked_in_utc(
    handmade: Path, tmp_path: Path, postgres_url: str
) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    (handmade / "events.sql").write_text(
        f"select {EVENT_COLUMNS}, '2026-01-05T10:30:00Z' as delivered_at "
        "where timestamptz '2026-01-05 10:30:00Z' between cast($start as timestamptz) and cast($end as timestamptz)"
    )
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"alter database {admin.info.dbname} set timezone = 'Asia/Tokyo'")
    assert len(pulled(load_settings(source="mine", source_url=url, home=tmp_path))) == 1


def test_a_table_that_postgresql_does_not_have_is_named(tmp_path: Path, postgres_url: str) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    with pytest.raises(DataError, match=r'its SQL does not fit postgresql.*"events" does not exist'):
        pulled(load_settings(home=tmp_path, source_url=url))


def test_a_long_pull_is_streamed_in_batches_and_keeps_every_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BATCH_ROWS", 7)
    settings = load_settings(home=tmp_path)
    fill_shop(settings.shop_url, [item("a")], [event("click", f"u{place}", "a") for place in range(30)])
    assert [row["locator"] for row in pulled(settings)] == [f"events/{place}" for place in range(30)]


ITEM_COLUMNS = ", ".join(f"'{name}' as {name}" for name in COLUMNS["items"] if name != "snapshot_at")


@pytest.mark.parametrize("kind", ["files", "database"])
@pytest.mark.parametrize(("more", "handed_over"), [("", None), (", '2026' as snapshot_at", "2026")])
def test_when_a_catalog_was_taken_may_be_handed_over_or_left_out(
    handmade: Path, tmp_path: Path, kind: str, more: str, handed_over: str | None
) -> None:
    (handmade / "items.sql").write_text(f"select {ITEM_COLUMNS}{more}")
    (handmade / "events.sql").write_text("select 1")
    sqlite3.connect(tmp_path / "a.db").close()
    url = str(tmp_path) if kind == "files" else f"sqlite:///{tmp_path}/a.db"
    [row] = pulled(load_settings(source="mine", source_url=url, home=tmp_path), "items")
    assert row["snapshot_at"] == handed_over
    assert list(row) == list(COLUMNS["items"])


def test_the_shops_catalog_was_taken_when_the_last_traded_hour_ended(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a")], [])
    assert [row["snapshot_at"] for row in pulled(settings, "items")] == [None]
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        for hour in ("2026-01-05T08", "2026-01-05T09", "2026-01-05T11"):
            shop.execute("insert into traded_hours values (?, 0, 0, 1, 1)", [hour])
    assert [pulled(settings, "items", hour)[0]["snapshot_at"] for hour in range(3)] == [
        "2026-01-05 09:59:59",
        "2026-01-05 11:59:59",
        "2026-01-05 11:59:59",
    ]
