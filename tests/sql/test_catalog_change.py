import pytest
from sql_tables import Row, items, rows_of


def change(before: list[Row], after: list[Row], refused: list[Row] | None = None) -> tuple[int, int, str | None]:
    delivered = after + (refused or [])
    [row] = rows_of("catalog_change", items=after, typed_items=delivered, earlier_items=before)
    return row["items_vanished"], row["prices_jumped"], row["first_jumped"]


def test_items_that_are_gone_are_counted_and_new_ones_are_not() -> None:
    assert change(items("a", "b", "c"), items("b", "d")) == (2, 0, None)
    assert change(items("a"), items("a")) == (0, 0, None)


def test_items_that_were_delivered_and_refused_are_not_gone() -> None:
    assert change(items("a", "b", "c"), items("a"), [*items("b"), *items(None)]) == (1, 0, None)


@pytest.mark.parametrize(("price", "jumped"), [(100.0, 0), (100.01, 1), (0.01, 0), (0.0099, 1), (None, 0)])
def test_a_price_jumps_past_the_factor_up_or_down(price: float | None, jumped: int) -> None:
    before = items("a", price=1.0, currency="EUR")
    assert change(before, items("a", price=price, currency="EUR"))[1] == jumped


def test_prices_in_different_currencies_are_not_compared_and_unnamed_ones_are() -> None:
    assert change(items("a", price=1.0, currency="EUR"), items("a", price=160.0, currency="JPY"))[1] == 0
    assert change(items("b", "a", price=1.0), items("a", "b", price=160.0)) == (0, 2, "a")


def test_a_price_that_was_not_known_does_not_jump() -> None:
    assert change(items("a"), items("a", price=1000.0))[1] == 0
