import json

from sql_tables import Row, numbered, rows_of


def quarantine(delivered: list[Row], refused: list[Row], excluded: dict[int, str] | None = None) -> list[Row]:
    typed = [{"row": row["row"], "excluded": (excluded or {}).get(row["row"])} for row in delivered]
    return rows_of("quarantined_events", delivered=delivered, typed_events=typed, refused=refused)


def refusal(row: int, rule: str, is_primary: bool = True) -> Row:
    return {"row": row, "rule": rule, "sentence": f"because of {rule}", "is_primary": is_primary}


DELIVERED = numbered([{"locator": "log:1", "user_id": "u"}, {"locator": "log:2", "query": "a\x00b \u6238"}])


def test_a_row_that_breaks_several_rules_stands_there_once_under_the_first() -> None:
    rows = quarantine(DELIVERED, [refusal(1, "second", False), refusal(1, "first"), refusal(1, "third", False)])
    assert [(row["locator"], row["rule"], row["sentence"]) for row in rows] == [
        ("log:1", "first", "because of first"),
    ]


def test_an_excluded_row_stands_there_once_with_the_reason_of_the_source_even_when_it_breaks_a_rule() -> None:
    rows = quarantine(DELIVERED, [refusal(1, "first")], {1: "cancellation"})
    assert [(row["rule"], row["sentence"]) for row in rows] == [("excluded", "cancellation")]


def test_the_row_is_kept_as_it_came() -> None:
    [row] = quarantine(DELIVERED, [refusal(2, "query_not_storable")])
    assert json.loads(row["raw_row"]) == {**dict.fromkeys(json.loads(row["raw_row"])), **DELIVERED[1]}
    assert "\x00" not in row["raw_row"]


def test_rows_stand_in_the_order_of_their_delivery_whatever_order_they_are_read_in() -> None:
    delivered = numbered({"locator": f"log:{place}"} for place in range(1, 10))
    rows = quarantine(delivered[::-1], [refusal(row, "a") for row in (3, 9, 1, 5)], {2: "x", 8: "x"})
    assert [row["locator"] for row in rows] == [f"log:{place}" for place in (1, 2, 3, 5, 8, 9)]


def test_good_rows_are_not_there() -> None:
    assert quarantine(DELIVERED, []) == []
