"""Queries of sql/ over a few rows: tables from lists of dicts, rows back as dicts; columns that are not named are null."""

import atexit
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.duck import SQL
from pipeline.engine import choose_engine
from pipeline.files import ROOT
from pipeline.seeds import EVENT_TYPES
from pipeline.settings import Settings
from pipeline.sources.columns import COLUMNS

Row = dict[str, Any]
# `make test-spark` runs the queries' own tests on the other engine.
SETTINGS = Settings(home=Path(tempfile.gettempdir()), engine=os.environ.get("SQL_TESTS_ENGINE", "duckdb"))

START = datetime(2026, 1, 1, 11, tzinfo=UTC)
END = START + timedelta(hours=1)
VALUES: dict[str, Any] = {
    "hour_start": START,
    "hour_end": END,
    "day_end": END,
    "look_back_start": START,
    "landed_hours": [],
    "is_again": False,
    "half_life_hours": 336.0,
    "link_minutes": 30,
    "few_items": 5,
    "max_pair_weight": 50.0,
    "max_actor_events": 20_000,
    "holdout_share": 0.05,
    "seed": EVENT_TYPES,
    "k": 20,
    "title_weight": 4.0,
    "query_rows_weight": 0.3,
    "attribute_rows_weight": 3.0,
    "word_smoothing": 2.0,
    "query_smoothing": 8.0,
    "tier": "full",
    "price_jump_factor": 100.0,
    "item_id": None,
    "last_items": 3,
}

TEXT, WHOLE, NUMBER, TRUTH = pa.string(), pa.int64(), pa.float64(), pa.bool_()
MOMENT = pa.timestamp("us", "UTC")


def _shape(text: str = "", **others: pa.DataType) -> pa.Schema:
    return pa.schema([(name, TEXT) for name in text.split()] + list(others.items()))


EVENT_TEXT = _shape(" ".join(COLUMNS["events"]))
ITEM_TEXT = _shape(" ".join(COLUMNS["items"]))
EVENT = _shape(
    "event_id user_id session_id event_type query item_id",
    quantity=WHOLE,
    position=WHOLE,
    occurred_at=MOMENT,
    ingested_at=MOMENT,
    lag_seconds=WHOLE,
)
ITEM = _shape(
    "item_id title category brand currency",
    price=NUMBER,
    is_available=TRUTH,
    updated_at=MOMENT,
)
ACTION = "user_id actor event_type query item_id"
SHAPES: dict[str, pa.Schema] = {
    "pulled": EVENT_TEXT,
    "delivered": EVENT_TEXT.insert(0, pa.field("row", WHOLE)),
    "typed_events": pa.schema([("row", WHOLE), ("locator", TEXT), *EVENT, ("excluded", TEXT)]),
    "typed_items": pa.schema([("row", WHOLE), ("locator", TEXT), *ITEM, ("snapshot_at", MOMENT)]),
    "refused": _shape("rule sentence", row=WHOLE, is_primary=TRUTH),
    "events": EVENT,
    "known_events": EVENT,
    "repeated_events": _shape("what_changed", row=WHOLE),
    "delivered_before": _shape("locator event_id"),
    "delivered_after": _shape("locator"),
    "delivered_again": _shape("locator"),
    "replayed_events": EVENT_TEXT,
    "waiting_events": _shape("event_id"),
    "landed_events": EVENT,
    "own_events": EVENT,
    "searches_before": EVENT,
    "landed_actions": _shape(ACTION, events=WHOLE, last_at=MOMENT, weight=WHOLE, counted_at=MOMENT),
    "hour_actions": _shape(ACTION, events=WHOLE, last_at=MOMENT, weight=WHOLE, counted_at=MOMENT),
    "window_actions": _shape(ACTION, last_at=MOMENT, weight=WHOLE),
    "actions": _shape(ACTION, last_at=MOMENT, weight=WHOLE),
    "busy_actors": _shape("actor", events=WHOLE),
    "hour_events": EVENT,
    "reference_events": EVENT,
    "profiled_events": _shape(
        "event_id event_type category",
        query_bucket=pa.uint8(),
        **dict.fromkeys(
            ["is_reference", "has_user", "has_session", "has_quantity", "has_position", "has_search", "is_joined"],
            TRUTH,
        ),
    ),
    "event_types": _shape("event_type", weight=WHOLE, strength=WHOLE),
    "held_out": _shape("user_id item_id"),
    "items": ITEM,
    "earlier_items": ITEM,
    "snapshots": pa.schema([*ITEM, ("filename", TEXT)]),
    "captured_hours": _shape("filename", hour=MOMENT),
    "query_items": _shape("query item_id", weight=WHOLE, takers=WHOLE),
    "query_answers": _shape("query item_id", score=NUMBER, is_taken=TRUTH),
    "bought": _shape("user_id item_id", last_at=MOMENT),
    "bought_then": _shape("user_id item_id", last_at=MOMENT),
    "resting_vectors": _shape("user_id"),
    "lost_items": _shape("item_id"),
    "told_reasons": _shape("reason"),
    "rule_lines": _shape("rule item_id category note", line=WHOLE, value=NUMBER, starts_at=MOMENT, ends_at=MOMENT),
    "shop_rules": _shape("rule item_id category", line=WHOLE, value=NUMBER, is_active=TRUTH),
    "ruled_items": _shape("rule item_id", line=WHOLE, value=NUMBER),
    "fresh_items": _shape("item_id"),
    "candidates": _shape("user_id item_id reason", rank=pa.int32(), score=NUMBER),
    "lists_then": _shape("user_id item_id reason", rank=pa.int32(), score=NUMBER),
    "similar_then": _shape("item_id similar_item_id reason", rank=pa.int32(), score=NUMBER),
    "still_items": _shape("item_id"),
    "resting_items": _shape("item_id", least=NUMBER),
    "lists_now": _shape("user_id item_id", rank=pa.int32()),
    "lists_with": _shape("list_id item_id", rank=pa.int32()),
    "lists_without": _shape("list_id item_id", rank=pa.int32()),
    "holdout": _shape("user_id item_id kind", weight=WHOLE),
    "interactions": _shape("user_id item_id kind query", weight=WHOLE, last_at=MOMENT),
    "recent_events": EVENT,
    "interactions_before": _shape("user_id item_id kind"),
    "known_users": _shape("user_id"),
    "known_items": _shape("item_id"),
    "model_users": _shape("user_id", has_news=TRUTH, is_examined=TRUTH),
    "model_items": _shape("item_id", is_known=TRUTH),
    "wanted_items": _shape("user_id item_id", place=pa.int32(), is_new=TRUTH, is_head=TRUTH),
    "popular_items": _shape("segment item_id", rank=pa.int32(), score=NUMBER),
    "scored_items": _shape("user_id query item_id similar_item_id reason", score=NUMBER),
    "user_recommendations": _shape("user_id item_id reason", rank=pa.int32(), score=NUMBER),
    "similar_items": _shape("item_id similar_item_id reason", rank=pa.int32(), score=NUMBER),
    "listed_users": _shape("user_id"),
    "listed_queries": _shape("query", is_common=TRUTH),
    "shown_items": pa.schema([*ITEM_TEXT, ("shown_at", MOMENT)]),
    "log_events": _shape("event_id user_id session_id event_type query item_id occurred_at", delivered_at=MOMENT),
    "log_rows": _shape("locator event_id occurred_at", row=WHOLE, delivered_at=MOMENT),
    "accepted": _shape("event_id"),
    "quarantined": _shape("locator"),
    "asked": _shape("user_id", place=WHOLE, t=MOMENT),
    "recommendations": _shape(
        "version user_id item_id source", rank=pa.int32(), score=NUMBER, valid_from=MOMENT, valid_to=MOMENT
    ),
    "cutoffs": _shape("version", cutoff=MOMENT),
    "source_order": _shape("source", place=WHOLE),
    "typed_moments": _shape("text", row=WHOLE),
}
OF_ITEMS = {"pulled": ITEM_TEXT, "delivered": ITEM_TEXT.insert(0, pa.field("row", WHOLE))}


