from sql_tables import clock, rows_of


def test_rows_stand_in_the_order_of_delivery_as_they_came_and_repeats_stay() -> None:
    pulled = [
        {"locator": "a/2", "event_id": "e2", "event_type": "veiw", "delivered_at": "2026-01-01 11:20:00"},
        {"locator": "a/1", "event_id": "e1", "user_id": " u ", "delivered_at": "2026-01-01 11:10:00"},
        {"locator": "a/3", "event_id": "e1", "user_id": " u ", "delivered_at": "2026-01-01 11:10:00"},
    ]
    found = rows_of("comparison/log_events", pulled=pulled)
    assert [row["event_id"] for row in found] == ["e1", "e1", "e2"]
    assert (
        found[0]
        == found[1]
        == {
            **dict.fromkeys(("session_id", "event_type", "query", "item_id", "occurred_at")),
            "event_id": "e1",
            "user_id": " u ",
            "delivered_at": clock("11:10"),
        }
    )


def test_what_the_source_excludes_is_left_out_and_a_row_without_an_id_is_named_by_its_place() -> None:
    pulled = [
        {"locator": "a/1", "delivered_at": "2026-01-01 11:00:00"},
        {"locator": "a/2", "event_id": "e", "excluded": "no shopper", "delivered_at": "2026-01-01 11:00:00"},
    ]
    assert [row["event_id"] for row in rows_of("comparison/log_events", pulled=pulled)] == ["a/1"]


def test_a_row_cannot_be_read_before_it_occurred_where_the_source_says_no_more_than_the_hour() -> None:
    def delivered(occurred_at: str) -> object:
        row = {"locator": "a/1", "occurred_at": occurred_at, "delivered_at": "2026-01-01 11:00:00"}
        return rows_of("comparison/log_events", pulled=[row])[0]["delivered_at"]

    assert delivered("2026-01-01T11:25:00Z") == clock("11:25")
    assert delivered("2026-01-01T10:25:00Z") == clock("11:00"), "late: it was delivered when it was delivered"
    assert delivered("2026-01-01T13:25:00Z") == clock("11:00"), "what claims to come from a later hour is not believed"
    assert delivered("yesterday") == clock("11:00")
