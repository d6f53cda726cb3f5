"""Stage `recommend`: lists of users, frequent queries and items, scored by the model, filled from the popular list."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import als, reasons, topk
from pipeline.duck import connect, fetch_table, view_files, write_table
from pipeline.errors import BadInput
from pipeline.hours import HOUR
from pipeline.lake import Work, open_stage
from pipeline.manifests import stage_facts
from pipeline.model_files import (
    Factors,
    choose,
    coded,
    find_vectors,
    pair_matrix,
    positions,
    read_coded,
    read_factors,
)
from pipeline.resting import find_resting, find_resting_items
from pipeline.ruling import Ruling, count_candidates, read_ruling, tell_rules, write_ruled
from pipeline.run import Run, StageResult

# Users whose lists are made at a time: their candidates and reasons, as texts, are most of the memory.
BLOCK = 65_536


def recommend(run: Run) -> StageResult:
    """`user_recommendations`, `query_recommendations`, `similar_items` have landed, each list min(k, eligible) long."""
    with open_stage(run, "recommend") as work:
        work.read("evaluation")  # the gate: nothing is recommended by a model that was not let through
        users = read_factors(work.read("user_factors"), "user_id")
        items = read_factors(work.read("item_factors"), "item_id")
        if items.vectors.shape[1] != run.settings.factors:
            raise BadInput(
                f"TREASURE_HUNT_FACTORS is {run.settings.factors}, but the model of {run.name} was trained with "
                f"{items.vectors.shape[1]}; run train and evaluate again first."
            )
        catalog = pq.read_table(work.read("items"), columns=["item_id", "is_available"]).to_pandas()
        offered = pd.Index(catalog.loc[catalog["is_available"], "item_id"])
        never = np.flatnonzero(offered.get_indexer(items.ids) < 0).astype(np.int32)
        ruling = read_ruling(work, with_fresh=True)
        longest = count_candidates(work, ruling)
        listed_users, for_users = score_users(work, users, items, never, ruling)
        listed_queries, answers = answer_queries(work)
        for_queries = score_queries(work, items, never, listed_queries, answers, longest)
        write_lists(work, ruling, "user_recommendations", for_users, listed_users=listed_users)
        listed = {"listed_queries": listed_queries, "query_answers": answers}
        write_lists(work, ruling, "query_recommendations", for_queries, **listed)
        write_lists(work, ruling, "similar_items", score_similar(work, items, never, ruling, longest))
        for table in ("user_recommendations", "query_recommendations", "similar_items"):
            work.keep(table, k=run.settings.k)
        tell_rules(work, ruling)
        tell_steadiness(work)
        work.facts |= {"users": listed_users.num_rows, "queries": listed_queries.num_rows, "items": len(catalog)}
    return work.result()


def all_pairs(work: Work) -> pd.DataFrame:
    """Interactions with the held-out pairs put back: user_id, item_id, weight, kind, query."""
    columns = ["user_id", "item_id", "weight", "kind", "query"]
    pairs = read_coded(work.read("interactions"), columns)
    hidden = read_coded(work.read("holdout"), columns[:-1])
    hidden = hidden.append_column("query", pa.nulls(hidden.num_rows, pairs.schema.field("query").type))
    return coded(pa.concat_tables([pairs, hidden.cast(pairs.schema)]))


def score_users(
    work: Work, users: Factors, items: Factors, never: als.Ints, ruling: Ruling
) -> tuple[pa.Table, pa.Table]:
    """The users to list, and their best items with scores and reasons, of most as they were where the model was carried on.

    Users with a held-out pair are folded in anew. Rows in are the pairs of users and items.
    """
    settings, pairs = work.run.settings, all_pairs(work)
    work.rows_in = len(pairs)
    everyone = pd.Index(sorted(pairs["user_id"].unique()))
    hidden = pd.Index(pq.read_table(work.read("holdout"), columns=["user_id"])["user_id"].to_pandas())
    known, common = everyone.difference(hidden).intersection(users.ids), common_queries(work)
    rested = find_resting(work, choose(users, known), items, ruling, common)
    ids = everyone.difference(pd.Index(rested["user_id"].unique().to_pandas()))
    work.facts["resting_users"] = len(everyone) - len(ids)
    rows, columns = positions(ids, pairs["user_id"]), positions(items.ids, pairs["item_id"])
    order = np.flatnonzero((rows >= 0) & (columns >= 0))
    order = order[np.lexsort((columns[order], rows[order]))]  # as the cells of the matrix stand, to which reasons refer
    trained, rows, columns = pairs.iloc[order].reset_index(drop=True), rows[order], columns[order]
    del pairs, order  # of a large shop they are gigabytes
    weights = trained["weight"].to_numpy()
    met, shape = (trained["kind"] != "search").to_numpy(), (len(ids), len(items.ids))
    matrix = als.confidence(weights, met, rows, columns, shape, trained_with(work, "alpha"))
    vectors = find_vectors(users, ids)
    again = np.flatnonzero(known.get_indexer(ids) < 0).astype(np.int32)
    vectors[again] = als.fold_in(items.vectors, matrix[again], trained_with(work, "regularization"), settings)
    bought = coded(ruling.owned_items)
    owned = pair_matrix(ids, items.ids, bought["user_id"], bought["item_id"])
    # A reason stands beside a user: it names what was typed only when enough others typed it too.
    trained["query"] = trained["query"].where(positions(common, trained["query"]) >= 0)
    longest, strength, scored = count_candidates(work, ruling), trained_with(work, "regularization"), [rested]
    for block in (slice(start, start + BLOCK) for start in range(0, len(ids), BLOCK)):
        top = topk.best_items(vectors[block], items.vectors, longest, owned[block], never, settings)
        # A user who met nothing that the model knows points nowhere: every item is as near as any other.
        points = vectors[block].any(axis=1, keepdims=True)
        lists = np.where((top.scores > topk.PADDING) & points, top.indices, -1)
        cells = trained.iloc[slice(*np.searchsorted(rows, (block.start, block.stop)))]
        chosen = reasons.choose_references(
            items.vectors, lists, matrix[block], cells["kind"].to_numpy(object), strength
        )
        texts = reasons.write_reasons(chosen, *(cells[name].astype("str") for name in ("item_id", "kind", "query")))
        scored.append(flatten("user_id", ids[block], items.ids, lists, top.scores, texts))
    return pa.table({"user_id": pa.array(everyone, pa.string())}), pa.concat_tables(scored)


def trained_with(work: Work, knob: str) -> float:
    """The alpha or the regularisation that the hour's model was trained with."""
    return float(stage_facts(work.run, "train")[knob])


