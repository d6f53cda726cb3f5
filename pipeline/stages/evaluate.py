"""Stage `evaluate`: the release gate. The model is held against the hidden items, beside the popular list."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from pipeline import als, metrics
from pipeline.lake import Work, open_stage
from pipeline.model_files import Factors, positions, read_factors
from pipeline.run import Run, StageResult
from pipeline.settings import Settings

JUDGEABLE_USERS = 20


def evaluate(run: Run) -> StageResult:
    """`evaluation` has landed: recall, NDCG and coverage of our lists and the popular list for the held-out users.

    Raises `AuditFailed` for a model that is not finite or has collapsed; too few held-out users is a warning.
    """
    settings = run.settings
    with open_stage(run, "evaluate") as work:
        users = read_factors(work.read("user_factors"), "user_id")
        items = read_factors(work.read("item_factors"), "item_id")
        for table, factors in (("user_factors", users), ("item_factors", items)):
            flaw = find_flaw(factors)
            work.judge("model_broken", not flaw, f"{table}: {flaw}", table=table)
        hidden = pq.read_table(work.read("holdout")).to_pandas()
        popular = pq.read_table(work.read("popular_items"), filters=[("segment", "=", "all")]).to_pandas()
        pairs = pq.read_table(work.read("interactions"), filters=[("kind", "!=", "search")]).to_pandas()
        work.rows_in = len(hidden)
        rows = judge(settings.k, users, items, hidden, popular["item_id"], pairs, settings)
        pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), work.draft("evaluation"), compression="zstd")
        work.keep("evaluation")
        say(work, rows)
    return work.result()


def find_flaw(factors: Factors) -> str:
    """What makes these factors no model: one that is not finite, all zero, or all the same; empty when nothing does."""
    broken = int((~np.isfinite(factors.vectors)).any(axis=1).sum())
    if broken:
        return f"{broken} of {len(factors.ids)} vectors are not finite"
    if len(factors.ids) and not factors.vectors.any():
        return "all vectors are zero; the model learnt nothing"
    if len(factors.ids) > 2 and float(factors.vectors.std(axis=0).max()) < 1e-9:
        return "all vectors are the same; the model has collapsed"
    return ""


def judge(
    k: int,
    users: Factors,
    items: Factors,
    hidden: pd.DataFrame,
    popular: pd.Series,
    pairs: pd.DataFrame,
    settings: Settings,
) -> pd.DataFrame:
    """Rows (list, metric, k, users, value) for lists of k items that leave out all that the user already met.

    Stricter than what is published, which leaves out only what was bought: a list is judged by finding something new.
    Judged are the users whose hidden item is available; an item that the model cannot know counts as missed. `popular`
    holds the available items, best first.
    """
    catalog = pd.Index(sorted(set(popular) | set(items.ids)))
    never = np.setdiff1d(np.arange(len(items.ids)), items.ids.get_indexer(popular)).astype(np.int32)
    user_rows = positions(users.ids, hidden["user_id"])
    judged = hidden[(user_rows >= 0) & hidden["item_id"].isin(popular).to_numpy()]
    user_rows = positions(users.ids, judged["user_id"])
    wanted = positions(catalog, judged["item_id"])
    met = pairs[pairs["user_id"].isin(judged["user_id"])]
    met_rows = positions(pd.Index(judged["user_id"]), met["user_id"])

    def met_matrix(ids: pd.Index) -> sp.csr_matrix:
        columns = positions(ids, met["item_id"])
        known = columns >= 0
        ones = np.ones(int(known.sum()), np.float32)
        return sp.csr_matrix((ones, (met_rows[known], columns[known])), shape=(len(judged), len(ids)))

    top = als.best_items(users.vectors[user_rows], items.vectors, k, met_matrix(items.ids), never, settings)
    ours = np.where(top.scores > als.PADDING, positions(catalog, pd.Series(items.ids))[top.indices], -1)
    ranked = positions(catalog, popular)
    seen = met_matrix(catalog)
    fallback = [ranked[~np.isin(ranked, seen[row].indices)][:k] for row in range(len(judged))]
    most = np.array([np.pad(row, (0, k - len(row)), constant_values=-1) for row in fallback], np.int64).reshape(-1, k)
    rows = []
    for name, lists in (("ours", ours), ("popular", most)):
        ranks = metrics.hit_ranks(lists, wanted) if len(judged) else np.zeros(0, np.int64)
        figures = {"recall": metrics.recall(ranks), "ndcg": metrics.ndcg(ranks)}
        figures["coverage"] = metrics.coverage(lists, len(popular))
        rows += [(name, metric, k, len(judged), value) for metric, value in figures.items() if np.isfinite(value)]
    frame = pd.DataFrame(rows, columns=["list", "metric", "k", "users", "value"])
    return frame.astype({"list": "str", "metric": "str", "k": "int64", "users": "int64", "value": "float64"})


def say(work: Work, rows: pd.DataFrame) -> None:
    """Note the figures, and whether they can be trusted."""
    figures = {(row.list, row.metric): row for row in rows.itertuples()}
    ours, popular = figures.get(("ours", "recall")), figures.get(("popular", "recall"))
    count = int(ours.users) if ours is not None else 0
    few = f"evaluation: only {count} held-out users, too few to judge the model by"
    is_enough = work.judge("held_out_users_too_few", count >= JUDGEABLE_USERS, few, count)
    if not is_enough or ours is None or popular is None:
        return
    work.facts = {
        "recall": ours.value,
        "popular_recall": popular.value,
        "ndcg": figures["ours", "ndcg"].value,
        "popular_ndcg": figures["popular", "ndcg"].value,
        "users": count,
    }
    told = f"recall@{ours.k} {ours.value:.3f}, popular list {popular.value:.3f}, {count} held-out users"
    work.note(told)
    better = f"evaluation: the popular list did better on the held-out users than the model: {told}"
    work.judge("popular_list_better", ours.value >= popular.value, better, ours.value - popular.value)
