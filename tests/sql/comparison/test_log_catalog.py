from typing import Any

from sql_tables import Row, clock, rows_of

ELEVEN, TWELVE, ONE = clock("11:00"), clock("12:00"), clock("13:00")


def shown(at: Any, item_id: str, price: str = "1", **other: Any) -> Row:
    return {"shown_at": at, "item_id": item_id, "price": price, "is_available": "true", **other}


def changes(*rows: Row) -> list[tuple[Any, ...]]:
    found = rows_of("comparison/log_catalog", shown_items=rows)
    return [(row["item_id"], row["price"], row["is_available"], row["valid_from"]) for row in found]


def test_only_what_changes_from_snapshot_to_snapshot_has_a_row() -> None:
    found = changes(shown(ELEVEN, "a"), shown(TWELVE, "a"), shown(ONE, "a", "2"), shown(ONE, "b"))
    assert found == [("a", "1", "true", ELEVEN), ("a", "2", "true", ONE), ("b", "1", "true", ONE)]


def test_a_change_counts_from_the_sources_own_time_where_that_lies_between_the_snapshots() -> None:
    def since(updated_at: str) -> Any:
        return changes(shown(ELEVEN, "a"), shown(TWELVE, "a", "2", updated_at=updated_at))[-1][-1]

    assert since("2026-01-01 11:20:00") == clock("11:20")
    assert since("2026-01-01 11:00:00") == ELEVEN, (
        "as the demonstration shop has it: not in the snapshot of that moment"
    )
    assert since("2026-01-01 10:59:59") == TWELVE, "the snapshot before it did not have it"
    assert since("2026-01-01 12:00:01") == TWELVE, "nobody changes it after it was shown"
    assert since("soon") == TWELVE


def test_the_first_snapshot_is_true_since_when_the_source_says() -> None:
    assert changes(shown(ELEVEN, "a", updated_at="2025-12-01 00:00:00"))[0][-1] == clock("11:00").replace(
        year=2025, month=12, hour=0
    )


def test_an_item_that_is_gone_can_no_longer_be_bought_until_it_comes_back() -> None:
    found = changes(shown(ELEVEN, "a"), shown(ELEVEN, "b"), shown(TWELVE, "b"), shown(ONE, "a"), shown(ONE, "b"))
    assert [row for row in found if row[0] == "a"] == [
        ("a", "1", "true", ELEVEN),
        ("a", "1", "false", TWELVE),
        ("a", "1", "true", ONE),
    ]


def test_of_an_item_that_is_shown_twice_the_newest_row_counts() -> None:
    rows = (
        shown(ELEVEN, "a", "1", updated_at="2026-01-01 10:00:00"),
        shown(ELEVEN, "a", "2", updated_at="2026-01-01 09:00:00"),
    )
    assert [row[1] for row in changes(*rows)] == ["1"]
