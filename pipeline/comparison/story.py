"""A batch as teams write it first: every run reads the whole raw history again, as it stands, and makes lists of it.

The honest minimum in pandas and `implicit`, and no more: nobody asks whether a row came twice, who a user is, whether a bot
made it, or whether an item can be bought. What bench/plain_pandas.py does with care (each event once, a decay, a window) is
not done here. Of a delivery that cannot be read the whole job dies, as Python has it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.als import own_threads
from pipeline.seeds import event_weights
from pipeline.settings import Settings

WEIGHTS = event_weights()
ALPHA, REGULARIZATION = 40.0, 1.0
CHUNKS = 20  # parts in which the table is loaded, each committed by itself


def make_lists(settings: Settings, events: Sequence[Path], catalog: Path) -> tuple[pd.DataFrame, int]:
    """Lists (user_id, rank, item_id, score) by all events of these files, those that are there, and how many they are.

    Titles and prices are joined on from the catalog's file: an item that it does not have goes from the lists. Raises what
    pandas raises where a file or a column cannot be read.
    """
    history = read_history(events)
    lists = recommend(settings, weigh_pairs(history))
    shown = pd.read_parquet(catalog, columns=["item_id", "title", "price"])
    lists = lists.merge(shown, on="item_id").sort_values(["user_id", "place"])
    lists["rank"] = lists.groupby("user_id").cumcount() + 1
    return lists[["user_id", "rank", "item_id", "score", "title", "price"]], len(history)


def read_history(files: Sequence[Path]) -> pd.DataFrame:
    """Every row of the files that are there."""
    columns = ["user_id", "event_type", "item_id"]
    found = [pd.read_parquet(file, columns=columns) for file in files if file.exists()]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def weigh_pairs(history: pd.DataFrame) -> pd.DataFrame:
    """One row per user and item with the sum of what their events count; a row that comes twice counts twice."""
    done = history[history["event_type"].isin(WEIGHTS)].dropna(subset=["user_id", "item_id"])
    weighed = done.assign(weight=done["event_type"].map(WEIGHTS))
    return weighed.groupby(["user_id", "item_id"], as_index=False)["weight"].sum()


def recommend(settings: Settings, pairs: pd.DataFrame) -> pd.DataFrame:
    """The k items that ALS puts first for each user (user_id, place, item_id, score).

    What a user met before stays: to leave it out, which is the library's default, would cost these lists most of their worth
    in a shop whose users come back to what they looked at.
    """
    import scipy.sparse as sp
    from implicit.cpu.als import AlternatingLeastSquares

    users, items = pd.Categorical(pairs["user_id"]), pd.Categorical(pairs["item_id"])
    shape = len(users.categories), len(items.categories)
    if not len(pairs):
        return pd.DataFrame({"user_id": [], "place": [], "item_id": [], "score": []})
    matrix = sp.csr_matrix((pairs["weight"].astype("float32"), (users.codes, items.codes)), shape=shape)
    with own_threads():
        model = AlternatingLeastSquares(
            factors=settings.factors,
            iterations=settings.iterations,
            alpha=ALPHA,
            regularization=REGULARIZATION,
            num_threads=settings.threads,
            random_state=settings.seed,
        )
        model.fit(matrix, show_progress=False)
        asked = {"N": min(settings.k, shape[1]), "filter_already_liked_items": False}
        found, scores = model.recommend(range(shape[0]), matrix, **asked)
    return pd.DataFrame(
        {
            "user_id": users.categories.repeat(found.shape[1]),
            "place": list(range(found.shape[1])) * shape[0],
            "item_id": items.categories.take(found.ravel()),
            "score": scores.ravel().astype(float),
        }
    )


def reload_table(connection: Any, lists: pd.DataFrame) -> Iterator[list[str]]:
    """The table of lists is dropped and loaded anew, part by part; yields the users of each part once it can be read."""
    connection.execute("drop table if exists recommendations")
    connection.commit()
    users = lists["user_id"].unique()
    for part in range(CHUNKS):
        chosen = users[len(users) * part // CHUNKS : len(users) * (part + 1) // CHUNKS]
        rows = lists[lists["user_id"].isin(chosen)]
        rows.to_sql("recommendations", connection, index=False, if_exists="append")
        connection.commit()
        yield list(chosen)
