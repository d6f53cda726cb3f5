from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, changed, without

GOOD: list[dict[str, Any]] = [{"item_id": "x", "events": 1}, {"item_id": "y", "events": 7}]


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert broken_rules("unknown_items", GOOD, GOOD, tmp_path) == ([], [])


@pytest.mark.parametrize("column", ["item_id", "events"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("unknown_items", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("item_id_repeated", [*GOOD, GOOD[0]]),
        ("events_out_of_range", changed(GOOD, events=0)),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("unknown_items", rows, GOOD, tmp_path) == ([rule], [])
