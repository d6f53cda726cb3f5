from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, changed, without

GOOD: list[dict[str, Any]] = [
    {"query": "u", "rank": 1, "item_id": "a", "score": 0.5, "reason": '["similar"]', "is_common": True},
    {"query": "u", "rank": 2, "item_id": "b", "score": 0.0, "reason": '["popular"]', "is_common": True},
    {"query": "v", "rank": 1, "item_id": "a", "score": -0.5, "reason": '["similar"]', "is_common": True},
]
LIMITS = {"k": 2}


def test_a_good_table_passes(tmp_path: Path) -> None:
    assert broken_rules("query_recommendations", GOOD, GOOD, tmp_path, LIMITS) == ([], [])


@pytest.mark.parametrize("column", ["query", "rank", "item_id", "score", "reason", "is_common"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("query_recommendations", without(column, GOOD), GOOD, tmp_path, LIMITS) == (
        [f"{column}_missing"],
        [],
    )


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("query_and_rank_repeated", changed(GOOD, rank=2)),
        ("query_and_item_id_repeated", changed(GOOD, item_id="b")),
        ("rank_out_of_range", changed(GOOD, rank=0)),
        ("rank_out_of_range", changed(GOOD, rank=3)),
        ("score_out_of_range", changed(GOOD, score=-3.4e38)),
        ("score_out_of_range", changed(GOOD, score=float("inf"))),
        ("score_missing", changed(GOOD, score=float("nan"))),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("query_recommendations", rows, GOOD, tmp_path, LIMITS) == ([rule], [])
