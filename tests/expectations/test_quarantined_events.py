from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, without

GOOD: list[dict[str, Any]] = [
    {"locator": "log:1", "rule": "too_late", "sentence": "it is late", "raw_row": "{}"},
    {"locator": "log:1", "rule": "too_late", "sentence": "it is late", "raw_row": "{}"},
]


def test_a_good_quarantine_passes_and_so_does_an_empty_one(tmp_path: Path) -> None:
    assert broken_rules("quarantined_events", GOOD, GOOD, tmp_path) == ([], [])
    assert broken_rules("quarantined_events", [], GOOD, tmp_path) == ([], [])


@pytest.mark.parametrize("column", ["locator", "rule", "sentence", "raw_row"])
def test_a_refused_row_says_where_it_came_from_why_it_was_refused_and_what_it_held(tmp_path: Path, column: str) -> None:
    assert broken_rules("quarantined_events", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])
