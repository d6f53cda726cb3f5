from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, changed, without

GOOD: list[dict[str, Any]] = [
    {"feature": "event_type", "bucket": "click", "events": 3, "usual_events": 20},
    {"feature": "query", "bucket": "07", "events": 0, "usual_events": 1},
]


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert broken_rules("event_profile", GOOD, GOOD, tmp_path) == ([], [])


@pytest.mark.parametrize("column", list(GOOD[0]))
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("event_profile", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("feature_and_bucket_repeated", [*GOOD, GOOD[0]]),
        ("events_out_of_range", changed(GOOD, events=-1)),
        ("usual_events_out_of_range", changed(GOOD, usual_events=-1)),
        ("feature_unknown", changed(GOOD, feature="mood")),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("event_profile", rows, GOOD, tmp_path) == ([rule], [])
