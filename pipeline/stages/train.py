"""Stage `train`: factors of users and items from the hour's interactions and what the catalog says of items."""

import pandas as pd
import pyarrow.parquet as pq

from pipeline.duck import connect, fetch_table, view_files
from pipeline.lake import Work, open_stage
from pipeline.model import learn
from pipeline.model_files import write_factors
from pipeline.ruling import find_lately_listed
from pipeline.run import Run, StageResult


def train(run: Run) -> StageResult:
    """`user_factors` and `item_factors` have landed: one row for every user and item of `interactions`, and new items."""
    with open_stage(run, "train") as work:
        pairs = pq.read_table(work.read("interactions"), columns=["user_id", "item_id", "weight", "kind"]).to_pandas()
        work.rows_in = len(pairs)
        model = learn(pairs, *read_sides(work), run.settings)
        if not len(pairs):
            work.note("no interactions in the window: everyone gets the popular list")
        for table, column, factors in (
            ("user_factors", "user_id", model.users),
            ("item_factors", "item_id", model.items),
        ):
            write_factors(work.draft(table), column, list(factors.ids), factors.vectors)
            work.keep(table)
        work.facts = {"users": len(model.users.ids), "items": len(model.items.ids), "pairs": len(pairs)}
        work.facts |= {"side_rows": model.side_rows, "new_items": model.new_items}
        work.facts |= {"alpha": model.alpha, "regularization": model.regularization}
    return work.result()


def read_sides(work: Work) -> tuple[pd.DataFrame, pd.Index]:
    """What belongs together by queries and by the catalog (sql/side_rows.sql), and the items that were listed lately."""
    settings = work.run.settings
    with connect(settings, work.folder) as connection:
        for table in ("items", "query_items"):
            view_files(connection, table, [work.read(table)])
        weights = {name: getattr(settings, name) for name in ("query_rows_weight", "attribute_rows_weight")}
        sides = fetch_table(connection, "side_rows", **weights).to_pandas()
        new = find_lately_listed(work, connection) if settings.new_items_weight else None
    return sides, pd.Index(new["item_id"].to_pandas() if new is not None else [], dtype="str")
