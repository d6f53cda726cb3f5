from importlib import import_module
from pathlib import Path

import pytest
from broken_tables import broken_rules, write_rows

from pipeline.audit import audit_table, find_refused
from pipeline.errors import AuditFailed
from pipeline.seeds import event_types
from pipeline.tables import JUDGED_BY_EVALUATE, PRODUCERS

BOUGHT = [{"user_id": "u", "item_id": "a"}, {"user_id": "u", "item_id": "b"}]
LIMITS = {
    "events": {
        "event_types": event_types(),
        "lookback_hours": 6,
        "skew_seconds": 300,
        "id_length": 200,
        "query_length": 512,
    },
    "items": {"id_length": 200, "text_length": 1000},
    "interactions": {"kinds": event_types(), "most_weight": 50_000_000},
    "user_recommendations": {"k": 20},
    "query_recommendations": {"k": 20},
    "similar_items": {"k": 20},
}


@pytest.mark.parametrize("table", sorted(set(PRODUCERS) - JUDGED_BY_EVALUATE))
def test_every_table_that_is_kept_has_a_suite_whose_rules_have_names_of_their_own(table: str) -> None:
    rules = import_module(f"expectations.{table}").suite(**LIMITS.get(table, {}))
    names = [rule.meta["rule"] for rule in rules]
    assert names
    assert len(set(names)) == len(names)
    assert all(rule.meta["sentence"] for rule in rules)


@pytest.mark.parametrize("table", sorted(set(PRODUCERS) - JUDGED_BY_EVALUATE))
def test_every_table_that_is_kept_has_a_test_of_its_suite_and_one_of_its_sql(table: str) -> None:
    tests = Path(__file__).parents[1]
    assert (tests / "expectations" / f"test_{table}.py").exists()
    assert (tests / "sql" / f"test_{table}.py").exists() or table in {"evaluation", "prequential"}


def test_a_suite_that_holds_nothing_is_refused_because_nothing_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(tmp_path / "bought.parquet", BOUGHT, BOUGHT)
    monkeypatch.setattr("expectations.bought.suite", lambda: [])
    with pytest.raises(AuditFailed, match="bought: its suite holds no expectation"):
        audit_table("bought", [path], {}, "2026-01-01T11")
    with pytest.raises(AuditFailed, match="bought: its suite holds no expectation"):
        find_refused("bought", [path], {})


def test_a_table_without_the_column_of_a_rule_fails(tmp_path: Path) -> None:
    rows = [{"user_id": "u"}]
    path = write_rows(tmp_path / "bought.parquet", rows, rows)
    with pytest.raises(AuditFailed, match="could not be checked"):
        audit_table("bought", [path], {}, "2026-01-01T11")


def test_all_rules_that_a_table_breaks_are_named_at_once(tmp_path: Path) -> None:
    rows = [{"user_id": None, "item_id": "a"}, {"user_id": "u", "item_id": None}, *BOUGHT, BOUGHT[0]]
    critical, _ = broken_rules("bought", rows, BOUGHT, tmp_path)
    assert critical == ["user_id_missing", "item_id_missing", "user_id_and_item_id_repeated"]


def test_what_is_unique_is_so_within_an_hour_and_not_across_hours(tmp_path: Path) -> None:
    holdout = [{"user_id": "u", "item_id": "a", "kind": "click", "weight": 1}]
    for table, rows in (("bought", BOUGHT), ("holdout", holdout)):
        once, twice = (
            write_rows(tmp_path / f"{table}{number}.parquet", found, rows)
            for number, found in enumerate((rows, [*rows, rows[0]]))
        )
        assert all(found["passed"] for hour in audit_table(table, [once, once], {}, "2026-01-01T11") for found in hour)
        with pytest.raises(AuditFailed, match="_repeated"):
            audit_table(table, [once, twice], {}, "2026-01-01T11")


def test_each_hour_must_have_a_catalog_of_its_own(tmp_path: Path) -> None:
    texts = {"item_id": "a", "title": "t", "category": "c", "brand": "b", "currency": "EUR"}
    items = [{**texts, "price": 1.0, "is_available": True}]
    full, empty = (write_rows(tmp_path / f"{len(rows)}.parquet", rows, items) for rows in (items, []))
    hours = audit_table("items", [full, full], LIMITS["items"], "2026-01-01T11")
    assert all(found["passed"] for findings in hours for found in findings)
    with pytest.raises(AuditFailed, match="catalog_empty"):
        audit_table("items", [full, empty], LIMITS["items"], "2026-01-01T11")


def test_a_message_shows_a_value_but_never_one_that_is_personal(tmp_path: Path) -> None:
    good = [{"user_id": "u", "rank": 1, "item_id": "a", "score": 0.5, "reason": "[]"}]
    with pytest.raises(AuditFailed, match=r"rank_out_of_range.*1 rows, first 99"):
        broken_path = write_rows(tmp_path / "lists.parquet", [{**good[0], "rank": 99}], good)
        audit_table("user_recommendations", [broken_path], {"k": 2}, "2026-01-01T11")
    secret = [{"user_id": "secret", "item_id": item, "kind": "click", "weight": 1} for item in "ab"]
    path = write_rows(tmp_path / "holdout.parquet", secret, secret)
    with pytest.raises(AuditFailed, match="user_id_repeated") as failure:
        audit_table("holdout", [path], {}, "2026-01-01T11")
    assert "secret" not in str(failure.value)
