from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from broken_tables import broken_rules
from sql_tables import SHAPES, numbered, table_of

from pipeline.audit import find_refused

LIMITS: dict[str, Any] = {"id_length": 200, "text_length": 1000}
ITEM: dict[str, Any] = {
    "item_id": "a",
    "title": "Gears of War",
    "category": "games",
    "brand": "Epic",
    "price": 2.5,
    "currency": "EUR",
    "is_available": True,
}
GOOD = [ITEM, {**ITEM, "item_id": "b", "is_available": False}]

RIGHT: list[dict[str, Any]] = [
    ITEM,
    {**ITEM, "is_available": False},
    {**ITEM, "price": None},
    {**ITEM, "price": 1_000_000.0},
    {**ITEM, "currency": None},
    {**ITEM, "price": 0.01},
    {**ITEM, "title": None, "category": None, "brand": None},
    {**ITEM, "title": "\u6238" * 1000, "brand": "b" * 1000, "category": "c" * 200},
    {**ITEM, "item_id": "9007199254740993"},
]
WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({**ITEM, "item_id": None}, ["item_id_missing"]),
    ({**ITEM, "item_id": "x" * 201}, ["item_id_not_storable"]),
    ({**ITEM, "item_id": "a\x00"}, ["item_id_not_storable"]),
    ({**ITEM, "title": "t" * 1001}, ["title_not_storable"]),
    ({**ITEM, "category": "c\x00"}, ["category_not_storable"]),
    ({**ITEM, "category": "c" * 201}, ["category_not_storable"]),
    ({**ITEM, "brand": "b\x00"}, ["brand_not_storable"]),
    ({**ITEM, "price": 0.0}, ["price_out_of_range"]),
    ({**ITEM, "price": -1.0}, ["price_out_of_range"]),
    ({**ITEM, "price": 1e30}, ["price_out_of_range"]),
    ({**ITEM, "price": float("inf")}, ["price_out_of_range"]),
    ({**ITEM, "price": float("-inf")}, ["price_out_of_range"]),
    ({**ITEM, "price": 1_000_000.01}, ["price_out_of_range"]),
    ({**ITEM, "currency": "EURO"}, ["currency_unreadable"]),
    ({**ITEM, "currency": "\u20ac"}, ["currency_unreadable"]),
    ({**ITEM, "currency": "EU\x00"}, ["currency_unreadable"]),
    ({**ITEM, "is_available": None}, ["availability_unreadable"]),
    ({**ITEM, "price": -1.0, "is_available": None}, ["price_out_of_range", "availability_unreadable"]),
]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[tuple[str, bool]]]:
    """Rules broken and whether they decide, by row: first the right rows, then the wrong ones."""
    path = tmp_path_factory.mktemp("typed") / "typed_items.parquet"
    pq.write_table(table_of(numbered([*RIGHT, *(row for row, _ in WRONG)]), SHAPES["typed_items"]), path)
    [table] = find_refused("items", [path], LIMITS)
    rules: dict[int, list[tuple[str, bool]]] = {}
    for row in table.to_pylist():
        rules.setdefault(row["row"], []).append((row["rule"], row["is_primary"]))
    return rules


@pytest.mark.parametrize("place", range(len(RIGHT)))
def test_what_is_right_is_not_refused(refused: dict[int, list[tuple[str, bool]]], place: int) -> None:
    assert place + 1 not in refused


@pytest.mark.parametrize("place", range(len(WRONG)), ids=["+".join(rules) for _, rules in WRONG])
def test_what_is_wrong_is_refused_by_its_rule_and_the_first_of_several_decides(
    refused: dict[int, list[tuple[str, bool]]], place: int
) -> None:
    rules = WRONG[place][1]
    assert refused[len(RIGHT) + place + 1] == [(rule, number == 0) for number, rule in enumerate(rules)]


def test_every_refusing_rule_is_broken_here() -> None:
    from expectations.items import suite

    refusing = {rule.meta["rule"] for rule in suite(**LIMITS) if rule.meta["refuses"]}
    assert refusing == {rule for _, rules in WRONG for rule in rules}


def test_a_good_catalog_passes(tmp_path: Path) -> None:
    assert broken_rules("items", GOOD, GOOD, tmp_path, LIMITS) == ([], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("catalog_empty", []),
        ("item_repeated", [*GOOD, ITEM]),
        ("item_id_missing", [*GOOD, {**ITEM, "item_id": None}]),
        ("price_out_of_range", [*GOOD, {**ITEM, "item_id": "c", "price": -1.0}]),
        ("currency_unreadable", [*GOOD, {**ITEM, "item_id": "c", "currency": "EUR\n"}]),
        ("availability_unreadable", [*GOOD, {**ITEM, "item_id": "c", "is_available": None}]),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("items", rows, GOOD, tmp_path, LIMITS) == ([rule], [])


@pytest.mark.parametrize(("untitled", "warnings"), [(5, []), (6, ["titles_missing"])])
def test_more_than_5_per_cent_of_items_without_a_title_are_a_warning(
    tmp_path: Path, untitled: int, warnings: list[str]
) -> None:
    rows = [{**ITEM, "item_id": str(place), "title": None if place < untitled else "t"} for place in range(100)]
    assert broken_rules("items", rows, GOOD, tmp_path, LIMITS) == ([], warnings)
