from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pulled_rows import Texts, pull_hour_by_hour, pull_rows, pull_whole, real_files

from pipeline.errors import DataError, Unreadable

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the file of a day in January 2011."""

    def write_day(day: str, *lines: str, header: str = HEADER) -> None:
        text = "\n".join([header, *lines]) + "\n"
        (tmp_path / f"2011-01-{day}.csv").write_text(text, encoding="utf-8")

    return write_day


def line(
    invoice: str = "1", code: str = "85123A", at: str = "2011-01-04 10:00:00", customer: str = "17850.0", **more: str
) -> str:
    title, quantity, price = more.get("title", "LANTERN"), more.get("quantity", "6"), more.get("price", "2.55")
    return f"{invoice},{code},{title},{quantity},{at},{price},{customer},United Kingdom"


def events(folder: Path, first: str = "04T00", last: str = "04T23") -> list[Texts]:
    return pull_rows("online_retail", folder, "events", f"2011-01-{first}", f"2011-01-{last}")


def items(folder: Path, hour: str) -> dict[str | None, Texts]:
    return {row["item_id"]: row for row in pull_rows("online_retail", folder, "items", f"2011-01-{hour}")}


def test_a_line_is_a_purchase_whose_locator_is_file_and_line(tmp_path: Path, write: Write) -> None:
    write("04", line(), line("2", "0012", quantity="1e5"))
    first, second = events(tmp_path)
    assert {column: text for column, text in first.items() if text is not None} == {
        "locator": "2011-01-04.csv:2",
        "user_id": "17850",
        "session_id": "1",
        "event_type": "purchase",
        "item_id": "85123A",
        "quantity": "6",
        "occurred_at": "2011-01-04 10:00:00",
        "delivered_at": "2011-01-04 10:00:00",
    }
    assert [second[name] for name in ("locator", "item_id", "quantity")] == ["2011-01-04.csv:3", "0012", "1e5"]


@pytest.mark.parametrize(
    ("customer", "user_id"),
    [("17850.0", "17850"), ("17850", "17850"), ("10.05", "10.05"), ("9007199254740993.0", "9007199254740993")],
)
def test_the_ending_of_a_customer_id_is_cut_as_text(tmp_path: Path, write: Write, customer: str, user_id: str) -> None:
    write("04", line(customer=customer))
    assert [row["user_id"] for row in events(tmp_path)] == [user_id]


def test_cancellations_and_lines_without_a_customer_are_handed_over_as_excluded(tmp_path: Path, write: Write) -> None:
    write("04", line(), line(customer=""), line("C1", quantity="-6"), line("C2", customer="", quantity="-6"))
    assert [row["excluded"] for row in events(tmp_path)] == [
        None,
        "no customer",
        "cancellation",
        "cancellation without a customer",
    ]


def test_an_hour_has_its_first_second_and_not_its_last(tmp_path: Path, write: Write) -> None:
    moments = ["09:59:59", "10:00:00", "10:59:59", "11:00:00"]
    write("04", *[line(at=f"2011-01-04 {moment}") for moment in moments])
    rows = events(tmp_path, "04T10", "04T10")
    assert [row["locator"] for row in rows] == ["2011-01-04.csv:3", "2011-01-04.csv:4"]


def test_a_time_that_cannot_be_read_takes_the_place_of_its_line(tmp_path: Path, write: Write) -> None:
    write(
        "04", line(at="soon"), line(at="2011-01-04 10:00:00"), line(at=""), line(at="x"), line(at="2011-01-04 12:00:00")
    )
    write("05", line(at="never"), line(at="2011-02-30 10:00:00"))
    rows = events(tmp_path, "04T00", "05T23")
    assert [(row["occurred_at"], row["delivered_at"]) for row in rows] == [
        ("soon", "2011-01-04 10:00:00"),
        ("2011-01-04 10:00:00", "2011-01-04 10:00:00"),
        (None, "2011-01-04 10:00:00"),
        ("x", "2011-01-04 10:00:00"),
        ("2011-01-04 12:00:00", "2011-01-04 12:00:00"),
        ("never", "2011-01-05 00:00:00"),
        ("2011-02-30 10:00:00", "2011-01-05 00:00:00"),
    ]


def test_pulled_hour_by_hour_every_line_is_delivered_once(tmp_path: Path, write: Write) -> None:
    write("04", line(at="soon"), *[line(at=f"2011-01-04 {hour:02}:30:00") for hour in range(24)], line(at="x"))
    write("05", *[line(at=f"2011-01-05 {hour:02}:00:00") for hour in range(0, 24, 5)])
    (tmp_path / "scratch").mkdir()
    apart = pull_hour_by_hour("online_retail", tmp_path, tmp_path / "scratch", "2011-01-04T00", "2011-01-05T23")
    together = events(tmp_path, "04T00", "05T23")
    assert len(together) == 31
    assert sorted(apart, key=str) == sorted(together, key=str)


def test_a_day_without_a_file_has_no_events_and_the_catalog_of_the_days_before(tmp_path: Path, write: Write) -> None:
    write("04", line())
    write("07", line(code="99999"))
    assert events(tmp_path, "05T00", "05T23") == []
    assert list(items(tmp_path, "05T12")) == ["85123A"]


def test_a_title_with_commas_quotes_and_line_ends_is_one_field(tmp_path: Path, write: Write) -> None:
    write("04", line(title='"SET OF ""3"",\nDUCKS"'), line("2", "0012"))
    assert [row["item_id"] for row in events(tmp_path)] == ["85123A", "0012"]
    assert items(tmp_path, "04T23")["85123A"]["title"] == 'SET OF "3",\nDUCKS'


def test_a_file_with_a_renamed_column_is_a_data_error_that_names_the_column(tmp_path: Path, write: Write) -> None:
    write("04", line(), header=HEADER.replace("CustomerID", "Customer ID"))
    with pytest.raises(DataError, match=r"online_retail: events\.sql .*CustomerID"):
        events(tmp_path)
    write("04", line(), header=HEADER.replace("UnitPrice", "Price"))
    with pytest.raises(DataError, match=r"online_retail: items\.sql .*UnitPrice"):
        items(tmp_path, "04T12")


def test_a_later_file_with_a_renamed_column_is_refused_and_names_the_file(tmp_path: Path, write: Write) -> None:
    write("04", line())
    write("05", line(at="2011-01-05 10:00:00"), header=HEADER.replace("CustomerID", "Customer ID"))
    with pytest.raises(DataError, match=r"CustomerID"):
        events(tmp_path, "04T00", "05T23")


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="online_retail: cannot read"):
        events(tmp_path)


def test_an_item_is_as_last_described_and_priced_at_the_hours_end(tmp_path: Path, write: Write) -> None:
    write(
        "04",
        line(at="2011-01-04 10:00:00", title=" LANTERN ", price="2.55"),
        line(at="2011-01-04 11:00:00", title="  ", price="3.10"),
        line(at="2011-01-04 12:00:00", title="RED LANTERN", price="9.99"),
    )
    first, second, third = (items(tmp_path, f"04T{hour}")["85123A"] for hour in (10, 11, 12))
    assert [(row["title"], row["price"], row["updated_at"]) for row in (first, second, third)] == [
        ("LANTERN", "2.55", "2011-01-04 10:00:00"),
        ("LANTERN", "3.10", "2011-01-04 11:00:00"),
        ("RED LANTERN", "9.99", "2011-01-04 12:00:00"),
    ]
    assert {(row["currency"], row["is_available"]) for row in (first, second, third)} == {("GBP", "true")}
    assert items(tmp_path, "04T09") == {}


def test_of_two_lines_of_one_moment_the_later_line_describes_the_item(tmp_path: Path, write: Write) -> None:
    write("04", line(price="1"), line(price="2"))
    assert items(tmp_path, "04T10")["85123A"]["price"] == "2"


def test_cancellations_corrections_free_lines_and_what_is_no_merchandise_make_no_item(
    tmp_path: Path, write: Write
) -> None:
    write(
        "04",
        line("C1", "10001"),
        line(code="10002", quantity="-1"),
        line(code="10003", price="0.0"),
        line(code="POST"),
        line(code="D"),
        line(code="10004", at="soon"),
        line(code="10005", customer=""),
    )
    assert list(items(tmp_path, "04T23")) == ["10005"]


def test_the_real_log_excludes_what_its_readme_says(tmp_path: Path) -> None:
    folder = real_files("online-retail")
    path = pull_whole("online_retail", folder, tmp_path, "2010-12-01T00", "2011-12-09T23")
    excluded = Counter(pq.read_table(path, columns=["excluded"])["excluded"].to_pylist())
    both = excluded["cancellation without a customer"]
    assert excluded.total() == 541_909
    assert excluded["no customer"] + both == 135_080
    assert excluded["cancellation"] + both == 9_288
    assert both == 383
    users = pc.unique(pq.read_table(path, columns=["user_id"])["user_id"]).drop_null().to_pylist()
    assert all(user.isdecimal() for user in users)


def test_the_real_log_is_the_same_hour_by_hour_and_whole(tmp_path: Path) -> None:
    folder = real_files("online-retail")
    hours = ("2011-12-08T06", "2011-12-09T13")  # nothing was sold before or after
    apart = pull_hour_by_hour("online_retail", folder, tmp_path, *hours)
    whole = pq.read_table(pull_whole("online_retail", folder, tmp_path, *hours)).to_pylist()
    lines = sum(len((folder / f"2011-12-0{day}.csv").read_text("utf-8").splitlines()) - 1 for day in (8, 9))
    assert apart == whole
    assert len(whole) == lines
