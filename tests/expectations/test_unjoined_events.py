from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, changed, without

GOOD: list[dict[str, Any]] = [
    {"event_id": "x", "reason": "search_without_click"},
    {"event_id": "y", "reason": "unknown_item"},
]


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert broken_rules("unjoined_events", GOOD, GOOD, tmp_path) == ([], [])


@pytest.mark.parametrize("column", ["event_id", "reason"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("unjoined_events", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [("event_id_repeated", [*GOOD, GOOD[0]]), ("reason_unknown", changed(GOOD, reason="bored"))],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("unjoined_events", rows, GOOD, tmp_path) == ([rule], [])
