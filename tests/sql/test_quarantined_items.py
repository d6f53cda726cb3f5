import json

from sql_tables import numbered, rows_of

DELIVERED = numbered([{"locator": "c:1", "item_id": "a"}, {"locator": "c:2", "item_id": "b", "price": "-1"}])


def test_a_refused_catalog_row_stands_there_once_under_the_first_rule_as_it_came() -> None:
    refused = [
        {"row": 2, "rule": "availability_unreadable", "sentence": "s", "is_primary": False},
        {"row": 2, "rule": "price_out_of_range", "sentence": "t", "is_primary": True},
    ]
    [row] = rows_of("quarantined_items", delivered=DELIVERED, refused=refused)
    assert (row["locator"], row["rule"], row["sentence"]) == ("c:2", "price_out_of_range", "t")
    assert json.loads(row["raw_row"])["price"] == "-1"


def test_good_catalog_rows_are_not_there() -> None:
    assert rows_of("quarantined_items", delivered=DELIVERED, refused=[]) == []
