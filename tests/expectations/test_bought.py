from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, without

GOOD: list[dict[str, Any]] = [{"user_id": "u", "item_id": "a"}, {"user_id": "u", "item_id": "b"}]


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert broken_rules("bought", GOOD, GOOD, tmp_path) == ([], [])


@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("bought", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("user_id_and_item_id_repeated", [*GOOD, GOOD[0]]),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("bought", rows, GOOD, tmp_path) == ([rule], [])
