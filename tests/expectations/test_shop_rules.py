from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, without

GOOD: list[dict[str, Any]] = [
    {"line": 2, "rule": "block", "item_id": "a", "is_active": True},
    {"line": 3, "rule": "cap", "item_id": None, "is_active": False},
]


def test_a_good_table_passes_and_so_does_one_without_a_rule(tmp_path: Path) -> None:
    assert broken_rules("shop_rules", GOOD, GOOD, tmp_path) == ([], [])
    assert broken_rules("shop_rules", [], GOOD, tmp_path) == ([], [])


@pytest.mark.parametrize("column", ["line", "rule", "is_active"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("shop_rules", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])


def test_a_line_stands_there_once(tmp_path: Path) -> None:
    assert broken_rules("shop_rules", [*GOOD, GOOD[0]], GOOD, tmp_path) == (["line_repeated"], [])
