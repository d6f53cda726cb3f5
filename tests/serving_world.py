"""Small versions to publish, and what to look at afterwards."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine, select

from pipeline.serving import publish as publishing
from pipeline.serving.database import connect, create_schema, reading
from pipeline.serving.pointer import take_token
from pipeline.serving.publish import VersionInfo, describe_version, publish_version
from pipeline.serving.schema import live, live_history, metadata, rows_of

Columns = dict[str, list[Any]]
HOUR = datetime(2026, 1, 1, 13, tzinfo=UTC)


def small_version() -> dict[str, Columns]:
    """Three items on sale and one that is not, one list of each kind."""
    return {
        "items": {
            "item_id": ["a", "b", "c", "gone"],
            "title": ["HALO 3", 'Gears, "of" War\nII', "", None],
            "category": ["games", "games", None, "games"],
            "brand": ["Bungie", "Épic ✓", None, None],
            "price": [19.99, 0.1, None, 5.0],
            "currency": ["USD", "USD", None, "USD"],
            "is_available": [True, True, True, False],
            "updated_at": [datetime(2026, 1, 1, 12, 30, 0, 250_000, tzinfo=UTC), None, HOUR, HOUR],
        },
        "user_recommendations": {
            "user_id": ["u1", "u1", "u2"],
            "rank": [1, 2, 1],
            "item_id": ["a", "b", "c"],
            "score": [0.9, 0.1 + 0.2, 1e-300],
            "reason": ['["searched","gears of war"]', '["bought_together","a"]', '["popular"]'],
        },
        "query_recommendations": {
            "query": ["gears of war"],
            "rank": [1],
            "item_id": ["b"],
            "score": [3.0],
            "reason": ['["clicked"]'],
            "is_common": [True],
        },
        "similar_items": {
            "item_id": ["a", "gone"],
            "rank": [1, 1],
            "similar_item_id": ["b", "a"],
            "score": [0.5, 0.25],
            "reason": ['["similar","a"]', '["similar","gone"]'],
        },
        "popular_items": {
            "segment": ["all", "all", "all", "games"],
            "rank": [1, 2, 3, 1],
            "item_id": ["c", "a", "b", "a"],
            "score": [30.0, 20.0, 10.0, 20.0],
        },
    }


def write_tables(folder: Path, tables: dict[str, Columns]) -> dict[str, Path]:
    """The tables as Parquet files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in tables.items():
        types = {"updated_at": pa.timestamp("us", tz="UTC"), "title": pa.string()}
        arrays = {column: pa.array(values, types.get(column)) for column, values in columns.items()}
        pq.write_table(pa.table(arrays), folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in tables}


def draft_lists(folder: Path, score: float, users: int, length: int) -> dict[str, Path]:
    """A version in which each user has a list of `length` items with this score."""
    tables, names = small_version(), [f"i{number}" for number in range(length)]
    tables["items"] = {name: values[:1] * length for name, values in tables["items"].items()} | {"item_id": names}
    tables["user_recommendations"] = {
        "user_id": [f"u{number}" for number in range(users) for _ in names],
        "rank": list(range(1, length + 1)) * users,
        "item_id": names * users,
        "score": [score] * length * users,
        "reason": ['["popular"]'] * length * users,
    }
    for table in set(tables) - {"items", "user_recommendations"}:
        tables[table] = {name: values[:1] for name, values in tables[table].items()}
        for column in {"item_id", "similar_item_id"} & set(tables[table]):
            tables[table][column] = ["i0"]
    return write_tables(folder, tables)


def describe(hours_later: int = 0, content: str = "", arm: str = "batch", max_rank: int | None = None) -> VersionInfo:
    """A version of the given hour; other content, other id."""
    start = HOUR + timedelta(hours=hours_later)
    end = start + timedelta(hours=1)
    return describe_version("shop", arm, start, end, end, {"items": content}, "code", max_rank)


def live_id(engine: Engine) -> str | None:
    """The version that the pointer stands on."""
    with reading(engine) as connection:
        return connection.scalar(select(live.c.version))


def moves(engine: Engine) -> list[tuple[str, str]]:
    """Every move of the pointer: version and cause."""
    with reading(engine) as connection:
        query = select(live_history.c.version, live_history.c.cause).order_by(live_history.c.id)
        return [(row.version, row.cause) for row in connection.execute(query)]


def everything(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables but the tokens given out."""
    with reading(engine) as connection:
        tables = [table for table in metadata.sorted_tables if table.name != "attempts"]
        return {table.name: sorted(map(repr, connection.execute(select(table)))) for table in tables}


def count_rows(engine: Engine, table: str, version: str) -> int:
    """Rows of a version, published or not."""
    rows = rows_of(metadata.tables[table], version, engine.dialect.name)
    with reading(engine) as connection:
        return len(connection.execute(select(rows).where(rows.c.version == version)).all())


# Run by other processes, which must be able to import them by name.


def publish_at_barrier(url: str, content: str, files: dict[str, Path], barrier: Any, outcomes: Any) -> None:
    engine = connect(url)
    barrier.wait()
    outcomes.put(publish_version(engine, describe(0, content), files))
    engine.dispose()


def publish_rounds(url: str, content: str, files: dict[str, Path], barrier: Any, outcomes: Any, rounds: int) -> None:
    engine = connect(url)
    for hour in range(rounds):
        barrier.wait()
        outcomes.put((hour, publish_version(engine, describe(hour, content), files)))
    engine.dispose()


def publish_after_sleep(url: str, files: dict[str, Path], outcomes: Any) -> None:
    """Takes a token, stops itself, and publishes when it is continued."""
    engine = connect(url)
    token = take_token(engine, "the zombie")
    os.kill(os.getpid(), signal.SIGSTOP)
    outcomes.put(publish_version(engine, describe(0, "zombie"), files, token=token))
    engine.dispose()


def publish_until_killed(url: str, files: dict[str, Path], reached: Any, where: str) -> None:
    def stop(*_arguments: object) -> None:
        reached.set()
        time.sleep(60)

    setattr(publishing, where, stop)
    publish_version(connect(url), describe(1), files)


def create_at_barrier(url: str, barrier: Any) -> None:
    engine = connect(url)
    barrier.wait()
    create_schema(engine)
    engine.dispose()
