"""The demonstration shop's database: its tables, how it is opened, and which world it holds.

`events` is the log (append-only, duplicates included), `catalog` has one row per change of an item (append-only), and
`traded_hours` says which hours are in, and of which world; `drifting_hours` which of them were traded by a shop that drifts.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Connection, Engine, Index, MetaData, Table

from pipeline.errors import BadInput, Unreachable
from pipeline.shop.world import World, make_world

METADATA = MetaData()
EVENTS = Table(
    "events",
    METADATA,
    Column("row_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("event_id", sa.Text, comment="not unique: the log keeps what was delivered twice"),
    Column("user_id", sa.Text, comment="null in anonymous sessions"),
    Column("session_id", sa.Text),
    Column("event_type", sa.Text),
    Column("query", sa.Text),
    Column("item_id", sa.Text),
    Column("quantity", sa.Integer),
    Column("position", sa.Integer, comment="in the list of results, from 1; null when not clicked in one"),
    Column("occurred_at", sa.Text, comment="as the client reported it: ISO 8601 in UTC, or whatever it sent"),
    Column("ingested_at", sa.Text, nullable=False, comment="by the shop's server: YYYY-MM-DD HH:MM:SS, UTC"),
    Index("events_ingested_at", "ingested_at"),
)
CATALOG = Table(
    "catalog",
    METADATA,
    Column("item_id", sa.Text, primary_key=True),
    Column("title", sa.Text, nullable=False),
    Column("category", sa.Text, nullable=False),
    Column("brand", sa.Text, nullable=False),
    Column("price", sa.Numeric(10, 2, asdecimal=False), nullable=False),
    Column("currency", sa.Text, nullable=False),
    Column("is_available", sa.Boolean, nullable=False),
    Column("updated_at", sa.Text, primary_key=True, comment="from when this is true: YYYY-MM-DD HH:MM:SS, UTC"),
)
TRADED_HOURS = Table(
    "traded_hours",
    METADATA,
    Column("hour", sa.Text, primary_key=True, comment="YYYY-MM-DDTHH, UTC"),
    Column("events", sa.BigInteger, nullable=False, comment="rows delivered to the log in this hour"),
    Column("seed", sa.BigInteger, nullable=False),
    Column("users", sa.Integer, nullable=False),
    Column("items", sa.Integer, nullable=False),
)

# A table of its own, so that a shop that was filled before there was drift is read as it is.
DRIFTING_HOURS = Table("drifting_hours", METADATA, Column("hour", sa.Text, primary_key=True))


def read_world(url: str) -> World:
    """The world that a shop's database was filled from; raises `BadInput` when nothing was traded there."""
    engine = open_shop(url)
    shown, file = engine.url.render_as_string(), engine.url.database or ""
    empty = f"{shown} holds no traded hour; fill it with `treasure-hunt simulate`."
    if engine.dialect.name == "sqlite" and not Path(file).is_file():
        raise BadInput(empty)  # before SQLite makes an empty file of that name
    try:
        with engine.connect() as connection:
            held = read_identity(connection) if sa.inspect(connection).has_table("traded_hours") else None
    except sa.exc.DBAPIError as error:
        raise Unreachable(f"the shop's database {shown} cannot be used: {error.orig}") from error
    finally:
        engine.dispose()
    if held is None:
        raise BadInput(empty)
    return make_world(*held)


def read_identity(connection: Connection) -> tuple[int, int, int, bool] | None:
    """Seed, users, items and drift of the world that was traded here, None before the first hour."""
    row = connection.execute(
        sa.select(*(TRADED_HOURS.c[name] for name in ("seed", "users", "items", "hour"))).limit(1)
    ).one_or_none()
    if row is None:
        return None
    is_noted = sa.select(DRIFTING_HOURS).where(DRIFTING_HOURS.c.hour == row[3])
    has_drift = sa.inspect(connection).has_table("drifting_hours") and connection.execute(is_noted).first()
    return row[0], row[1], row[2], bool(has_drift)


def open_shop(url: str) -> Engine:
    """An engine on the shop's database; SQLite in WAL mode, in a folder that exists afterwards."""
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadInput(f"{url!r} is not the URL of a database that can be opened: {error}.") from None
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        sa.event.listen(engine, "connect", _tune_sqlite)
    return engine


def _tune_sqlite(connection: Any, record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = wal", "synchronous = normal", "busy_timeout = 30000", "cache_size = -65536"):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


def insert_rows(connection: Connection, table: Table, names: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    """Append rows; where the driver takes plain tuples (SQLite) they go to it as they are, five times as fast."""
    if not rows:
        return
    statement = sa.insert(table)
    if connection.dialect.positional:
        connection.exec_driver_sql(str(statement.compile(dialect=connection.dialect, column_keys=list(names))), rows)
    else:
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])
