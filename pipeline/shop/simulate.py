"""Fill the demonstration shop's database, hour by hour, each hour in one transaction and only once."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from pipeline.errors import BadInput, Unreachable
from pipeline.hours import format_hour, hours_between
from pipeline.shop.database import (
    CATALOG,
    DRIFTING_HOURS,
    EVENTS,
    METADATA,
    TRADED_HOURS,
    insert_rows,
    open_shop,
    read_identity,
)
from pipeline.shop.delivery import COLUMNS, deliver_hour
from pipeline.shop.stock import take_stock
from pipeline.shop.words import BRANDS
from pipeline.shop.world import CATEGORY_NAMES, TYPE_CATEGORY, World, hour_number, make_world


def simulate(
    url: str,
    first: datetime,
    last: datetime,
    *,
    seed: int = 0,
    users: int = 2000,
    items: int = 1000,
    events_per_hour: float = 1500,
    dirt: float = 0.03,
    drift: bool = False,
    report: Callable[[datetime, int], None] = lambda hour, rows: None,
) -> int:
    """Trade every hour from first to last, both included, that was not traded before; returns the event rows written.

    `events_per_hour` is an average over a week, `dirt` the share of rows that are faulty, late or repeated; with `drift`
    tastes and fashions change (pipeline/shop/drifting.py). `report` is told each hour and its new rows. Raises `BadInput`
    when the database holds another world, `Unreachable` when it does not answer.
    """
    if not 0 <= dirt <= 0.5:
        raise BadInput(f"dirt={dirt}: the share of dirty rows lies between 0 and 0.5.")
    if not 0 <= events_per_hour <= 20_000_000:
        raise BadInput(f"events_per_hour={events_per_hour}: the shop needs 0 to 20,000,000.")
    world = make_world(seed, users, items, drift)
    engine, written = open_shop(url), 0
    shown = engine.url.render_as_string()
    try:
        METADATA.create_all(engine)
        with engine.connect() as connection:
            held = read_identity(connection)
        if held not in (None, (seed, users, items, drift)):
            raise BadInput(
                f"{shown} holds the shop of {_tell(*held)}; trade on with these, or fill another database with "
                f"{_tell(seed, users, items, drift)}."
            )
        for hour in hours_between(first, last):
            rows = _trade_hour(engine, world, hour, events_per_hour, dirt)
            report(hour, rows)
            written += rows
    except sa.exc.DBAPIError as error:
        raise Unreachable(f"the shop's database {shown} cannot be used: {error.orig}") from error
    finally:
        engine.dispose()
    return written


def _tell(seed: int, users: int, items: int, drift: bool) -> str:
    return f"seed={seed}, users={users}, items={items}" + (", drift" if drift else "")


def _trade_hour(engine: Engine, world: World, hour: datetime, events_per_hour: float, dirt: float) -> int:
    """Write one hour in one transaction; 0 rows when it was traded before."""
    name, key, events = format_hour(hour), TRADED_HOURS.c.hour, 0
    claim = {"hour": name, "events": 0, "seed": world.seed, "users": world.users, "items": world.items}
    with engine.begin() as connection:
        try:
            connection.execute(sa.insert(TRADED_HOURS), claim)
        except sa.exc.IntegrityError:  # traded before, or by somebody else just now
            connection.rollback()
            return 0
        if world.drift:
            connection.execute(sa.insert(DRIFTING_HOURS), {"hour": name})
        _write_changes(connection, world, hour)
        for rows in deliver_hour(world, hour, events_per_hour, dirt):
            insert_rows(connection, EVENTS, COLUMNS, rows)
            events += len(rows)
        connection.execute(sa.update(TRADED_HOURS).where(key == name).values(events=events))
    return events


def _write_changes(connection: Connection, world: World, hour: datetime) -> None:
    """The catalog is true as of the end of this hour: every item that changed since the traded hour before it is in."""
    name, key = format_hour(hour), TRADED_HOURS.c.hour
    before = connection.execute(sa.select(sa.func.max(key)).where(key < name)).scalar()
    since = -1 if before is None else hour_number(datetime.fromisoformat(f"{before}:00:00+00:00"))
    stock = take_stock(world, hour_number(hour))
    changed = np.flatnonzero(stock.is_listed & (stock.changed_hour > since))
    moments = [f"{at}".replace("T", " ") for at in (stock.changed_hour[changed] * 3600).astype("datetime64[s]")]
    categories = np.array(CATEGORY_NAMES, dtype=object)[TYPE_CATEGORY[world.type_of[changed]]]
    columns: list[Iterable[Any]] = [
        world.item_ids[changed],
        world.titles[changed],
        categories,
        np.array(BRANDS, dtype=object)[world.brand_of[changed]],
        np.round(stock.price[changed], 2).tolist(),
        ["EUR"] * len(changed),
        stock.is_available[changed].tolist(),
        moments,
    ]
    rows = list(zip(*columns, strict=True))
    if connection.execute(sa.select(key).where(key > name).limit(1)).first():
        # A later hour was traded first and may have brought some of these very rows along.
        same = (CATALOG.c.item_id == sa.bindparam("item")) & (CATALOG.c.updated_at == sa.bindparam("moment"))
        if rows:
            connection.execute(sa.delete(CATALOG).where(same), [{"item": row[0], "moment": row[-1]} for row in rows])
    insert_rows(connection, CATALOG, tuple(column.name for column in CATALOG.columns), rows)
