from datetime import UTC, datetime

import pytest
from sql_tables import Row, numbered, rows_of


def typed(**texts: str | None) -> Row:
    [row] = rows_of("typed_items", delivered=numbered([{"locator": "c:1", **texts}]))
    return row


@pytest.mark.parametrize("item_id", ["9007199254740993", "1e5", "0012", "85123A", "\u6238\u68da"])
def test_ids_stay_the_text_they_were(item_id: str) -> None:
    assert typed(item_id=item_id)["item_id"] == item_id


@pytest.mark.parametrize(
    ("text", "price"),
    [("2.55", 2.55), (" 3 ", 3.0), ("0", 0.0), ("-1.5", -1.5), ("1e30", 1e30), (None, None), ("", None)],
)
def test_a_price_is_read_as_the_number_it_is(text: str | None, price: float | None) -> None:
    assert typed(price=text)["price"] == price


@pytest.mark.parametrize("text", ["abc", "nan", "NaN", "inf", "-Infinity", "1,50", "1e400", "12 EUR"])
def test_a_price_that_is_no_finite_number_becomes_0_that_no_rule_allows(text: str) -> None:
    assert typed(price=text)["price"] == 0


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("true", True),
        (" TRUE ", True),
        ("t", True),
        ("1", True),
        ("false", False),
        ("F", False),
        ("0", False),
        ("yes", None),
        ("", None),
        (None, None),
    ],
)
def test_availability_is_true_or_false_or_unreadable(text: str | None, truth: bool | None) -> None:
    assert typed(is_available=text)["is_available"] is truth


def test_texts_lose_their_edges_and_empty_ones_are_nothing() -> None:
    row = typed(item_id=" a ", title=" Gears of War ", category="  ", brand="", currency=" eur ")
    assert [row[name] for name in ("item_id", "title", "category", "brand", "currency")] == [
        "a",
        "Gears of War",
        None,
        None,
        "EUR",
    ]


def test_a_moment_is_read_in_utc_or_null() -> None:
    assert typed(updated_at="2026-01-01T12:00:00+02:00")["updated_at"] == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert typed(updated_at="2026-01-01")["updated_at"] is None
    assert typed(snapshot_at="2026-01-01 12:00:00")["snapshot_at"] == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert typed(snapshot_at="today")["snapshot_at"] is None
