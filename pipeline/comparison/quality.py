"""What the lists of an arm were worth at the moments when they were read.

One time line: at each read at t the list that could be read at t is held against what the same user took in (t, t + horizon]
(Ji et al., TOIS 2023), so nothing is scored by what it was made from. Reads are numbered as `read_id`, items by their place
in the log's catalog.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline import metrics
from pipeline.comparison.bundle import open_tables, read_document
from pipeline.duck import fetch_table
from pipeline.errors import BadInput
from pipeline.seeds import event_types

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """What a log says of its reads: reads x items, with a one for what the user of the read took within the horizon."""

    document: Mapping[str, Any]
    values: Mapping[str, Any]  # what queries over the log are bound to
    tables: Mapping[str, pa.Table]  # judged_events, judged_items, judged_reads
    wanted: sp.csr_matrix
    new: sp.csr_matrix  # of these, what had come into the catalog the day before
    users: NDArray[np.int64]  # whose read it is, numbered from 0
    is_warm: NDArray[np.bool_]
    times: NDArray[np.datetime64]
    rarity: Floats  # of each item: bits that its being taken says


@dataclass(frozen=True)
class Scores:
    """Of each read, by metric: what was shown (`served`), and what the lists of so many hours before would have been worth.

    `novelty` is NaN where nothing was shown; `ages` are in seconds, NaN where nothing could be read; `begins` is when the
    arm's first list could be, None without one.
    """

    served: Mapping[str, Floats]
    new: Mapping[str, Floats]
    novelty: Floats
    ages: Floats
    coverage: float
    delayed: Mapping[float, Mapping[str, Floats]]
    begins: np.datetime64 | None


def read_world(log: Path, horizon_hours: int) -> World:
    """The judged side of a log; raises `BadInput` where no read has anything to be scored against."""
    document = read_document(log, "log")
    started, ended = (datetime.fromisoformat(document[name]) for name in ("started", "ended"))
    taking = [name for name in event_types() if name != "search"]
    values = {"log_start": started, "log_end": ended, "horizon_hours": horizon_hours, "taking": taking}
    with open_tables(None, log) as connection:
        tables = {name: _name(connection, name, **values) for name in ("judged_events", "judged_items", "judged_reads")}
        wanted = fetch_table(connection, "comparison/wanted_after_reads", **values)
    reads, items = tables["judged_reads"], tables["judged_items"]
    if not reads.num_rows:
        raise BadInput(
            f"{log}: no user takes anything within {horizon_hours} hours of a read that lies so long before the log's end, "
            f"{document['ended']}; record a longer log or compare with a shorter --horizon."
        )
    shape = (reads.num_rows, items.num_rows)
    rows, places = (wanted.column(name).to_numpy() for name in ("read_id", "place"))
    is_new = wanted.column("is_new").to_numpy(zero_copy_only=False)
    taken = items.column("taken").to_numpy()
    # Everything counts as taken once more, so that what nobody took is rare and not endlessly so.
    shares = (taken + 1) / (taken.sum() + len(taken))
    return World(
        document,
        values,
        tables,
        sp.csr_matrix((np.ones(len(rows), np.float32), (rows, places)), shape=shape),
        sp.csr_matrix((np.ones(int(is_new.sum()), np.float32), (rows[is_new], places[is_new])), shape=shape),
        reads.column("user_place").to_numpy(),
        reads.column("is_warm").to_numpy(zero_copy_only=False),
        reads.column("t").to_numpy(),
        -np.log2(shares),
    )


def _name(connection: duckdb.DuckDBPyConnection, name: str, **values: Any) -> pa.Table:
    """The result of a query of sql/comparison/, which later queries of the connection find under its name."""
    table = fetch_table(connection, f"comparison/{name}", **values)
    connection.register(name, table)
    return table


def score_bundle(
    connection: duckdb.DuckDBPyConnection, world: World, is_shown: NDArray[np.bool_], k: int, hours: Sequence[float]
) -> Scores:
    """The lists of an arm, cut at k, whose tables are in the connection; `is_shown` says which reads showed theirs.

    A read that was answered with an error or with nothing showed nothing. What lists of so many `hours` before would have
    been worth is about the lists alone: for it every read was answered.
    """
    for name in ("judged_items", "judged_reads"):
        connection.register(name, world.tables[name])
    lists = _name(connection, "arm_lists")
    places = fetch_table(connection, "comparison/arm_places", k=k)
    filled = np.full((lists.num_rows + 1, k), -1, np.int64)  # the last row is that of no list
    at, ranks = places.column("list_id").to_numpy(), places.column("rank").to_numpy()
    filled[at, ranks - 1] = places.column("place").to_numpy()
    shown = {age: _shown(connection, age) for age in sorted({0.0, *hours})}
    now = np.where(is_shown[:, None], filled[shown[0.0][0]], -1)
    return Scores(
        _measure(now, world.wanted),
        _measure(now, world.new),
        np.where((now >= 0).any(axis=1), metrics.list_means(now, world.rarity), np.nan),
        np.where(is_shown, shown[0.0][1], np.nan),
        metrics.coverage(now, len(world.rarity)),
        {age: _measure(filled[shown[age][0]], world.wanted) for age in hours},
        np.min(lists.column("valid_from").to_numpy()) if lists.num_rows else None,
    )


def _shown(connection: duckdb.DuckDBPyConnection, hours: float) -> tuple[NDArray[np.int64], Floats]:
    """Of each read the list that could be read so many hours before, -1 for none, and how old its data was at the read."""
    found = fetch_table(connection, "comparison/shown_lists", hours_before=hours)
    lists = found.column("list_id").fill_null(-1).to_numpy()
    return lists, found.column("age_seconds").fill_null(np.nan).to_numpy()


def _measure(lists: NDArray[np.int64], wanted: sp.csr_matrix) -> dict[str, Floats]:
    """Each read's figures; NaN where its user took nothing of what is wanted."""
    counts = np.diff(wanted.indptr)
    hits = metrics.hit_table(lists, wanted)
    is_wanted = counts > 0
    found = {
        "recall": metrics.recalls(hits, np.maximum(counts, 1)),
        "ndcg": metrics.ndcgs(hits, np.maximum(counts, 1)),
        "hit_rate": metrics.hit_rates(hits),
    }
    return {name: np.where(is_wanted, values, np.nan) for name, values in found.items()}
