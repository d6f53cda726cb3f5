from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, changed, without

GOOD: list[dict[str, Any]] = [
    {"query": "red", "searchers": 1, "users": 0},
    {"query": "blue", "searchers": 3, "users": 2},
]


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert broken_rules("queries", GOOD, GOOD, tmp_path) == ([], [])


@pytest.mark.parametrize("column", ["query", "searchers", "users"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("queries", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("query_repeated", [*GOOD, GOOD[0]]),
        ("searchers_out_of_range", changed(GOOD, searchers=0)),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("queries", rows, GOOD, tmp_path) == ([rule], [])
