"""The same lists as a straightforward pandas batch makes them: everything anew from the raw window, every hour.

Reads the files of the window, drops what came twice, gives a user's interest in an item its decayed weight, trains ALS
(`implicit`, one BLAS thread, as many factors and passes as the line), and writes the lists of users, queries and items as
Parquet. It audits nothing, keeps no account of rows, remembers no hour before it and publishes nothing, which the line does
besides.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.hours import HOUR
from pipeline.seeds import event_weights
from pipeline.settings import Settings

WEIGHTS = event_weights()
ALPHA, REGULARIZATION = 40.0, 1.0


def read_window(settings: Settings, hour: datetime) -> pd.DataFrame:
    """The events of the window's files, each once, with their weight as of the end of the hour."""
    hours = (hour - step * HOUR for step in range(settings.window_days * 24 - 1, -1, -1))
    columns = ["event_id", "user_id", "session_id", "event_type", "query", "item_id", "occurred_at"]
    files = [Path(settings.source_url) / "events" / f"{one:%Y-%m-%d}" / f"{one:%H}" / "hour.parquet" for one in hours]
    events = pd.concat([pd.read_parquet(file, columns=columns) for file in files if file.exists()], ignore_index=True)
    events = events.drop_duplicates("event_id")
    events = events[events["event_type"].isin(WEIGHTS)]
    age = pd.Timestamp(hour + HOUR).tz_localize(None) - pd.to_datetime(events["occurred_at"])
    decay = 0.5 ** (age / pd.Timedelta(days=settings.half_life_days))
    return events.assign(weight=events["event_type"].map(WEIGHTS) * decay)


def weigh_pairs(events: pd.DataFrame) -> pd.DataFrame:
    """One row per user and item with the interest."""
    done = events.dropna(subset=["user_id", "item_id"])
    return done.groupby(["user_id", "item_id"], as_index=False)["weight"].sum()


def list_queries(events: pd.DataFrame, k: int) -> pd.DataFrame:
    """What was taken most after each query in its session."""
    searched = events.loc[events["event_type"] == "search", ["session_id", "query"]]
    taken = events.dropna(subset=["item_id"])[["session_id", "item_id", "weight"]]
    linked = searched.merge(taken, on="session_id").groupby(["query", "item_id"], as_index=False)["weight"].sum()
    linked = linked.sort_values(["query", "weight", "item_id"], ascending=[True, False, True])
    lists = linked.groupby("query").head(k)
    return lists.assign(rank=lists.groupby("query").cumcount() + 1)


def spread(rows: pd.Index, key: str, items: pd.Index, found: Any, scores: Any) -> pd.DataFrame:
    """Lists (rows x k of places among the items) as one row per place."""
    count, k = found.shape
    return pd.DataFrame(
        {
            key: rows.repeat(k),
            "rank": list(range(1, k + 1)) * count,
            "item_id": items.take(found.ravel()),
            "score": scores.ravel(),
        }
    )


def run_batch(settings: Settings, hour: datetime, target: Path) -> dict[str, Any]:
    """The lists lie in the target; returns rows in and out."""
    import scipy.sparse as sp
    from implicit.cpu.als import AlternatingLeastSquares

    target.mkdir(parents=True, exist_ok=True)
    events = read_window(settings, hour)
    pairs = weigh_pairs(events)
    queries = list_queries(events, settings.k)
    users, items = pd.Categorical(pairs["user_id"]), pd.Categorical(pairs["item_id"])
    shape = len(users.categories), len(items.categories)
    matrix = sp.csr_matrix((pairs["weight"].astype("float32"), (users.codes, items.codes)), shape=shape)
    model = AlternatingLeastSquares(
        factors=settings.factors,
        iterations=settings.iterations,
        alpha=ALPHA,
        regularization=REGULARIZATION,
        num_threads=settings.threads,
        random_state=settings.seed,
    )
    model.fit(matrix, show_progress=False)
    found, scores = model.recommend(range(shape[0]), matrix, N=min(settings.k, shape[1]))
    near, likeness = model.similar_items(range(shape[1]), N=min(settings.k + 1, shape[1]))
    tables = {
        "users": spread(users.categories, "user_id", items.categories, found, scores),
        "items": spread(items.categories, "to_item_id", items.categories, near[:, 1:], likeness[:, 1:]),
        "queries": queries,
    }
    for name, table in tables.items():
        table.to_parquet(target / f"{name}.parquet", compression="zstd")
    return {"rows_in": len(events), "rows_out": sum(len(table) for table in tables.values())}
