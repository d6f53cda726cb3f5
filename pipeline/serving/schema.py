"""The tables of the serving database, in one list with their comments; both databases and the data dictionary follow.

Rows of the published tables carry the version they belong to and are never changed. On PostgreSQL each version is a
partition, on SQLite a range of the primary key.
"""

import re
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, MetaData, Table

from pipeline.errors import BadInput
from pipeline.serving.columns import NUMBER, TEXT, Moment
from pipeline.serving.columns import key as _key
from pipeline.serving.columns import value as _value
from pipeline.serving.hour_tables import add_hour_tables

VERSION_ID = re.compile(r"[0-9T-]+-[0-9a-f]{12}")
ALL = "all"  # the segment of popular_items that everyone belongs to

metadata = MetaData()


def _published(name: str, comment: str, *columns: Column[Any]) -> Table:
    """A table whose rows belong to versions: primary key (version, …), a partition per version on PostgreSQL."""
    return Table(
        name,
        metadata,
        _key("version", TEXT, "the version these rows belong to"),
        *columns,
        comment=comment,
        postgresql_partition_by="LIST (version)",
        sqlite_with_rowid=False,
    )


_RANK = "place in the list, from 1, without gaps"
_REASON = 'why it is there: JSON array of a code and its references, e.g. ["bought_together","85123A"]'
# Scores may be null in the database so that a broken draft can be loaded, found by the audit and looked at.
_SCORE = "finite, never null; the higher the better, comparable only within a list"

items = _published(
    "items",
    "The catalog of each version. Grain: version, item_id.",
    _key("item_id", TEXT, "the item"),
    _value("title", TEXT, "name of the item", nullable=True),
    _value("category", TEXT, "category in the source's words", nullable=True),
    _value("brand", TEXT, "brand", nullable=True),
    _value("price", Double(), "price of one piece, in currency", nullable=True),
    _value("currency", TEXT, "ISO 4217 code of the price", nullable=True),
    _value("is_available", Boolean(), "whether it could be bought at the end of the hour"),
    _value("updated_at", Moment(), "when the source last changed the row", nullable=True),
)
user_recommendations = _published(
    "user_recommendations",
    "What each known user is shown. Grain: version, user_id, rank.",
    _key("user_id", TEXT, "the user"),
    _key("rank", Integer(), _RANK),
    _value("item_id", TEXT, "the recommended item, in items of the same version and available"),
    _value("score", Double(), _SCORE, nullable=True),
    _value("reason", TEXT, _REASON),
)
query_recommendations = _published(
    "query_recommendations",
    "What each frequent search is answered with; for the store front, which asks by the query. Grain: version, query, rank.",
    _key("query", TEXT, "the normalised query"),
    _key("rank", Integer(), _RANK),
    _value("item_id", TEXT, "the recommended item, in items of the same version and available"),
    _value("score", Double(), _SCORE, nullable=True),
    _value("reason", TEXT, _REASON),
    _value("is_common", Boolean(), "whether min_analyst_users users typed it: analysts' views show no other query"),
)
similar_items = _published(
    "similar_items",
    "Items that go with an item. Grain: version, item_id, rank.",
    _key("item_id", TEXT, "the item that is looked at"),
    _key("rank", Integer(), _RANK),
    _value("similar_item_id", TEXT, "the similar item, in items of the same version and available"),
    _value("score", Double(), _SCORE, nullable=True),
    _value("reason", TEXT, _REASON),
)
popular_items = _published(
    "popular_items",
    "What everyone else is shown. Grain: version, segment, rank.",
    _key("segment", TEXT, f"'{ALL}' for everyone, else a part of the shop"),
    _key("rank", Integer(), _RANK),
    _value("item_id", TEXT, "the popular item, in items of the same version and available"),
    _value("score", Double(), _SCORE, nullable=True),
)
versions = Table(
    "versions",
    metadata,
    _key("version", TEXT, "hour and the first 12 hex digits of the content hash: other bytes, other version"),
    _value("source", TEXT, "where events and items come from"),
    _value("arm", TEXT, "the design that made it, batch or another"),
    _value("interval_start", Moment(), "start of the hour"),
    _value("interval_end", Moment(), "end of the hour: everything is computed as of then"),
    _value("data_cutoff", Moment(), "everything that was delivered before this moment is in: the end of the hour"),
    _value("published_at", Moment(), "when it was published, by the clock; null before", nullable=True),
    _value(
        "status",
        TEXT,
        "loading, failed, superseded, published or removed; only published ones can be live and never change",
    ),
    _value("content_hash", TEXT, "SHA-256 over source, arm, hour and the hash of each table's Parquet"),
    _value("code_version", TEXT, "hash of the code that made it"),
    _value("token", NUMBER, "the attempt that wrote this row last"),
    _value("row_count", BigInteger(), "rows of all its tables; null before they are loaded", nullable=True),
    _value("tier", TEXT, "what its data could carry: full, behaviour or popular", nullable=True),
    _value("notes", TEXT, "what a person should know: warnings, or why it failed", nullable=True),
    _value("removed_at", Moment(), "when retention took its rows, by the clock; null: they are there", nullable=True),
    comment="One row for each version that was ever begun. Grain: version.",
)
live = Table(
    "live",
    metadata,
    _key("source", TEXT, "where events and items come from"),
    _key("arm", TEXT, "the design that made it"),
    _value("version", TEXT, "the version that readers get"),
    _value("interval_start", Moment(), "its hour; an older one never replaces it"),
    _value("token", NUMBER, "the attempt that moved the pointer; an older one of the same hour never moves it"),
    _value("moved_at", Moment(), "when the pointer was moved, by the clock"),
    _value(
        "pinned_at", Moment(), "when it was pinned, by the clock: no hour moves it; null: not pinned", nullable=True
    ),
    _value("pinned_why", TEXT, "why it was pinned, in a person's words", nullable=True),
    comment="The pointer to the version that readers get. Grain: source, arm.",
)
live_history = Table(
    "live_history",
    metadata,
    _key("id", NUMBER, "order of the moves", autoincrement=True),
    _value("source", TEXT, "where events and items come from"),
    _value("arm", TEXT, "the design that made it"),
    _value("version", TEXT, "the version that went live"),
    _value("interval_start", Moment(), "its hour"),
    _value("token", NUMBER, "the attempt that moved the pointer"),
    _value("moved_at", Moment(), "when, by the clock"),
    _value("cause", TEXT, "publish, rollback, pin or unpin"),
    _value("note", TEXT, "what the person who did it said", nullable=True),
    comment="Every move of the pointer, and every pin; rows are only ever added. Grain: id.",
    sqlite_autoincrement=True,
)
run_stages = Table(
    "run_stages",
    metadata,
    _key("version", TEXT, "the version the stage worked for"),
    _key("stage", TEXT, "the stage"),
    _value("seconds", Double(), "seconds by the clock"),
    _value("cpu_seconds", Double(), "seconds of processor time"),
    _value("peak_rss_mb", Double(), "largest memory of the process so far, in MiB"),
    _value("rows_in", BigInteger(), "rows read"),
    _value("rows_out", BigInteger(), "rows written"),
    comment="What each stage took. Grain: version, stage.",
)
attempts = Table(
    "attempts",
    metadata,
    _key("token", NUMBER, "the next number, given once and never again", autoincrement=True),
    _value("taken_at", Moment(), "when, by the clock"),
    _value("purpose", TEXT, "what it was taken for"),
    _value("version", TEXT, "the version it worked on", nullable=True),
    _value(
        "outcome",
        TEXT,
        "live, history, pinned, unchanged, superseded or failed; null: still at it, or killed",
        nullable=True,
    ),
    _value("ended_at", Moment(), "when it ended, by the clock", nullable=True),
    comment="Where attempts get their tokens: the later of two attempts has the higher one. Grain: token.",
    sqlite_autoincrement=True,
)


