from sql_tables import clock, rows_of


def test_each_purchase_of_a_user_stands_there_once_with_its_last_time_and_nothing_else_does() -> None:
    events = [
        {"user_id": "v", "event_type": "purchase", "item_id": "a"},
        {"user_id": "u", "event_type": "purchase", "item_id": "b", "last_at": clock("10:00")},
        {"user_id": "u", "event_type": "purchase", "item_id": "b", "last_at": clock("09:00")},
        {"user_id": "u", "event_type": "purchase", "item_id": "a"},
        {"user_id": "u", "event_type": "add_to_cart", "item_id": "c"},
        {"user_id": "u", "event_type": "click", "item_id": "d"},
        {"user_id": None, "actor": "s", "event_type": "purchase", "item_id": "e"},
    ]
    events = [{"last_at": clock("08:00")} | event for event in events]
    assert rows_of("bought", window_actions=events) == [
        {"user_id": "u", "item_id": "a", "last_at": clock("08:00")},
        {"user_id": "u", "item_id": "b", "last_at": clock("10:00")},
        {"user_id": "v", "item_id": "a", "last_at": clock("08:00")},
    ]
