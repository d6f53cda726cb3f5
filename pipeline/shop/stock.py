"""What the shop offers in an hour: which items are listed, at which price, and whether they are in stock.

Everything is a pure function of (seed, item, hour) and costs the same for any hour: each item has price periods of 40
to 100 days with one change in each, and stock periods of 400 to 800 hours with one stock-out of 4 to 20 hours in each.
About 1.5 % of the prices change in a day and about 2 % of the items are out of stock. Changes happen on the hour.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.shop.chance import draw
from pipeline.shop.world import Bools, Floats, Ints, World

LONGEST_OUTAGE = 20  # hours


@dataclass(frozen=True, eq=False)
class Stock:
    """The catalog of one hour, one entry per item; price and availability mean something only where it is listed."""

    is_listed: Bools
    is_available: Bools
    price: Floats
    changed_hour: Ints  # when the item last changed (or was listed), hours since 1970


def take_stock(world: World, number: int) -> Stock:
    """The catalog as it stands during hour `number` (hours since 1970)."""
    item = np.arange(world.items, dtype=np.int64)
    is_listed = world.listed_hour <= number

    length = 960 + (draw(world, 1, item) * 1440).astype(np.int64)
    shift = (draw(world, 2, item) * length).astype(np.int64)
    period = (number + shift) // length
    period -= number < _price_change(world, item, period, length, shift)
    priced = _price_change(world, item, period, length, shift)
    factor = 0.8 + 0.4 * draw(world, 3, item, period)
    price = np.maximum(np.round(world.base_price * factor), 2) - 0.01

    length = 400 + (draw(world, 4, item) * 400).astype(np.int64)
    shift = (draw(world, 5, item) * length).astype(np.int64)
    period = (number + shift) // length
    period -= number < _outage(world, item, period, length, shift)[0]
    begin, end = _outage(world, item, period, length, shift)
    is_available = is_listed & (number >= end)
    stocked = np.where(number >= end, end, begin)

    changed = np.maximum(np.maximum(priced, stocked), world.listed_hour)
    return Stock(is_listed, is_available, price, changed)


def _price_change(world: World, item: Ints, period: Ints, length: Ints, shift: Ints) -> Ints:
    """The hour in which the price of this period sets in: somewhere in the period's first half."""
    return period * length - shift + (draw(world, 6, item, period) * (length // 2)).astype(np.int64)


def _outage(world: World, item: Ints, period: Ints, length: Ints, shift: Ints) -> tuple[Ints, Ints]:
    """First hour of the period's stock-out and first hour after it; it ends within its period."""
    begin = period * length - shift + (draw(world, 7, item, period) * (length - LONGEST_OUTAGE)).astype(np.int64)
    return begin, begin + 4 + (draw(world, 8, item, period) * (LONGEST_OUTAGE - 3)).astype(np.int64)
