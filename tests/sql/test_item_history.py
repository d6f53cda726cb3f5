from datetime import timedelta
from typing import Any

from sql_tables import START, Row, rows_of

SAME = {"title": "t", "price": 1.0, "currency": "EUR", "is_available": True}


def intervals(*snapshots: list[Row] | None, item_id: str | None = None) -> list[tuple[Any, ...]]:
    """Item, first and last hour (counted from START) and price of each interval; None is an hour without a snapshot."""
    captured = [(step, rows) for step, rows in enumerate(snapshots) if rows is not None]
    found = rows_of(
        "item_history",
        {"item_id": item_id},
        captured_hours=[{"hour": START + timedelta(hours=step), "filename": str(step)} for step, _ in captured],
        snapshots=[{**SAME, **row, "filename": str(step)} for step, rows in captured for row in rows],
    )
    return [(row["item_id"], _step(row["valid_from"]), _step(row["valid_to"]), row["price"]) for row in found]


def _step(moment: Any) -> int | None:
    return None if moment is None else round((moment - START) / timedelta(hours=1))


def test_what_does_not_change_is_one_interval_without_an_end() -> None:
    assert intervals([{"item_id": "a"}], [{"item_id": "a"}]) == [("a", 0, None, 1.0)]


def test_what_changes_ends_an_interval_where_the_next_begins() -> None:
    cheap, dear = [{"item_id": "a"}], [{"item_id": "a", "price": 2.0}]
    assert intervals(cheap, dear, dear, cheap) == [("a", 0, 1, 1.0), ("a", 1, 3, 2.0), ("a", 3, None, 1.0)]


def test_every_column_of_the_row_counts_and_nothing_is_a_value() -> None:
    for name in ("title", "category", "brand", "price", "currency", "is_available"):
        other: Any = {"price": 3.0, "is_available": False}.get(name, "x")
        assert len(intervals([{"item_id": "a"}], [{"item_id": "a", name: other}])) == 2
        if name != "is_available":
            nothing = [{"item_id": "a", name: None}]
            assert len(intervals(nothing, nothing)) == 1
            assert len(intervals([{"item_id": "a", name: other}], nothing)) == 2


def test_an_item_that_is_gone_ends_its_interval_and_begins_another_when_it_is_back() -> None:
    both, one = [{"item_id": "a"}, {"item_id": "b"}], [{"item_id": "b"}]
    assert intervals(both, one, both) == [("a", 0, 1, 1.0), ("a", 2, None, 1.0), ("b", 0, None, 1.0)]


def test_hours_without_a_snapshot_do_not_break_an_interval() -> None:
    assert intervals([{"item_id": "a"}], None, None, [{"item_id": "a"}], None) == [("a", 0, None, 1.0)]


def test_one_item_is_the_same_alone_as_among_all() -> None:
    both, one = [{"item_id": "a"}, {"item_id": "b"}], [{"item_id": "b"}]
    assert intervals(both, one, one, item_id="a") == [("a", 0, 1, 1.0)]


def test_hours_with_the_same_file_are_told_apart() -> None:
    hours = [{"hour": START + timedelta(hours=step), "filename": "f"} for step in range(3)]
    found = rows_of("item_history", captured_hours=hours, snapshots=[{**SAME, "item_id": "a", "filename": "f"}])
    assert [(_step(row["valid_from"]), row["valid_to"]) for row in found] == [(0, None)]