def answer_queries(work: Work) -> tuple[pa.Table, pa.Table]:
    """The queries frequent enough for a list (query, is_common), and what they are answered with: sql/query_answers.sql."""
    settings = work.run.settings
    typed = pq.read_table(work.read("queries")).to_pandas()
    typed = typed[typed["searchers"] >= settings.min_query_users].sort_values("query")
    is_common = typed["users"] >= settings.min_analyst_users
    listed = pa.table(
        {"query": pa.array(typed["query"], pa.string()), "is_common": pa.array(is_common, pa.bool_())},
    )
    with connect(settings, work.folder) as connection:
        connection.register("listed_queries", listed)
        for name in ("items", "query_items"):
            view_files(connection, name, [work.read(name)])
        answers = fetch_table(
            connection,
            "query_answers",
            k=settings.k,
            title_weight=settings.title_weight,
            word_smoothing=settings.word_smoothing,
            query_smoothing=settings.query_smoothing,
        )
    return listed, answers


def score_queries(
    work: Work, items: Factors, never: als.Ints, listed: pa.Table, answers: pa.Table, longest: int
) -> pa.Table:
    """The items nearest to what queries are answered with, for the places that the answers leave empty."""
    settings = work.run.settings
    ids = pd.Index(listed["query"].to_pandas())
    found = answers.to_pandas()
    trained = found[items.ids.get_indexer(pd.Index(found["item_id"])) >= 0]
    rows, columns = positions(ids, trained["query"]), positions(items.ids, trained["item_id"])
    shape = (len(ids), len(items.ids))
    met = np.ones(len(trained), bool)
    weights = np.round(trained["score"].to_numpy() * settings.query_smoothing * als.UNIT).astype(np.int64)
    matrix = als.confidence(weights, met, rows, columns, shape, trained_with(work, "alpha"))
    vectors = als.fold_in(items.vectors, matrix, trained_with(work, "regularization"), settings)
    top = topk.best_items(vectors, items.vectors, longest, matrix, never, settings)
    # A query without an answer points nowhere: its vector is zero, and every item is as near as any other.
    points = vectors.any(axis=1, keepdims=True)
    lists = np.where((top.scores > topk.PADDING) & points, top.indices, -1)
    texts = np.full(lists.shape, '["similar"]', dtype=object)
    return flatten("query", ids, items.ids, lists, top.scores, texts)


