from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, changed, without

GOOD: list[dict[str, Any]] = [
    {"item_id": "u", "rank": 1, "similar_item_id": "a", "score": 0.5, "reason": '["similar"]'},
    {"item_id": "u", "rank": 2, "similar_item_id": "b", "score": 0.0, "reason": '["popular"]'},
    {"item_id": "v", "rank": 1, "similar_item_id": "a", "score": -0.5, "reason": '["similar"]'},
]
LIMITS = {"k": 2}


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert broken_rules("similar_items", GOOD, GOOD, tmp_path, LIMITS) == ([], [])


@pytest.mark.parametrize("column", ["item_id", "rank", "similar_item_id", "score", "reason"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("similar_items", without(column, GOOD), GOOD, tmp_path, LIMITS) == ([f"{column}_missing"], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("item_id_and_rank_repeated", changed(GOOD, rank=2)),
        ("item_id_and_similar_item_id_repeated", changed(GOOD, similar_item_id="b")),
        ("rank_out_of_range", changed(GOOD, rank=0)),
        ("rank_out_of_range", changed(GOOD, rank=3)),
        ("score_out_of_range", changed(GOOD, score=-3.4e38)),
        ("score_out_of_range", changed(GOOD, score=float("inf"))),
        ("score_missing", changed(GOOD, score=float("nan"))),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("similar_items", rows, GOOD, tmp_path, LIMITS) == ([rule], [])
