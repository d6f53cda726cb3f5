from sql_tables import rows_of


def test_delivered_rows_are_their_locators_in_order_and_whether_they_came_late() -> None:
    delivered = [
        {"row": 1, "locator": "b", "delivered_at": "2026-01-01 11:00:00"},
        {"row": 2, "locator": "a", "delivered_at": "2026-01-01 10:59:59.999999"},
        {"row": 3, "locator": "c", "delivered_at": "2026-01-01T12:30:00+01:00"},
    ]
    assert rows_of("delivered_rows", delivered=delivered) == [
        {"locator": "a", "is_late": True},
        {"locator": "b", "is_late": False},
        {"locator": "c", "is_late": False},
    ]
