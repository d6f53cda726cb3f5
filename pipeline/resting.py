"""Lists that rest: where an hour folds its news into the model before, most vectors of users and items stay as they are, and
so do their lists, unless an item in them, a purchase or a reason has changed. They are taken over with scores and reasons.

Whether a list rests follows from what has landed alone, so that an hour computed again takes over the same lists. Nothing
rests while rules of the shop hold, which move items with the hour.
"""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.als import Floats
from pipeline.duck import connect, fetch_table, view_files
from pipeline.hours import parse_hour
from pipeline.lake import Work
from pipeline.manifests import stage_facts
from pipeline.model_files import Factors, find_vectors, read_factors
from pipeline.predecessor import at_hour
from pipeline.reasons import CODES
from pipeline.ruling import Ruling
from pipeline.topk import directions

TABLES = ("user_recommendations", "user_factors", "item_factors", "items", "bought", "holdout")
TABLES_OF_ITEMS = ("similar_items", "item_factors", "items")
SCHEMA = pa.schema({"user_id": pa.string(), "item_id": pa.string(), "score": pa.float64(), "reason": pa.string()})
NONE = SCHEMA.empty_table()
SIMILAR = pa.schema({"item_id": pa.string(), "similar_item_id": pa.string(), "score": pa.float64()})
NONE_SIMILAR = SIMILAR.empty_table()
NEARLY = 1e-5  # of a score: sums in another order may differ by as much, and equal vectors must not rest by chance
BLOCK = 4096  # users or items at a time whose scores of what is new are looked at


def find_resting(work: Work, vectors: Factors, items: Factors, ruling: Ruling, common: pd.Index) -> pa.Table:
    """The lists that are taken over from the model's parent: user_id, item_id, score, reason; k rows for each user.

    `vectors` are those of the users whom the model knows and who have nothing hidden, `common` the queries that a reason
    may name.
    """
    before = find_lists(work, ruling, TABLES)
    if before is None:
        return NONE
    # Users with a hidden item were folded in apart then.
    hidden = pd.Index(pq.read_table(before["holdout"], columns=["user_id"])["user_id"].to_pandas())
    users_then, items_then = (
        read_factors(before[name], column)
        for name, column in (("user_factors", "user_id"), ("item_factors", "item_id"))
    )
    is_same = (find_vectors(users_then, vectors.ids) == vectors.vectors).all(axis=1)
    is_same &= hidden.get_indexer(vectors.ids) < 0
    still = Factors(vectors.ids[is_same], vectors.vectors[is_same])
    lost, gained = find_changes(offer(items_then, before["items"]), offer(items, work.read("items")))
    told = [f'["{CODES["search"]}",{json.dumps(query, ensure_ascii=False)}]' for query in common]
    with connect(work.run.settings, work.folder) as connection:
        view_files(connection, "lists_then", [before["user_recommendations"]])
        view_files(connection, "bought_then", [before["bought"]])
        view_files(connection, "bought", [work.read("bought")])
        connection.register("resting_vectors", pa.table({"user_id": pa.array(still.ids, pa.string())}))
        connection.register("lost_items", pa.table({"item_id": pa.array(lost.ids, pa.string())}))
        connection.register("told_reasons", pa.table({"reason": pa.array(told, pa.string())}))
        found = fetch_table(connection, "resting_users", k=work.run.settings.k)
        is_beaten = beats(find_vectors(still, pd.Index(found["user_id"].to_pandas())), gained.vectors, found["least"])
        connection.register("resting_users", found.filter(pa.array(~is_beaten)))
        return fetch_table(connection, "resting_lists").cast(SCHEMA)


def find_resting_items(work: Work, items: Factors, ruling: Ruling) -> pa.Table:
    """The lists of similar items that are taken over likewise: item_id, similar_item_id, score; k rows for each item."""
    before = find_lists(work, ruling, TABLES_OF_ITEMS)
    if before is None:
        return NONE_SIMILAR
    then = read_factors(before["item_factors"], "item_id")
    is_same = (find_vectors(then, items.ids) == items.vectors).all(axis=1)
    still = Factors(items.ids[is_same], directions(items.vectors[is_same]))
    lost, gained = find_changes(offer(then, before["items"]), offer(items, work.read("items")))
    with connect(work.run.settings, work.folder) as connection:
        view_files(connection, "similar_then", [before["similar_items"]])
        connection.register("still_items", pa.table({"item_id": pa.array(still.ids, pa.string())}))
        connection.register("lost_items", pa.table({"item_id": pa.array(lost.ids, pa.string())}))
        found = fetch_table(connection, "resting_items", k=work.run.settings.k)
        nearest = find_vectors(still, pd.Index(found["item_id"].to_pandas()))
        is_beaten = beats(nearest, directions(gained.vectors), found["least"])
        connection.register("resting_items", found.filter(pa.array(~is_beaten)))
        return fetch_table(connection, "resting_similar").cast(SIMILAR)


def find_changes(then: Factors, now: Factors) -> tuple[Factors, Factors]:
    """Of what could be had then and can be had now: what is gone or has another vector, and what is new or has one."""
    return changed_items(then, now), changed_items(now, then)


def find_lists(work: Work, ruling: Ruling, tables: tuple[str, ...]) -> dict[str, Path] | None:
    """These tables of the model's parent, its lists among them; None where there is nothing that could rest."""
    trained = stage_facts(work.run, "train")
    if trained.get("way") != "fold_in" or not ruling.is_empty:
        return None
    hour = parse_hour(trained["parent"]["hour"])
    if not work.is_whole(tables[0], hour) or were_ruled(work, hour):
        return None
    found = {table: work.read_hour(table, hour, even_empty=True) for table in tables}
    return {table: paths[0] for table, paths in found.items()} if all(found.values()) else None


def were_ruled(work: Work, hour: datetime) -> bool:
    """Whether a rule held when an hour's lists were made."""
    return any(line["is_active"] for line in stage_facts(at_hour(work.run, hour), "recommend").get("rules", []))


def offer(items: Factors, catalog: Path) -> Factors:
    """Those of the items that can be had."""
    table = pq.read_table(catalog, columns=["item_id", "is_available"])
    is_offered = pd.Index(table.filter(pc.field("is_available"))["item_id"].to_pandas()).get_indexer(items.ids) >= 0
    return Factors(items.ids[is_offered], items.vectors[is_offered])


def changed_items(some: Factors, others: Factors) -> Factors:
    """The items that are not among the others with the same vector."""
    places = others.ids.get_indexer(some.ids)
    is_other = (places < 0) | (others.vectors[places] != some.vectors).any(axis=1) if len(others.ids) else places < 0
    return Factors(some.ids[is_other], some.vectors[is_other])


def beats(rows: Floats, items: Floats, least: pa.ChunkedArray) -> np.ndarray:
    """Whether one of the items (n x d) has about the lowest score of a row's list or more (rows x d): one truth a row."""
    lowest = least.to_numpy()
    lowest = lowest - NEARLY * np.abs(lowest)
    is_beaten = np.zeros(len(rows), bool)
    for start in range(0, len(rows) if len(items) else 0, BLOCK):
        scores = rows[start : start + BLOCK] @ items.T
        is_beaten[start : start + BLOCK] = scores.max(axis=1) >= lowest[start : start + BLOCK]
    return is_beaten
