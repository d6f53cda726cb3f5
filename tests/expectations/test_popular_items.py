from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, changed, without

GOOD: list[dict[str, Any]] = [
    {"segment": "all", "rank": 1, "item_id": "a", "score": 2.0},
    {"segment": "all", "rank": 2, "item_id": "b", "score": 0.0},
    {"segment": "category:toys", "rank": 1, "item_id": "a", "score": 2.0},
]


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert broken_rules("popular_items", GOOD, GOOD, tmp_path) == ([], [])


@pytest.mark.parametrize("column", ["segment", "rank", "item_id", "score"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("popular_items", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("segment_and_rank_repeated", changed(GOOD, rank=2)),
        ("segment_and_item_id_repeated", changed(GOOD, item_id="b")),
        ("score_out_of_range", changed(GOOD, score=-0.5)),
        ("score_out_of_range", changed(GOOD, score=float("inf"))),
        ("score_missing", changed(GOOD, score=float("nan"))),
        ("nothing_available", []),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("popular_items", rows, GOOD, tmp_path) == ([rule], [])
