"""Stage `train`: factors of users and items from the hour's interactions."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline import als
from pipeline.lake import open_stage
from pipeline.model_files import positions, write_factors
from pipeline.run import Run, StageResult


def train(run: Run) -> StageResult:
    """`user_factors` and `item_factors` have landed: one row for every user and item of `interactions`."""
    settings = run.settings
    with open_stage(run, "train") as work:
        pairs = pq.read_table(work.read("interactions"), columns=["user_id", "item_id", "weight", "kind"]).to_pandas()
        work.rows_in = len(pairs)
        users, items = pd.Index(sorted(pairs["user_id"].unique())), pd.Index(sorted(pairs["item_id"].unique()))
        shape, weights = (len(users), len(items)), pairs["weight"].to_numpy()
        alpha = als.scale_alpha(weights, shape, settings)
        matrix = als.confidence(
            weights,
            (pairs["kind"] != "search").to_numpy(),
            positions(users, pairs["user_id"]),
            positions(items, pairs["item_id"]),
            shape,
            alpha,
        )
        regularization = als.scale_regularization(matrix, settings)
        if len(pairs):
            user_factors, item_factors = als.fit(matrix, regularization, settings)
        else:
            work.note("no interactions in the window: everyone gets the popular list")
            user_factors = item_factors = np.zeros((0, settings.factors), np.float32)
        write_factors(work.draft("user_factors"), "user_id", list(users), user_factors)
        write_factors(work.draft("item_factors"), "item_id", list(items), item_factors)
        work.keep("user_factors")
        work.keep("item_factors")
        work.facts = {"users": len(users), "items": len(items), "pairs": len(pairs)}
        work.facts |= {"alpha": alpha, "regularization": regularization}
    return work.result()
