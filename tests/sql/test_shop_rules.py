from datetime import timedelta
from typing import Any

import pytest
from sql_tables import END, Row, items, rows_of

from pipeline.rules import is_active as is_active_in_python

TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "is_active"),
    [
        (None, None, True),
        (END, None, True),
        (END + TICK, None, False),
        (None, END, False),
        (None, END + TICK, True),
        (END - TICK, END + TICK, True),
    ],
)
def test_a_rule_holds_from_its_start_until_before_its_end_as_of_the_end_of_the_hour(
    starts_at: Any, ends_at: Any, is_active: bool
) -> None:
    lines = [{"line": 2, "rule": "block", "item_id": "a", "starts_at": starts_at, "ends_at": ends_at}]
    (row,) = rows_of("shop_rules", rule_lines=lines)
    assert (row["line"], row["rule"], row["item_id"], row["is_active"]) == (2, "block", "a", is_active)
    assert is_active_in_python(lines[0], END) == is_active  # what `treasure-hunt rules check` says


CATALOG = [*items("a", "b", category="toys"), *items("c", category="tools"), *items("d")]


def ruled(*rules: Row) -> list[tuple[int, str]]:
    lines = [{"line": line, "is_active": True, "value": 1.0, **rule} for line, rule in enumerate(rules, start=2)]
    return [(row["line"], row["item_id"]) for row in rows_of("ruled_items", shop_rules=lines, items=CATALOG)]


def test_a_rule_is_about_the_item_or_the_items_of_the_category_that_it_names() -> None:
    assert ruled({"rule": "block", "item_id": "a"}, {"rule": "boost", "category": "toys"}) == [
        (2, "a"),
        (3, "a"),
        (3, "b"),
    ]


def test_a_rule_about_nothing_in_particular_is_about_everything_and_a_cap_about_what_has_a_category() -> None:
    assert ruled({"rule": "rebuy"}, {"rule": "cap"}) == [
        *((2, name) for name in "abcd"),
        *((3, name) for name in "abc"),
    ]


def test_the_line_that_says_most_exactly_what_it_is_about_counts() -> None:
    rules = [{"rule": "rebuy"}, {"rule": "rebuy", "category": "toys"}, {"rule": "rebuy", "item_id": "b"}]
    assert ruled(*rules) == [(2, "c"), (2, "d"), (3, "a"), (4, "b")]


def test_every_boost_counts_and_rules_of_another_time_and_items_of_no_catalog_do_not() -> None:
    boosts = [{"rule": "boost", "item_id": "a"}, {"rule": "boost", "category": "toys"}]
    others = [{"rule": "block", "item_id": "c", "is_active": False}, {"rule": "block", "item_id": "gone"}]
    assert ruled(*boosts, *others) == [(2, "a"), (3, "a"), (3, "b")]


def test_what_is_blocked_is_not_offered() -> None:
    rules = [{"line": 2, "rule": "block", "item_id": "a"}, {"line": 3, "rule": "boost", "item_id": "b", "value": 2.0}]
    catalog = [*items("a", "b"), *items("c", is_available=False)]
    offered = rows_of("offered_items", items=catalog, ruled_items=rules)
    assert [(row["item_id"], row["is_available"]) for row in offered] == [("a", False), ("b", True), ("c", False)]


def test_what_was_bought_longer_ago_than_a_rule_says_may_be_shown_again_and_the_rest_never() -> None:
    ages = {"a": timedelta(days=7), "b": timedelta(days=7) - TICK, "d": timedelta(days=400)}
    bought = [{"user_id": "u", "item_id": name, "last_at": END - age} for name, age in ages.items()]
    rules = [{"line": 2, "rule": "rebuy", "item_id": name, "value": 7.0} for name in "ab"]
    found = rows_of("owned_items", bought=bought, ruled_items=rules)
    assert [row["item_id"] for row in found] == ["b", "d"]


def test_what_was_not_in_the_earlier_catalog_is_fresh_when_it_is_available() -> None:
    catalog = [*items("a", "b"), *items("c", is_available=False)]
    assert rows_of("fresh_items", items=catalog, earlier_items=items("a")) == [{"item_id": "b"}]
