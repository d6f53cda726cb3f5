from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, changed, without

GOOD: list[dict[str, Any]] = [
    {"query": "red", "item_id": "a", "weight": 1, "takers": 1},
    {"query": "red", "item_id": "b", "weight": 2**53, "takers": 2},
]


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert broken_rules("query_items", GOOD, GOOD, tmp_path) == ([], [])


@pytest.mark.parametrize("column", ["query", "item_id", "weight", "takers"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("query_items", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("query_and_item_id_repeated", [*GOOD, GOOD[0]]),
        ("weight_out_of_range", changed(GOOD, weight=0)),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("query_items", rows, GOOD, tmp_path) == ([rule], [])