def rows_of(query: str, values: Mapping[str, Any] | None = None, **tables: Iterable[Row]) -> list[Row]:
    """The rows of sql/<query>.sql over these tables, with VALUES bound unless `values` says otherwise."""
    shapes = SHAPES | (OF_ITEMS if query.endswith("_items") else {})
    if query == "typed_events":
        tables = {"replayed_events": [], **tables}
    if query == "popular_items":
        tables = {"ruled_items": [], **tables}
    connection = _connection()
    for name, rows in tables.items():
        connection.register(name, table_of(rows, shapes[name]))
    try:
        found = choose_engine(SETTINGS).fetch_table(connection, query, **(VALUES | dict(values or {})))
        return found.to_pylist()
    finally:
        for name in tables:
            connection.unregister(name)


@cache
def _connection() -> Any:
    """One for all tests, because opening one costs more than most queries; nothing stays in it."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(choose_engine(SETTINGS).connect(SETTINGS, SETTINGS.home))


def on_spark() -> list[str]:
    """The queries that Spark is asked for: those of the stage `prepare`, and what they and the model need besides."""
    stage = [ROOT / "pipeline" / name for name in ("stages/prepare.py", "actions.py")]
    named = {name for path in stage for name in re.findall(r'"(\w+)"', path.read_text(encoding="utf-8"))}
    elsewhere = {
        "events",
        "items",
        "macros",
        "hour_actions",
        "day_actions",
    }  # read there, or made by DuckDB on either engine
    ours = {path.stem for path in SQL.glob("*.sql")} & named - elsewhere
    return sorted(ours | {"rule_effects", "model_pairs"})


def table_of(rows: Iterable[Row], shape: pa.Schema) -> pa.Table:
    """An Arrow table of this shape; raises `KeyError` for a column that it does not have."""
    rows = list(rows)
    for row in rows:
        for column in row:
            if column not in shape.names:
                raise KeyError(column)
    return pa.Table.from_pylist(rows, schema=shape)


def clock(text: str) -> datetime:
    """That time of 1 January 2026, UTC; the hour's end is 12:00."""
    return datetime.fromisoformat(f"2026-01-01T{text}").replace(tzinfo=UTC)


def numbered(rows: Iterable[Row]) -> list[Row]:
    """The rows with a `row` number from 1, as deliveries have."""
    return [{"row": number, **row} for number, row in enumerate(rows, start=1)]


def event_types() -> list[Row]:
    """The event types and what they are worth."""
    return rows_of("event_types")


def items(*ids: str, **columns: Any) -> list[Row]:
    """Catalog rows of these ids, available unless said otherwise."""
    return [{"item_id": item_id, "is_available": True, **columns} for item_id in ids]
