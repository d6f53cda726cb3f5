from sql_tables import rows_of


def test_each_purchase_of_a_user_stands_there_once_and_nothing_else_does() -> None:
    events = [
        {"user_id": "v", "event_type": "purchase", "item_id": "a"},
        {"user_id": "u", "event_type": "purchase", "item_id": "b"},
        {"user_id": "u", "event_type": "purchase", "item_id": "b"},
        {"user_id": "u", "event_type": "purchase", "item_id": "a"},
        {"user_id": "u", "event_type": "add_to_cart", "item_id": "c"},
        {"user_id": "u", "event_type": "click", "item_id": "d"},
        {"user_id": None, "session_id": "s", "event_type": "purchase", "item_id": "e"},
    ]
    assert rows_of("bought", window_events=events) == [
        {"user_id": "u", "item_id": "a"},
        {"user_id": "u", "item_id": "b"},
        {"user_id": "v", "item_id": "a"},
    ]
