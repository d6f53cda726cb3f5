"""Filling the shop's database: each hour once, in any order, and the two SELECTs of the source read it back."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.errors import BadInput, Unreachable
from pipeline.files import ROOT
from pipeline.shop.database import read_world
from pipeline.shop.delivery import deliver_hour
from pipeline.shop.simulate import simulate
from pipeline.shop.stock import take_stock
from pipeline.shop.world import World, hour_number, make_world
from pipeline.sources.columns import COLUMNS

FIRST = datetime(2026, 11, 20, 6, tzinfo=UTC)
SMALL: dict[str, Any] = {"users": 60, "items": 300, "events_per_hour": 200}


def at(step: int) -> datetime:
    return FIRST + timedelta(hours=step)


def read(url: str, statement: str, **values: str) -> list[tuple[Any, ...]]:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            result = connection.execute(sa.text(re.sub(r"\$([a-z_]+)", r":\1", statement)), values)
            return [tuple(row) for row in result]
    finally:
        engine.dispose()


def source(url: str, kind: str, step: int) -> list[dict[str, Any]]:
    """What the source hands over for an hour."""
    statement = (ROOT / "sql" / "sources" / "shop" / f"{kind}.sql").read_text()
    values = {"start": f"{at(step):%Y-%m-%d %H:%M:%S}", "end": f"{at(step + 1):%Y-%m-%d %H:%M:%S}"}
    values = {name: value for name, value in values.items() if f"${name}" in statement}
    return [dict(zip(COLUMNS[kind], row, strict=True)) for row in read(url, statement, **values)]


def expected_items(world: World, step: int) -> dict[str, tuple[str, str]]:
    stock = take_stock(world, hour_number(at(step)))
    return {
        world.item_ids[item]: (f"{stock.price[item]:.2f}", str(bool(stock.is_available[item])).lower())
        for item in range(world.items)
        if stock.is_listed[item]
    }


def snapshot(url: str, step: int) -> dict[str, tuple[str, str]]:
    return {item["item_id"]: (item["price"], item["is_available"]) for item in source(url, "items", step)}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'new' / 'shop.db'}"


def test_an_hour_alone_equals_the_hour_in_a_range(url: str, tmp_path: Path) -> None:
    alone = f"sqlite:///{tmp_path / 'alone.db'}"
    simulate(url, at(0), at(5), **SMALL)
    simulate(alone, at(3), at(3), **SMALL)
    assert source(alone, "events", 3) == source(url, "events", 3) != []
    assert source(alone, "items", 3) == source(url, "items", 3) != []


def test_trading_an_hour_again_changes_nothing(url: str) -> None:
    told: list[tuple[datetime, int]] = []
    written = simulate(url, at(0), at(2), report=lambda hour, rows: told.append((hour, rows)), **SMALL)
    before = [read(url, f"select * from {table}") for table in ("events", "catalog", "traded_hours")]
    assert [hour for hour, _ in told] == [at(0), at(1), at(2)]
    assert sum(rows for _, rows in told) == written == len(before[0])
    assert simulate(url, at(1), at(2), **SMALL) == 0
    assert [read(url, f"select * from {table}") for table in ("events", "catalog", "traded_hours")] == before


def test_two_that_trade_the_same_hours_at_once_write_them_once(serving_url: str) -> None:
    simulate(serving_url, at(0), at(0), **SMALL)  # the tables are there
    with ThreadPoolExecutor(2) as threads:
        written = list(threads.map(lambda _: simulate(serving_url, at(1), at(6), **SMALL), range(2)))
    counted = read(serving_url, "select sum(events) from traded_hours where hour > '2026-11-20T06'")
    assert [(sum(written),)] == [(int(count),) for (count,) in counted]
    assert read(serving_url, "select count(*) from traded_hours") == [(7,)]


def test_the_rows_of_an_hour_are_counted_in_traded_hours_and_handed_over_once(url: str) -> None:
    simulate(url, at(0), at(3), **SMALL)
    counted = [count for (count,) in read(url, "select events from traded_hours order by hour")]
    handed = [source(url, "events", step) for step in range(4)]
    assert counted == [len(rows) for rows in handed]
    locators = {row["locator"] for rows in handed for row in rows}
    assert len(locators) == sum(counted)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 400], [400, 3, 0, 2, 1], [2, 400, 3, 1, 0]])
def test_the_catalog_of_every_traded_hour_shows_its_prices_and_stock_in_whatever_order_they_were_traded(
    url: str, order: list[int]
) -> None:
    world = make_world(0, 60, 300)
    for step in order:
        simulate(url, at(step), at(step), **SMALL)
    assert expected_items(world, 0) != expected_items(world, 3) != expected_items(world, 400)
    for step in order:
        assert snapshot(url, step) == expected_items(world, step)


def test_both_selects_hand_over_text_on_sqlite_and_postgresql(serving_url: str) -> None:
    simulate(serving_url, at(0), at(1), **SMALL)
    events, items = source(serving_url, "events", 1), source(serving_url, "items", 1)
    assert all(value is None or isinstance(value, str) for row in events + items for value in row.values())
    assert all(row["excluded"] is None and row["locator"].startswith("events/") for row in events)
    assert snapshot(serving_url, 1) == expected_items(make_world(0, 60, 300), 1)


def test_both_selects_read_by_an_index(url: str) -> None:
    simulate(url, at(0), at(0), **SMALL)
    plans = {}
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        for kind in ("events", "items"):
            statement = (ROOT / "sql" / "sources" / "shop" / f"{kind}.sql").read_text()
            values = {"start": "2026-11-20 06:00:00", "end": "2026-11-20 07:00:00"}
            plans[kind] = " ".join(row[-1] for row in connection.execute(f"explain query plan {statement}", values))
    assert "SEARCH events USING INDEX events_ingested_at (ingested_at>? AND ingested_at<?)" in plans["events"]
    assert "TEMP B-TREE" not in plans["events"]
    assert "SCAN catalog USING COVERING INDEX" in plans["items"]
    assert "SEARCH catalog USING INDEX" in plans["items"]


def test_another_world_is_refused_and_the_database_left_alone(url: str) -> None:
    simulate(url, at(0), at(0), **SMALL)
    for other in ({"seed": 1}, {"users": 61}, {"items": 301}):
        with pytest.raises(BadInput, match="holds the shop of seed=0, users=60, items=300"):
            simulate(url, at(1), at(1), **(SMALL | other))
    assert len(read(url, "select hour from traded_hours")) == 1


def test_the_world_is_read_back_from_the_database(url: str) -> None:
    with pytest.raises(BadInput, match="no traded hour"):
        read_world(url)
    assert not Path(url.removeprefix("sqlite:///")).exists()
    simulate(url, at(0), at(0), seed=5, **SMALL)
    world = read_world(url)
    assert (world.seed, world.users, world.items) == (5, 60, 300)


def test_a_shop_that_drifts_is_read_back_as_one_and_never_traded_on_without(url: str) -> None:
    simulate(url, at(0), at(0), drift=True, **SMALL)
    assert read_world(url) is make_world(0, 60, 300, True)
    with pytest.raises(BadInput, match="items=300, drift; trade on with these"):
        simulate(url, at(1), at(1), **SMALL)
    assert read(url, "select hour from traded_hours") == read(url, "select hour from drifting_hours")


def test_a_shop_that_was_filled_before_there_was_drift_does_not_drift_and_is_traded_on(url: str) -> None:
    simulate(url, at(0), at(0), **SMALL)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("drop table drifting_hours")
    assert not read_world(url).drift
    assert simulate(url, at(1), at(1), **SMALL) > 0
    with pytest.raises(BadInput, match="fill another database with seed=0, users=60, items=300, drift"):
        simulate(url, at(2), at(2), drift=True, **SMALL)


def test_a_failed_hour_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        yield from list(deliver_hour(*args))[:1]
        raise RuntimeError("out of power")

    monkeypatch.setattr("pipeline.shop.simulate.deliver_hour", fail)
    with pytest.raises(RuntimeError):
        simulate(url, at(0), at(0), **SMALL)
    monkeypatch.undo()
    assert [read(url, f"select count(*) from {table}") for table in ("events", "catalog", "traded_hours")] == [
        [(0,)]
    ] * 3
    assert simulate(url, at(0), at(0), **SMALL) > 0


@pytest.mark.parametrize("wrong", [{"dirt": -0.1}, {"dirt": 0.9}, {"events_per_hour": -1}])
def test_arguments_out_of_range_are_refused(url: str, wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        simulate(url, at(0), at(0), **(SMALL | wrong))


def test_a_url_that_is_none_and_a_database_that_does_not_answer_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not the URL"):
        simulate("shop.db", at(0), at(0), **SMALL)
    (tmp_path / "text.db").write_text("no database" * 100)
    with pytest.raises(Unreachable):
        simulate("postgresql+psycopg://nobody@127.0.0.1:1/none", at(0), at(0), **SMALL)
    with pytest.raises(Unreachable):
        simulate(f"sqlite:///{tmp_path / 'text.db'}", at(0), at(0), **SMALL)
