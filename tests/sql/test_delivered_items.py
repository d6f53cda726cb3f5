from sql_tables import rows_of


def test_catalog_rows_are_numbered_from_one_in_the_order_of_the_source() -> None:
    pulled = [{"locator": name, "item_id": "i", "price": " 1.50 "} for name in ("c", "a", "b")]
    rows = rows_of("delivered_items", pulled=pulled)
    assert [(row["row"], row["locator"], row["price"]) for row in rows] == [
        (1, "c", " 1.50 "),
        (2, "a", " 1.50 "),
        (3, "b", " 1.50 "),
    ]
