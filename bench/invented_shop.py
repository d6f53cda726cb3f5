"""A shop of any size, invented fast: the files of the source `parquet_folder`, an hour of events at a time.

People come in sessions: they search, click two things that the search could mean, and put one in the cart or buy it. Items
of a category are wanted as Zipf says, some users come much oftener than others, everybody has two favourite categories, one
session in ten is anonymous, and one row in 500 is misspelt. Everything follows from the seed and the hour.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.hours import HOUR

STEPS = 4  # events of a session: a search, two clicks, and a thing put in the cart or bought
ITEMS_PER_CATEGORY, ITEMS_PER_BRAND = 250, 40
LOYALTY = 0.75  # share of sessions in one of the user's favourite categories
SKEW = 1.3  # the first of a hundred thousand users makes about one session in seven thousand
DIRT = 500
SECONDS_OF_SESSIONS = 3500  # they begin in these seconds of the hour, so that they end in it


@dataclass(frozen=True)
class Size:
    """How large a shop is: users, items, and events in every hour."""

    users: int
    items: int
    events: int

    @property
    def categories(self) -> int:
        """How many categories its items fall into."""
        return max(self.items // ITEMS_PER_CATEGORY, 4)


def draw_ranks(generator: np.random.Generator, most: int, count: int) -> np.ndarray:
    """So many ranks from 0 to most - 1, the first wanted twice as often as the second, as Zipf says."""
    return np.minimum(((most + 1) ** generator.random(count)).astype(np.int64) - 1, most - 1)


def name(prefix: str, numbers: np.ndarray, width: int = 1) -> pa.Array:
    """The numbers as text behind a prefix."""
    text = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, text, "")


def join(*parts: pa.Array) -> pa.Array:
    """Words with spaces between."""
    return pc.binary_join_element_wise(*parts, " ")


def brand_of(items: np.ndarray) -> np.ndarray:
    """The brand of each item."""
    return items * 7919 % (items // ITEMS_PER_BRAND + 5)


def draw_items(size: Size, generator: np.random.Generator, categories: np.ndarray) -> np.ndarray:
    """An item of each category given; item c + n * categories is the one ranked n of category c."""
    ranks = draw_ranks(generator, size.items // size.categories, len(categories))
    return ranks * size.categories + categories


def invent_events(size: Size, hour: datetime, seed: int = 0) -> pa.Table:
    """The hour's events as its file holds them, in the order of their sessions."""
    generator = np.random.default_rng([seed, int(hour.timestamp()) // 3600])
    count = size.events // STEPS
    users = (size.users * generator.random(count) ** SKEW).astype(np.int64)
    favourites = (users * 2_654_435_761 + generator.integers(0, 2, count) * 40_503) % size.categories
    is_loyal = generator.random(count) < LOYALTY
    categories = np.where(is_loyal, favourites, draw_ranks(generator, size.categories, count))
    clicked = [draw_items(size, generator, categories) for _ in range(2)]
    taken = np.where(generator.random(count) < 0.5, *clicked)
    is_bought, is_known = generator.random(count) < 0.4, generator.random(count) >= 0.1
    began = generator.integers(0, SECONDS_OF_SESSIONS * 1000, count)
    kinds = name("kind", categories)
    queries = pc.if_else(
        pa.array(generator.random(count) < 0.5), kinds, join(name("brand", brand_of(clicked[0])), kinds)
    )
    people = pc.if_else(pa.array(is_known), name("u", users, 7), pa.scalar(None, pa.string()))
    first = int(hour.timestamp() * 1000)
    sessions = name(f"s{first // 3_600_000}-", np.arange(count))
    none, no_number = pa.nulls(count, pa.string()), pa.nulls(count, pa.int64())
    last = pc.if_else(pa.array(is_bought), "purchase", "add_to_cart")
    quantity = pc.if_else(pa.array(is_bought), pa.array(generator.integers(1, 4, count)), no_number)
    places = [pa.array(generator.integers(1, 21, count)) for _ in range(2)]
    parts = []
    for step, (kind, query, item, number, place) in enumerate(
        [
            (pa.repeat("search", count), queries, none, no_number, no_number),
            (pa.repeat("click", count), none, name("i", clicked[0], 6), no_number, places[0]),
            (pa.repeat("click", count), none, name("i", clicked[1], 6), no_number, places[1]),
            (last, none, name("i", taken, 6), quantity, no_number),
        ]
    ):
        happened = first + began + step * 20_000
        misspelt = pa.array(np.arange(count) % DIRT == step)
        parts.append(
            pa.table(
                {
                    "event_id": pc.binary_join_element_wise(sessions, str(step), "-"),
                    "user_id": people,
                    "session_id": sessions,
                    "event_type": pc.if_else(misspelt, "veiw", kind),
                    "query": query,
                    "item_id": item,
                    "quantity": number,
                    "position": place,
                    "occurred_at": pa.array(happened, pa.timestamp("ms")).cast(pa.string()),
                    "ingested_at": pa.array(happened + 2000, pa.timestamp("ms")).cast(pa.string()),
                }
            )
        )
    return pa.concat_tables(parts)


def invent_catalog(size: Size, hour: datetime) -> pa.Table:
    """The catalog as of the end of the hour: one item in 50 cannot be bought, one in 100 has got another price."""
    items = np.arange(size.items)
    step = int(hour.timestamp()) // 3600
    categories, brands = name("kind", items % size.categories), name("brand", brand_of(items))
    changes = (step - items) // 100  # of an item's price, one every hundred hours
    moment = pa.repeat(f"{hour + HOUR - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}", size.items)
    return pa.table(
        {
            "item_id": name("i", items, 6),
            "title": join(brands, categories, name("model", items)),
            "category": categories,
            "brand": brands,
            "price": pa.array(5 + (items * 37 + changes * 11) % 400 / 4),
            "currency": pa.repeat("EUR", size.items),
            "is_available": pa.array(items % 50 != 49),
            "updated_at": moment,
        }
    )


def write_hours(folder: Path, size: Size, hours: Iterable[datetime], with_catalog: bool = False, seed: int = 0) -> int:
    """The hours' files lie in the folder, as `parquet_folder` reads them; returns their bytes."""
    written = 0
    for hour in hours:
        tables = {"events": invent_events(size, hour, seed)} | (
            {"items": invent_catalog(size, hour)} if with_catalog else {}
        )
        for kind, table in tables.items():
            path = folder / kind / f"{hour:%Y-%m-%d}" / f"{hour:%H}" / "hour.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path, compression="zstd")
            written += path.stat().st_size
    return written
