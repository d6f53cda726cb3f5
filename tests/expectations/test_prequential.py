from pathlib import Path
from typing import Any

import pytest
from broken_tables import broken_rules, changed, without

from expectations.prequential import KNOWN
from pipeline import prequential

GOOD: list[dict[str, Any]] = [
    {
        "list": "served",
        "slice": "all",
        "k": 20,
        "metric": metric,
        "users": 20,
        "value": 0.5,
        "low": low,
        "high": high,
        "age_hours": 1,
    }
    for metric, low, high in (("recall", 0.4, 0.6), ("coverage", None, None))
]


def test_a_good_table_and_an_empty_one_pass(tmp_path: Path) -> None:
    assert broken_rules("prequential", GOOD, GOOD, tmp_path) == ([], [])
    assert broken_rules("prequential", [], GOOD, tmp_path) == ([], [])


def test_the_suite_knows_what_the_scores_are_called() -> None:
    assert set(KNOWN["list"]) == set(prequential.LISTS)
    assert set(KNOWN["slice"]) == {*prequential.USER_SLICES, *prequential.ITEM_SLICES}
    assert set(KNOWN["metric"]) == set(prequential.METRICS)


@pytest.mark.parametrize("column", ["list", "slice", "k", "metric", "users", "value", "age_hours"])
def test_every_needed_column_is_filled(tmp_path: Path, column: str) -> None:
    assert broken_rules("prequential", without(column, GOOD), GOOD, tmp_path) == ([f"{column}_missing"], [])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("list_and_slice_and_k_and_metric_repeated", [*GOOD, GOOD[0]]),
        ("list_unknown", changed(GOOD, list="ours")),
        ("slice_unknown", changed(GOOD, slice="some")),
        ("metric_unknown", changed(GOOD, metric="precision")),
        ("k_out_of_range", changed(GOOD, k=0)),
        ("users_out_of_range", changed(GOOD, users=19)),
        ("value_out_of_range", changed(GOOD, value=-1.01)),
        ("value_missing", changed(GOOD, value=float("nan"))),
        ("age_hours_out_of_range", changed(GOOD, age_hours=0)),
        ("interval_upside_down", changed(GOOD, low=0.7)),
    ],
)
def test_a_broken_rule_is_critical_and_named(tmp_path: Path, rule: str, rows: list[dict[str, Any]]) -> None:
    assert broken_rules("prequential", rows, GOOD, tmp_path) == ([rule], [])
