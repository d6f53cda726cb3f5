from typing import Any

import pytest
from sql_tables import Row, clock, numbered, rows_of


def typed(**texts: str | None) -> Row:
    [row] = rows_of("typed_events", delivered=numbered([{"locator": "log:7", **texts}]))
    return row


@pytest.mark.parametrize("item_id", ["9007199254740993", "1e5", "0012", "1.0", "-0", "NaN", "\u6238\u68da", "a\x00b"])
def test_ids_stay_the_text_they_were(item_id: str) -> None:
    row = typed(event_id=item_id, user_id=item_id, session_id=item_id, item_id=item_id)
    assert {row["event_id"], row["user_id"], row["session_id"], row["item_id"]} == {item_id}


@pytest.mark.parametrize("event_id", [None, "", "  "])
def test_an_event_without_an_id_is_called_by_its_locator(event_id: str | None) -> None:
    assert typed(event_id=event_id)["event_id"] == "log:7"


@pytest.mark.parametrize("column", ["user_id", "session_id", "event_type", "query", "item_id", "quantity", "excluded"])
def test_empty_text_is_nothing(column: str) -> None:
    assert typed(**{column: "  "})[column] is None


def test_edges_of_texts_are_cut_and_event_types_are_lower_case() -> None:
    row = typed(event_type=" Purchase ", query="  Gears of War ", item_id=" a ", user_id=" u ")
    assert (row["event_type"], row["query"], row["item_id"], row["user_id"]) == ("purchase", "Gears of War", "a", "u")


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("-12", -12), (str(2**63), 0), ("3.7", 0), ("1e5", 0), ("many", 0), (None, None), ("", None)],
)
def test_numbers_that_cannot_be_read_become_0_that_no_rule_allows(text: str | None, number: int | None) -> None:
    row = typed(quantity=text, position=text)
    assert (row["quantity"], row["position"]) == (number, number)


@pytest.mark.parametrize(
    "text", ["yesterday", "0000-00-00 00:00:00", "1767261600000", "2026-01-01T10:00:60Z", "", None]
)
def test_a_time_that_cannot_be_read_is_null_and_the_row_stays(text: str | None) -> None:
    row = typed(occurred_at=text, ingested_at=text)
    assert (row["row"], row["occurred_at"], row["ingested_at"], row["lag_seconds"]) == (1, None, None, None)


@pytest.mark.parametrize(
    ("text", "moment", "lag"),
    [
        (" 2026-01-01T11:59:59Z ", "11:59:59", 1),
        ("2026-01-01 11:00:00", "11:00:00", 3600),
        ("2026-01-01T12:00:00+02:00", "10:00:00", 7200),
        ("2026-01-01T12:05:00Z", "12:05:00", -300),
    ],
)
def test_lag_runs_from_the_event_to_the_end_of_the_hour(text: str, moment: str, lag: int) -> None:
    row = typed(occurred_at=text)
    assert (row["occurred_at"], row["lag_seconds"]) == (clock(moment), lag)


def test_every_delivered_row_is_there_in_its_order_whatever_it_holds() -> None:
    texts: list[dict[str, Any]] = [{}, {"occurred_at": "never"}, {"quantity": "x"}, {"excluded": "cancelled"}]
    rows = rows_of("typed_events", delivered=reversed(numbered(texts)))
    assert [row["row"] for row in rows] == [1, 2, 3, 4]
    assert rows[3]["excluded"] == "cancelled"


@pytest.mark.parametrize(
    ("text", "lag"), [("2025-01-01T00:00:00Z", None), ("2026-01-01T12:00:00Z", None), ("2026-01-01T12:05:01Z", -301)]
)
def test_a_replayed_event_is_never_too_late_and_still_not_of_the_future(text: str, lag: int | None) -> None:
    [row] = rows_of(
        "typed_events",
        delivered=numbered([{"locator": "replay", "occurred_at": text}]),
        replayed_events=[{"locator": "replay"}],
    )
    assert row["lag_seconds"] == lag


def test_a_row_beside_a_replayed_one_keeps_its_lag() -> None:
    delivered = [{"locator": name, "occurred_at": "2026-01-01T11:00:00Z"} for name in ("replay", "log:1", None)]
    rows = rows_of("typed_events", delivered=numbered(delivered), replayed_events=[{"locator": "replay"}])
    assert [row["lag_seconds"] for row in rows] == [None, 3600, 3600]
