"""Sums of a long window, invented instead of its events: what an hour of a very large shop finds of the days before it.

A month of such a shop is hundreds of millions of events, whose sums are kept by day (`pipeline/actions.py`). Here one hour a
day lands with a few events, and the day's file is what these sums would be had its people met so many things.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from invented_shop import LOYALTY, Size, draw_items, draw_ranks, name

from pipeline.actions import DAY, Sums
from pipeline.duck import connect, fetch_table
from pipeline.files import move_into_place
from pipeline.lake import Work
from pipeline.run import Run
from pipeline.seeds import EVENT_TYPES, event_weights
from pipeline.settings import Settings

KINDS = {"click": 0.7, "add_to_cart": 0.2, "purchase": 0.1}  # how many in all are of each
BILLION = 1_000_000_000


def invent_day(size: Size, end: datetime, pairs: int, seed: int = 0) -> pa.Table:
    """A day's sums of so many pairs of a user and an item (a few less: none stands there twice), by users."""
    generator = np.random.default_rng([seed, int(end.timestamp())])
    users = generator.integers(0, size.users, pairs)
    favourites = (users * 2_654_435_761 + generator.integers(0, 2, pairs) * 40_503) % size.categories
    categories = np.where(generator.random(pairs) < LOYALTY, favourites, draw_ranks(generator, size.categories, pairs))
    cells = np.unique(users * size.items + draw_items(size, generator, categories))
    users, items = np.divmod(cells, size.items)
    kinds = generator.choice(len(KINDS), len(cells), p=list(KINDS.values()))
    weights = np.array([round(event_weights()[kind] * BILLION) for kind in KINDS])
    seconds = int(end.timestamp()) - generator.integers(1, DAY.total_seconds(), len(cells))
    moment = pa.timestamp("us", "UTC")
    people = name("u", users, 7)
    return pa.table(
        {
            "user_id": people,
            "actor": people,
            "event_type": pa.array(list(KINDS)).take(pa.array(kinds)),
            "query": pa.nulls(len(cells), pa.string()),
            "item_id": name("i", items, 6),
            "events": pa.array(np.ones(len(cells), np.int64)),
            "last_at": pa.array(seconds * 1_000_000).cast(moment),
            "weight": pa.array(weights[kinds]),
            "counted_at": pa.array(np.full(len(cells), int(end.timestamp()) * 1_000_000)).cast(moment),
        }
    )


class InventedSums(Sums):
    """Sums whose whole days are invented; those of single hours are what they are."""

    def __init__(self, *given: Any, size: Size, pairs: int) -> None:
        super().__init__(*given)
        self.size, self.pairs, self.rows = size, pairs, 0

    def keep(self, query: str, path: Path, **moments: datetime) -> None:
        """The sums of a day are invented; those of an hour made as ever."""
        if query != "day_actions":
            super().keep(query, path, **moments)
            return
        table = invent_day(self.size, moments["day_end"], self.pairs)
        self.rows += table.num_rows
        draft = self.work.folder / path.name
        pq.write_table(table, draft, compression="zstd")
        move_into_place(draft, path)


def write_sums(hour: datetime, settings: Settings, size: Size, pairs: int) -> dict[str, Any]:
    """The days in the hour's window in which anything landed have sums, of so many pairs each."""
    work = Work(Run(hour, settings), "prepare")
    work.folder.mkdir(parents=True)
    with connect(settings, work.folder) as connection:
        connection.register("event_types", fetch_table(connection, "event_types", seed=EVENT_TYPES))
        sums = InventedSums(work, connection, size=size, pairs=pairs)
        days = sums.find()
    return {"rows_in": len(days), "rows_out": sums.rows}
