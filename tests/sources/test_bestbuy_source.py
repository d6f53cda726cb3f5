import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pulled_rows import Texts, pull_hour_by_hour, pull_rows, pull_whole, real_files

from pipeline.errors import DataError, Unreadable

CLICKS = "user,sku,category,query,click_time,query_time"
SEARCHES = "user,category,query,click_time,query_time"
ATTRIBUTES = "sku,productId,name,format,shortDescription,manufacturer,genre,active,customerReviewAverage"
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the five files in the form of the real ones; each argument is the lines of one."""

    def write_files(
        train: tuple[str, ...] = (),
        test: tuple[str, ...] = (),
        searches: tuple[str, ...] = (),
        titles: tuple[str, ...] = (),
        attributes: tuple[str, ...] = (),
        clicks_header: str = CLICKS,
    ) -> None:
        files = {
            "train.csv": "\r\n".join((clicks_header, *train, "")),
            "test.csv": "\r\n".join((CLICKS, *test, "")),
            "kaggle_test_queries.csv": "\r\n".join((SEARCHES, *searches, "")),
            "sku_name.tsv": "".join(f"{title}\n" for title in titles),
        }
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8", newline="")
        text = "".join(f"{attribute}\n" for attribute in (ATTRIBUTES, *attributes))
        (tmp_path / "product_attributes_bagofwords.csv").write_bytes(text.encode("cp1252"))

    return write_files


def click(user: str, sku: str, query: str, clicked: str, searched: str) -> str:
    return f"{user},{sku},abcat0701002,{query},{clicked},{searched}"


def search(user: str, query: str, searched: str) -> str:
    return f'{user},abcat0701002,{query},"2011-09-02 13:05:24.146","{searched}"'


def events(folder: Path, first: str = "02T00", last: str = "02T23") -> list[Texts]:
    return pull_rows("bestbuy", folder, "events", f"2011-09-{first}", f"2011-09-{last}")


def items(folder: Path) -> list[Texts]:
    return pull_rows("bestbuy", folder, "items", "2011-09-02T00")


def filled(row: Texts) -> Texts:
    return {column: text for column, text in row.items() if text is not None}


HALO = click("u", "7", "halo", "2011-09-02 10:00:09.5", "2011-09-02 10:00:01")


def test_a_line_with_a_click_is_the_click_and_the_search_before_it(tmp_path: Path, write: Write) -> None:
    write(train=(HALO,))
    clicked, searched = events(tmp_path)
    assert filled(clicked) == {
        "locator": "train.csv:2/click",
        "event_id": "train.csv:2/click",
        "user_id": "u",
        "event_type": "click",
        "item_id": "7",
        "occurred_at": "2011-09-02 10:00:09.5",
        "delivered_at": "2011-09-02 10:00:09.5",
    }
    event_id = searched.pop("event_id") or ""
    assert event_id.startswith("search-")
    assert filled(searched) == {
        "locator": "train.csv:2/search",
        "user_id": "u",
        "event_type": "search",
        "query": "halo",
        "occurred_at": "2011-09-02 10:00:01",
        "delivered_at": "2011-09-02 10:00:01",
    }


def test_a_line_of_the_query_file_is_a_search_alone(tmp_path: Path, write: Write) -> None:
    write(searches=(search("u", '"gears, ""of"" war"', "2011-09-02 10:00:00"),))
    [row] = events(tmp_path)
    assert [row[name] for name in ("locator", "event_type", "query", "item_id")] == [
        "kaggle_test_queries.csv:2/search",
        "search",
        'gears, "of" war',
        None,
    ]


def test_all_three_files_are_read_and_locators_count_lines_from_the_header(tmp_path: Path, write: Write) -> None:
    write(train=(HALO, HALO), test=(HALO,), searches=(search("v", "x", "2011-09-02 10:00:00"),))
    assert Counter(row["locator"] for row in events(tmp_path)) == Counter(
        [
            "train.csv:2/click",
            "train.csv:2/search",
            "train.csv:3/click",
            "train.csv:3/search",
            "test.csv:2/click",
            "test.csv:2/search",
            "kaggle_test_queries.csv:2/search",
        ]
    )


def test_a_search_repeated_per_click_shares_its_event_id_and_another_search_does_not(
    tmp_path: Path, write: Write
) -> None:
    write(
        train=(
            HALO,
            click("u", "8", "halo", "2011-09-02 10:00:19", "2011-09-02 10:00:01"),
            click("v", "8", "halo", "2011-09-02 10:00:19", "2011-09-02 10:00:01"),
            click("u", "8", "halo 2", "2011-09-02 10:00:19", "2011-09-02 10:00:01"),
            click("u", "8", "halo", "2011-09-02 10:00:19", "2011-09-02 10:00:02"),
        ),
    )
    ids = {row["locator"]: row["event_id"] for row in events(tmp_path)}
    searches = [ids[f"train.csv:{line}/search"] for line in range(2, 7)]
    assert searches[0] == searches[1]
    assert len(set(searches)) == 4
    assert len({ids[f"train.csv:{line}/click"] for line in range(2, 7)}) == 5


def test_a_click_and_its_search_each_belong_to_the_hour_they_happened_in(tmp_path: Path, write: Write) -> None:
    write(train=(click("u", "7", "halo", "2011-09-02 11:00:00", "2011-09-02 10:59:59.999"),))
    assert [row["event_type"] for row in events(tmp_path, "02T10", "02T10")] == ["search"]
    assert [row["event_type"] for row in events(tmp_path, "02T11", "02T11")] == ["click"]


def test_a_time_that_cannot_be_read_takes_the_place_of_its_line_in_its_file(tmp_path: Path, write: Write) -> None:
    write(
        train=(
            click("u", "1", "a", "soon", "2011-09-02 08:00:00"),
            click("u", "2", "b", "2011-09-02 12:00:00", "2011-09-02 12:00:00"),
            click("u", "3", "c", "NULL", ""),
        ),
        test=(click("u", "4", "d", "2011-09-02 20:00:00", "2011-09-02 20:00:00"),),
    )
    hours = {row["locator"]: (row["occurred_at"], row["delivered_at"]) for row in events(tmp_path)}
    assert hours["train.csv:2/click"] == ("soon", "2011-09-02 08:00:00")  # none before it: the oldest of all
    assert hours["train.csv:4/click"] == ("NULL", "2011-09-02 12:00:00")
    assert hours["train.csv:4/search"] == (None, "2011-09-02 12:00:00")
    assert len(hours) == 8


def test_pulled_hour_by_hour_every_row_is_delivered_once(tmp_path: Path, write: Write) -> None:
    write(
        train=(
            click("u", "1", "a", "soon", "later"),
            *[click("u", "1", "a", f"2011-09-02 {hour:02}:59:59", f"2011-09-02 {hour:02}:00:00") for hour in range(24)],
            click("u", "1", "a", "", ""),
        ),
        searches=(search("u", "a", "when"), search("u", "a", "2011-09-02 23:59:59.999")),
    )
    (tmp_path / "scratch").mkdir()
    apart = pull_hour_by_hour("bestbuy", tmp_path, tmp_path / "scratch", "2011-09-02T00", "2011-09-02T23")
    together = events(tmp_path)
    assert len(together) == 2 * 26 + 2
    assert sorted(apart, key=str) == sorted(together, key=str)


@pytest.mark.parametrize("name", ["user", "sku", "query", "click_time", "query_time"])
def test_a_file_with_a_renamed_column_is_a_data_error_that_names_the_column(
    tmp_path: Path, write: Write, name: str
) -> None:
    write(train=(HALO,), clicks_header=CLICKS.replace(f"{name},", "x,") if name != "query_time" else CLICKS[:-1])
    with pytest.raises(DataError, match=rf'bestbuy: events\.sql .*"{name}"'):
        events(tmp_path)


def test_a_folder_that_lacks_a_file_is_refused_and_the_file_is_named(tmp_path: Path, write: Write) -> None:
    write(train=(HALO,))
    (tmp_path / "test.csv").unlink()
    with pytest.raises(Unreadable, match=r"cannot read .*test\.csv"):
        events(tmp_path)


def test_the_catalog_is_the_titles_with_maker_and_genre_where_there_are_any(tmp_path: Path, write: Write) -> None:
    write(
        titles=('0012\tHalo: "Reach", the 3rd', '9007199254740993\t"Gears" of War 3'),
        attributes=("0012,1,halo,dvd,a text,Microsoft ,Action  Shooter,false,4.0", "5,1,x,dvd,a,Maker,Genre,true,1"),
    )
    first, second = items(tmp_path)
    assert filled(first) == {
        "locator": "sku_name.tsv:1",
        "item_id": "0012",
        "title": 'Halo: "Reach", the 3rd',
        "category": "Action Shooter",
        "brand": "Microsoft",
        "is_available": "true",
    }
    assert filled(second) == {
        "locator": "sku_name.tsv:2",
        "item_id": "9007199254740993",
        "title": '"Gears" of War 3',
        "is_available": "true",
    }


def test_bytes_of_windows_1252_are_read(tmp_path: Path, write: Write) -> None:
    write(
        titles=("1\tA", "2\tB"),
        attributes=(
            "1,1,n,dvd,t,T\u00fcr \u2013 Spiele,Puzzle \u2014 Logic,true,1",
            "2,1,n,dvd,t,97 Studios,96 FC,true,1",
        ),
    )
    assert [(row["brand"], row["category"]) for row in items(tmp_path)] == [
        ("T\u00fcr - Spiele", "Puzzle - Logic"),
        ("97 Studios", "96 FC"),
    ]


def test_a_byte_that_no_one_has_mapped_is_refused_and_not_guessed(tmp_path: Path, write: Write) -> None:
    write(titles=("1\tA",), attributes=("1,1,n,dvd,t,Caf\u00e9,G,true,1",))
    with pytest.raises(Unreadable, match="cannot read"):
        items(tmp_path)


def test_in_the_real_log_300_clicks_are_on_21_games_in_no_catalog_and_no_row_is_lost(tmp_path: Path) -> None:
    folder = real_files("bestbuy")
    pulled = pq.read_table(pull_whole("bestbuy", folder, tmp_path, "2011-08-11T00", "2011-10-31T23"))
    catalog = pq.read_table(pull_whole("bestbuy", folder, tmp_path, "2011-08-11T00", "2011-08-11T00", "items"))
    lines = {}
    for name in ("train.csv", "test.csv", "kaggle_test_queries.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            lines[name] = sum(1 for _ in csv.reader(file)) - 1
    clicks = pulled.filter(pc.equal(pulled["event_type"], "click"))
    unknown = clicks.filter(pc.invert(pc.is_in(clicks["item_id"], catalog["item_id"])))
    assert pulled.num_rows == 2 * (lines["train.csv"] + lines["test.csv"]) + lines["kaggle_test_queries.csv"]
    assert len(set(pulled["locator"].to_pylist())) == pulled.num_rows
    assert catalog.num_rows == 437
    assert (unknown.num_rows, len(unknown["item_id"].unique())) == (300, 21)


def test_the_real_log_is_the_same_hour_by_hour_and_whole(tmp_path: Path) -> None:
    folder = real_files("bestbuy")
    apart = pull_hour_by_hour("bestbuy", folder, tmp_path, "2011-10-29T00", "2011-10-30T23")
    whole = pq.read_table(pull_whole("bestbuy", folder, tmp_path, "2011-10-29T00", "2011-10-30T23")).to_pylist()
    assert len(whole) > 1000
    assert sorted(apart, key=str) == sorted(whole, key=str)
