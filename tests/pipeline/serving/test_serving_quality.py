"""The tables of what became of an hour's rows: exact, replaced when an hour runs again, the same on both databases."""

from typing import Any

import pytest
from sqlalchemy import Engine, exc, insert, select

from pipeline.errors import DataError
from pipeline.hours import parse_hour
from pipeline.serving.database import reading, writing
from pipeline.serving.quality import record_hours
from pipeline.serving.schema import ingest_ledger, quality_results, quarantine_summary

HOUR = "2026-01-01T13"
LEDGER = {"outcome": "landed", "delivered": 10, "accepted": 6, "quarantined": 3, "excluded": 1, "duplicate": 1}
RULES = {
    "future": {"rows_decided": 2, "rows_broken": 2, "sentence": "too early"},
    "excluded": {"rows_decided": 1, "rows_broken": 1, "sentence": "not for us"},
}


def finding(rule: str, passed: bool = True, stage: str = "ingest_events") -> dict[str, Any]:
    return {
        "stage": stage,
        "table": "events",
        "rule": rule,
        "severity": "critical",
        "passed": passed,
        "checked": 10,
        "failed": 0 if passed else 4,
        "observed": None,
        "sentence": "words",
    }


def account(
    hour: str = HOUR,
    quality: tuple[dict[str, Any], ...] = (),
    figures: tuple[dict[str, Any], ...] = (),
    **ledger: Any,
) -> dict[str, Any]:
    events = {**LEDGER, "rules": RULES, "other": {}, **ledger}
    found = {"ledgers": {"events": events}, "quality": list(quality), "freshness": {}, "prequential": list(figures)}
    return {"source": "shop", "hour": hour, **found}


def rows(engine: Engine, *columns: Any) -> list[tuple[Any, ...]]:
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]


def test_an_hour_is_recorded_row_by_row(engine: Engine) -> None:
    quality = (finding("event_id_repeated"), finding("event_id_repeated", stage="prepare"), finding("b", passed=False))
    written = record_hours(engine, "batch", [account(quality=quality, other={"late": 3})])
    assert written == 6
    columns = ingest_ledger.c
    fates = (columns.delivered, columns.accepted, columns.quarantined, columns.excluded, columns.duplicate)
    assert rows(engine, columns.source, columns.arm, columns.interval_start, columns.kind, *fates, columns.other) == [
        ("shop", "batch", parse_hour(HOUR), "events", 10, 6, 3, 1, 1, '{"late": 3}')
    ]
    found = quarantine_summary.c
    assert rows(engine, found.rule, found.rows_decided, found.sentence) == [
        ("excluded", 1, "not for us"),
        ("future", 2, "too early"),
    ]
    found = quality_results.c
    assert rows(engine, found.rule, found.stage, found.passed, found.checked, found.failed) == [
        ("b", "ingest_events", False, 10, 4),
        ("event_id_repeated", "ingest_events", True, 10, 0),
        ("event_id_repeated", "prepare", True, 10, 0),
    ]


def test_an_hour_that_ran_again_replaces_its_rows_and_no_others(engine: Engine) -> None:
    other = account("2026-01-01T14")
    record_hours(engine, "batch", [account(quality=(finding("a", passed=False),), outcome="blocked"), other])
    record_hours(engine, "stream", [account()])
    again = account(quality=(finding("c"),), accepted=7, quarantined=2)
    again["ledgers"]["events"]["rules"] = {"excluded": RULES["excluded"]}
    for _ in range(2):
        record_hours(engine, "batch", [again])
    columns = ingest_ledger.c
    assert rows(engine, columns.arm, columns.interval_start, columns.outcome, columns.accepted) == [
        ("batch", parse_hour(HOUR), "landed", 7),
        ("batch", parse_hour("2026-01-01T14"), "landed", 6),
        ("stream", parse_hour(HOUR), "landed", 6),
    ]
    assert rows(engine, quality_results.c.rule) == [("c",)]
    assert len(rows(engine, quarantine_summary.c.arm, quarantine_summary.c.rule)) == 1 + 2 + 2


def test_a_ledger_that_does_not_balance_is_refused_and_leaves_what_was_there(engine: Engine) -> None:
    record_hours(engine, "batch", [account()])
    with pytest.raises(DataError, match=r"2026-01-01T13: events: the ledger does not balance: 11 rows delivered"):
        record_hours(engine, "batch", [account("2026-01-01T14"), account(delivered=11)])
    assert rows(engine, ingest_ledger.c.delivered) == [(10,)]


def test_the_database_itself_refuses_a_ledger_that_does_not_balance(engine: Engine) -> None:
    record_hours(engine, "batch", [account()])
    with reading(engine) as connection:
        row = dict(connection.execute(select(ingest_ledger)).mappings().one())
    with pytest.raises(exc.IntegrityError), writing(engine) as connection:
        connection.execute(insert(ingest_ledger), [row | {"arm": "other", "accepted": 5}])


def test_an_hour_without_a_ledger_has_none(engine: Engine) -> None:
    nothing = {"source": "shop", "hour": HOUR, "ledgers": {}, "quality": [], "freshness": {}, "prequential": []}
    record_hours(engine, "batch", [account()])
    assert record_hours(engine, "batch", [nothing]) == 0
    assert rows(engine, ingest_ledger.c.kind) == []