def common_queries(work: Work) -> pd.Index:
    """The queries that `min_analyst_users` users typed; sessions without a user do not count, they may be one person's."""
    typed = pq.read_table(work.read("queries"), columns=["query", "users"]).to_pandas()
    return pd.Index(typed.loc[typed["users"] >= work.run.settings.min_analyst_users, "query"])


def score_similar(work: Work, items: Factors, never: als.Ints, ruling: Ruling, longest: int) -> pa.Table:
    """The items most alike to each item that the model knows: item_id, similar_item_id, score; of most as they were."""
    rested = find_resting_items(work, items, ruling)
    resting = pd.Index(rested["item_id"].unique().to_pandas())
    of = np.flatnonzero(resting.get_indexer(items.ids) < 0).astype(np.int32)
    work.facts["resting_items"] = len(items.ids) - len(of)
    top = topk.similar_items(items.vectors, of, longest, never, work.run.settings)
    lists = np.where(top.scores > topk.PADDING, top.indices, -1)
    texts = np.full(lists.shape, "", dtype=object)
    table = flatten("similar_to", items.ids[of], items.ids, lists, top.scores, texts).drop_columns("reason")
    return pa.concat_tables([rested, table.rename_columns(["item_id", "similar_item_id", "score"])])


def flatten(
    key: str, row_ids: pd.Index, item_ids: pd.Index, lists: als.Ints, scores: als.Floats, texts: np.ndarray
) -> pa.Table:
    """One row per filled place of the lists (rows x n): key, item_id, score, reason."""
    row, place = np.nonzero(lists >= 0)
    names = pa.array(row_ids, pa.string()), pa.array(item_ids, pa.string())
    return pa.table(
        {
            key: names[0].take(pa.array(row)),
            "item_id": names[1].take(pa.array(lists[row, place])),
            "score": pa.array(scores[row, place].astype(np.float64)),
            "reason": pa.array(texts[row, place], pa.string()),
        }
    )


def tell_steadiness(work: Work) -> None:
    """How much of their top 10 users without news keep from the hour before is a fact; too little is warned of."""
    settings, before = work.run.settings, work.read_hour("user_recommendations", work.run.hour - HOUR)
    if not before:
        return
    with connect(settings, work.folder) as connection:
        view_files(connection, "lists_then", before)
        view_files(connection, "lists_now", [work.draft("user_recommendations")])
        view_files(connection, "hour_events", [work.read("events")])
        (found,) = fetch_table(connection, "steadiness").to_pylist()
    if found["users"] >= max(settings.compare_min_users, 1):
        told = f"{found['users']:,} users without news keep {found['kept']:.1%} of their top 10 of the hour before"
        work.facts["steadiness"] = found
        work.note(told)
        is_steady = found["kept"] >= 1 - settings.churn_limit
        work.judge("lists_unsteady", is_steady, f"user_recommendations: {told}", found["kept"])


def write_lists(work: Work, ruling: Ruling, table: str, scored: pa.Table, **listed: pa.Table) -> Path:
    """Draft a table of lists from scored candidates; sql/<table>.sql filters, fills and ranks them, the rules come after."""
    with connect(work.run.settings, work.folder) as connection:
        connection.register("scored_items", scored)
        for name, rows in listed.items():
            connection.register(name, rows)
        for name in ("items", "bought", "popular_items"):
            view_files(connection, name, [work.read(name)])
        if ruling.is_empty:
            write_table(connection, table, work.draft(table), k=work.run.settings.k)
        else:
            write_ruled(work, ruling, connection, table)
    return work.draft(table)
