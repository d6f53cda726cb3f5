from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, changed, without

GOOD: list[dict[str, Any]] = [
    {"user_id": "u", "item_id": "a", "kind": "click", "weight": 1, "query": None},
    {"user_id": "u", "item_id": "b", "kind": "search", "weight": 50_000_000, "query": "red"},
]
LIMITS = {"kinds": ["search", "click"], "most_weight": 50_000_000}


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert broken_rules("interactions", GOOD, GOOD, tmp_path, LIMITS) == ([], [])


@pytest.mark.parametrize("column", ["user_id", "item_id", "kind", "weight"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("interactions", without(column, GOOD), GOOD, tmp_path, LIMITS) == ([f"{column}_missing"], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("user_id_and_item_id_repeated", [*GOOD, GOOD[0]]),
        ("weight_out_of_range", changed(GOOD, weight=0)),
        ("weight_out_of_range", changed(GOOD, weight=50_000_001)),
        ("kind_unknown", changed(GOOD, kind="veiw")),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("interactions", rows, GOOD, tmp_path, LIMITS) == ([rule], [])
