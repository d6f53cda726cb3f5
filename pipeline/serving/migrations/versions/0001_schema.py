"""The tables as they were before there were revisions; those that a database has already are left as they are."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from pipeline.serving.columns import NUMBER, TEXT, Moment

revision = "0001"
down_revision = None

BIG, FLAG, MOMENT, WHOLE = sa.BigInteger(), sa.Boolean(), Moment(), sa.Integer()
FLOAT: sa.Double[float] = sa.Double()


def _key(name: str, kind: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, nullable=False, **options)


def _value(name: str, kind: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _create(name: str, *columns: Any, **options: Any) -> None:
    op.create_table(name, *columns, if_not_exists=True, **options)


def _published(name: str, *columns: sa.Column[Any]) -> None:
    by_version = {"postgresql_partition_by": "LIST (version)", "sqlite_with_rowid": False}
    _create(name, _key("version", TEXT), *columns, **by_version)


def _numbered(name: str, number: str, *columns: sa.Column[Any]) -> None:
    _create(name, _key(number, NUMBER, autoincrement=True), *columns, sqlite_autoincrement=True)


def _of_hour(name: str, *columns: Any) -> None:
    _create(name, _key("source", TEXT), _key("arm", TEXT), _key("interval_start", MOMENT), *columns)


def upgrade() -> None:
    """All tables of the first revision are there."""
    _published(
        "items",
        _key("item_id", TEXT),
        *(_value(name, TEXT, nullable=True) for name in ("title", "category", "brand")),
        _value("price", FLOAT, nullable=True),
        _value("currency", TEXT, nullable=True),
        _value("is_available", FLAG),
        _value("updated_at", MOMENT, nullable=True),
    )
    listed = [("item_id", TEXT, False), ("score", FLOAT, True), ("reason", TEXT, False)]
    for name, key in (("user_recommendations", "user_id"), ("query_recommendations", "query")):
        common = [_value("is_common", FLAG)] if key == "query" else []
        _published(name, _key(key, TEXT), _key("rank", WHOLE), *(_value(*one) for one in listed), *common)
    similar = [("similar_item_id", TEXT, False), *listed[1:]]
    _published("similar_items", _key("item_id", TEXT), _key("rank", WHOLE), *(_value(*one) for one in similar))
    _published("popular_items", _key("segment", TEXT), _key("rank", WHOLE), *(_value(*one) for one in listed[:2]))
    _create(
        "versions",
        _key("version", TEXT),
        *(_value(name, TEXT) for name in ("source", "arm")),
        *(_value(name, MOMENT) for name in ("interval_start", "interval_end", "data_cutoff")),
        _value("published_at", MOMENT, nullable=True),
        *(_value(name, TEXT) for name in ("status", "content_hash", "code_version")),
        _value("token", NUMBER),
        _value("row_count", BIG, nullable=True),
        _value("tier", TEXT, nullable=True),
        _value("notes", TEXT, nullable=True),
    )
    pointer = [("version", TEXT), ("interval_start", MOMENT), ("token", NUMBER), ("moved_at", MOMENT)]
    _create("live", _key("source", TEXT), _key("arm", TEXT), *(_value(*one) for one in pointer))
    moved = [("source", TEXT), ("arm", TEXT), *pointer, ("cause", TEXT)]
    _numbered("live_history", "id", *(_value(*one) for one in moved))
    _create(
        "run_stages",
        _key("version", TEXT),
        _key("stage", TEXT),
        *(_value(name, FLOAT) for name in ("seconds", "cpu_seconds", "peak_rss_mb")),
        *(_value(name, BIG) for name in ("rows_in", "rows_out")),
    )
    _numbered("attempts", "token", _value("taken_at", MOMENT), _value("purpose", TEXT))
    _of_hour(
        "ingest_ledger",
        _key("kind", TEXT),
        _value("outcome", TEXT),
        *(_value(name, BIG) for name in ("delivered", "accepted", "quarantined", "excluded", "duplicate")),
        _value("other", TEXT, nullable=True),
        _value("recorded_at", MOMENT),
        sa.CheckConstraint("delivered = accepted + quarantined + duplicate", name="ingest_ledger_balances"),
    )
    _of_hour(
        "quarantine_summary",
        _key("kind", TEXT),
        _key("rule", TEXT),
        *(_value(name, BIG) for name in ("rows_decided", "rows_broken")),
        _value("sentence", TEXT),
    )
    _of_hour(
        "quality_results",
        *(_key(name, TEXT) for name in ("stage", "table_name", "rule")),
        _value("severity", TEXT),
        _value("passed", FLAG),
        *(_value(name, BIG, nullable=True) for name in ("checked", "failed")),
        _value("observed", FLOAT, nullable=True),
        _value("sentence", TEXT),
    )
    _numbered(
        "erasures",
        "request",
        _value("user_hash", TEXT),
        _value("requested_at", MOMENT),
        _value("erased_at", MOMENT, nullable=True),
        _value("rows", BIG, nullable=True),
        _value("places", TEXT, nullable=True),
    )
    _create("serving_schema", _key("fingerprint", TEXT), _value("applied_at", MOMENT))
