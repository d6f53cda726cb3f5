"""What became of an hour's rows and what every rule found, written to the serving database for analysts.

Rows of an hour replace those that an earlier attempt left; they are written for a blocked hour too.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, delete, insert

from pipeline.errors import DataError
from pipeline.hours import parse_hour
from pipeline.serving.database import create_schema, writing
from pipeline.serving.schema import event_freshness, ingest_ledger, prequential, quality_results, quarantine_summary

FATES = ("delivered", "accepted", "quarantined", "excluded", "duplicate")
Account = dict[str, Any]  # what `pipeline.report.account.read_account` gives


def record_hours(engine: Engine, arm: str, accounts: Sequence[Account]) -> int:
    """The tables hold these hours as their accounts say, and nothing older of them; returns the rows written.

    Raises `DataError` when a ledger does not balance; then nothing is written.
    """
    create_schema(engine)
    now = datetime.now(UTC)
    written = 0
    with writing(engine, lock=f"quality {arm}") as connection:
        for account in accounts:
            key = {
                "source": account["source"],
                "arm": arm,
                "interval_start": parse_hour(account["hour"]),
            }
            rows = {
                ingest_ledger: list(_ledger_rows(account, now)),
                quarantine_summary: list(_quarantine_rows(account)),
                quality_results: list(_quality_rows(account)),
                event_freshness: list(_freshness_rows(account, now)),
                prequential: account["prequential"],
            }
            for table, found in rows.items():
                mine = (table.c[name] == value for name, value in key.items())
                connection.execute(delete(table).where(*mine))
                if found:
                    connection.execute(insert(table), [{**key, **row} for row in found])
                written += len(found)
    return written


def _ledger_rows(account: Account, now: datetime) -> Iterable[dict[str, Any]]:
    for kind, ledger in account["ledgers"].items():
        if ledger["delivered"] != ledger["accepted"] + ledger["quarantined"] + ledger["duplicate"]:
            raise DataError(
                f"{account['hour']}: {kind}: the ledger does not balance: {ledger['delivered']} rows delivered, "
                f"{ledger['accepted']} accepted, {ledger['quarantined']} quarantined, {ledger['duplicate']} duplicate."
            )
        yield {
            "kind": kind,
            "outcome": ledger["outcome"],
            **{fate: ledger[fate] for fate in FATES},
            "other": json.dumps(ledger["other"], sort_keys=True) if ledger["other"] else None,
            "recorded_at": now,
        }


def _quarantine_rows(account: Account) -> Iterable[dict[str, Any]]:
    for kind, ledger in account["ledgers"].items():
        for rule, counts in ledger["rules"].items():
            yield {"kind": kind, "rule": rule, **counts}


def _quality_rows(account: Account) -> Iterable[dict[str, Any]]:
    names = ("stage", "rule", "severity", "passed", "checked", "failed", "observed", "sentence")
    for found in account["quality"]:
        yield {"table_name": found["table"], **{name: found[name] for name in names}}


def _freshness_rows(account: Account, now: datetime) -> Iterable[dict[str, Any]]:
    for step, ages in account["freshness"].get("steps", {}).items():
        yield {"step": step, **ages, "recorded_at": now}
