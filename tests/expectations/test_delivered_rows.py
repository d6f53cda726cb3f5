from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, without

GOOD: list[dict[str, Any]] = [{"locator": "a", "is_late": False}, {"locator": "b", "is_late": True}]


def test_good_delivered_rows_pass(tmp_path: Path) -> None:
    assert broken_rules("delivered_rows", GOOD, GOOD, tmp_path) == ([], [])


@pytest.mark.parametrize("column", ["locator", "is_late"])
def test_every_delivered_row_says_where_it_stands(tmp_path: Path, column: str) -> None:
    assert broken_rules("delivered_rows", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])


def test_a_locator_stands_once(tmp_path: Path) -> None:
    assert broken_rules("delivered_rows", [*GOOD, GOOD[0]], GOOD, tmp_path) == (["locator_repeated"], [])
