from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, changed, without

GOOD: list[dict[str, Any]] = [
    {"list": "ours", "metric": "recall", "k": 20, "users": 30, "value": 1.0},
    {"list": "popular", "metric": "recall", "k": 20, "users": 30, "value": 0.0},
]


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert broken_rules("evaluation", GOOD, GOOD, tmp_path) == ([], [])


@pytest.mark.parametrize("column", ["list", "metric", "k", "users", "value"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("evaluation", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("list_and_metric_repeated", [*GOOD, GOOD[0]]),
        ("value_out_of_range", changed(GOOD, value=1.01)),
        ("value_out_of_range", changed(GOOD, value=-0.01)),
        ("value_missing", changed(GOOD, value=float("nan"))),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("evaluation", rows, GOOD, tmp_path) == ([rule], [])