ingest_ledger, quarantine_summary, quality_results, event_freshness, prequential = add_hour_tables(metadata)
erasures = Table(
    "erasures",
    metadata,
    _key("request", NUMBER, "number of the request to be forgotten", autoincrement=True),
    _value("user_hash", TEXT, "keyed hash of the user id (HMAC-SHA256, hex)"),
    _value("requested_at", Moment(), "when the request was filed, by the clock"),
    _value(
        "erased_at", Moment(), "when everything was done, by the clock; null while the request is open", nullable=True
    ),
    _value("rows", BigInteger(), "rows that were removed or emptied", nullable=True),
    _value("places", TEXT, "JSON object: those rows by lake and table, and by table of this database", nullable=True),
    comment=(
        "Receipts of the users who asked to be forgotten. Versions published before keep their ids, though rows are gone "
        "from them. Grain: request."
    ),
    sqlite_autoincrement=True,
)
serving_schema = Table(
    "serving_schema",
    metadata,
    _key("fingerprint", TEXT, "hash of the definition of all tables, comments and views"),
    _value("applied_at", Moment(), "when, by the clock"),
    comment="Which definition of the schema was applied last. Grain: one row.",
)

PUBLISHED: tuple[Table, ...] = (items, user_recommendations, query_recommendations, similar_items, popular_items)
# list table: (what a list belongs to, what it lists)
LISTS: dict[Table, tuple[str, str]] = {
    user_recommendations: ("user_id", "item_id"),
    query_recommendations: ("query", "item_id"),
    similar_items: ("item_id", "similar_item_id"),
    popular_items: ("segment", "item_id"),
}
VIEWS = (
    *(f"live_{table.name}" for table in PUBLISHED),
    "item_history",
    "freshness",
    "freshness_by_hour",
    "served_periods",  # which the next ones stand on
    "user_recommendations_history",
    "query_recommendations_history",
    "version_freshness",
)


def check_version(version: str) -> str:
    """The version itself, safe to stand in an identifier; raises `BadInput` for anything else."""
    if not VERSION_ID.fullmatch(version) or len(version) > 40:
        raise BadInput(f"{version!r} is not a version; one looks like 2026-01-01T13-3fa9c1d2e4b7.")
    return version


@lru_cache(maxsize=64)
def rows_of(table: Table, version: str, dialect: str) -> Table:
    """The table that holds this version's rows: its partition on PostgreSQL, the table itself on SQLite.

    Rows that are not published yet, or failed their audit, are found here and nowhere else on PostgreSQL.
    """
    if dialect == "sqlite":
        return table
    return table.to_metadata(MetaData(), name=f"{table.name}_{check_version(version)}")
