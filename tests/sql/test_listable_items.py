from sql_tables import rows_of


def test_items_come_in_the_order_of_their_popularity_with_what_the_hour_says_of_them() -> None:
    popular = [
        {"segment": "all", "rank": 2, "item_id": "a", "score": 0.0},
        {"segment": "all", "rank": 1, "item_id": "b", "score": 3.5},
        {"segment": "category:x", "rank": 1, "item_id": "b", "score": 3.5},
    ]
    found = rows_of("listable_items", popular_items=popular, items=[{"item_id": "b", "category": "x"}])
    assert found == [
        {"item_id": "b", "score": 3.5, "category": "x"},
        {"item_id": "a", "score": 0.0, "category": None},
    ]
