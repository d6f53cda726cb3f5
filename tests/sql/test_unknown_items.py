from sql_tables import items, rows_of


def test_items_in_no_catalog_are_counted_and_others_are_not() -> None:
    named = ["x", "a", "x", None, "w"]
    events = [{"event_id": str(place), "item_id": item_id} for place, item_id in enumerate(named)]
    assert rows_of("unknown_items", hour_events=events, items=items("a")) == [
        {"item_id": "w", "events": 1},
        {"item_id": "x", "events": 2},
    ]


def test_an_item_that_is_not_available_is_known_all_the_same() -> None:
    events = [{"event_id": "1", "item_id": "a"}]
    assert rows_of("unknown_items", hour_events=events, items=items("a", is_available=False)) == []


def test_ids_that_look_like_the_same_number_are_different_items() -> None:
    events = [{"event_id": "1", "item_id": "100000"}]
    assert rows_of("unknown_items", hour_events=events, items=items("1e5", "0100000")) == [
        {"item_id": "100000", "events": 1},
    ]
