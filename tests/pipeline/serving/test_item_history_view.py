"""The view `item_history`: intervals over the published versions of each hour, the same on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from pipeline.serving.database import connect, create_schema, writing
from pipeline.serving.schema import items, versions

START = datetime(2026, 1, 1, 13, tzinfo=UTC)
SAME = {"title": "t", "category": None, "brand": None, "price": 1.0, "currency": "EUR", "is_available": True}


@pytest.fixture
def engine(serving_url: str) -> Iterator[Engine]:
    engine = connect(serving_url)
    create_schema(engine)
    yield engine
    engine.dispose()


def publish(engine: Engine, hour: int, catalog: list[dict[str, Any]], **other: Any) -> None:
    """A version of that hour whose catalog this is; `other` columns of the row in `versions`."""
    start = START + timedelta(hours=hour)
    row: dict[str, Any] = {
        "source": "shop",
        "arm": "batch",
        "interval_start": start,
        "interval_end": start,
        "data_cutoff": start,
        "status": "published",
        "content_hash": "",
        "code_version": "",
        "token": hour,
    } | other
    row["version"] = f"{hour}-{row['arm']}-{row['token']}"
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            name = row["version"]
            connection.exec_driver_sql(f"create table \"items_{name}\" partition of items for values in ('{name}')")
        connection.execute(insert(versions), [row])
        rows = [{**SAME, "version": row["version"], "updated_at": None, **one} for one in catalog]
        if rows:
            connection.execute(insert(items), rows)


def intervals(engine: Engine, arm: str = "batch") -> list[tuple[Any, ...]]:
    """Item, first and last hour (counted from START) and price of each interval."""
    query = text(
        "select item_id, valid_from, valid_to, price from item_history where arm = :arm order by item_id, valid_from"
    )
    with engine.connect() as connection:
        return [(name, _step(a), _step(b), price) for name, a, b, price in connection.execute(query, {"arm": arm})]


def _step(moment: Any) -> int | None:
    if moment is None:
        return None
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC) if isinstance(moment, str) else moment
    return round((at - START) / timedelta(hours=1))


def test_what_changes_or_is_gone_ends_an_interval_and_an_hour_without_a_version_does_not(engine: Engine) -> None:
    publish(engine, 0, [{"item_id": "a"}, {"item_id": "b"}])
    publish(engine, 2, [{"item_id": "a"}])
    publish(engine, 3, [{"item_id": "a", "price": None}, {"item_id": "b"}])
    publish(engine, 4, [{"item_id": "a", "price": None}, {"item_id": "b"}])
    publish(engine, 6, [])  # rows that somebody tidied away
    assert intervals(engine) == [("a", 0, 3, 1.0), ("a", 3, None, None), ("b", 0, 2, 1.0), ("b", 3, None, 1.0)]


@pytest.mark.parametrize("name", ["title", "category", "brand", "price", "currency", "is_available"])
def test_every_column_counts(engine: Engine, name: str) -> None:
    other = {"price": 2.0, "is_available": False}.get(name, "x")
    publish(engine, 0, [{"item_id": "a"}])
    publish(engine, 1, [{"item_id": "a", name: other}])
    publish(engine, 2, [{"item_id": "a", name: other if name == "is_available" else None}])
    assert len(intervals(engine)) == (2 if name == "is_available" else 3)


def test_of_an_hour_the_last_published_version_counts(engine: Engine) -> None:
    publish(engine, 0, [{"item_id": "a", "price": 5.0}], token=1)
    publish(engine, 0, [{"item_id": "a", "price": 7.0}], token=2)
    publish(engine, 0, [{"item_id": "a", "price": 9.0}], token=3, status="failed")
    assert intervals(engine) == [("a", 0, None, 7.0)]


def test_arms_are_chains_of_their_own(engine: Engine) -> None:
    publish(engine, 0, [{"item_id": "a"}])
    publish(engine, 1, [{"item_id": "a", "price": 2.0}], arm="other")
    publish(engine, 2, [{"item_id": "a"}])
    assert intervals(engine) == [("a", 0, None, 1.0)]
    assert intervals(engine, "other") == [("a", 1, None, 2.0)]
