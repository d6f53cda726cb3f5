"""Stage `train`: factors of users and items, learnt anew, or made from the model before by what is new."""

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from pipeline.chain import Step, choose_step
from pipeline.duck import connect, fetch_table, view_files
from pipeline.hours import HOUR
from pipeline.lake import Work, open_stage
from pipeline.model import Model, News, learn, take_in
from pipeline.model_files import coded, read_factors, write_factors
from pipeline.predecessor import Predecessor
from pipeline.ruling import find_lately_listed
from pipeline.run import Run, StageResult
from pipeline.settings import Settings

NO_SIDES = pd.DataFrame({name: [] for name in ("kind", "name", "item_id", "weight")})


def train(run: Run) -> StageResult:
    """`user_factors` and `item_factors` have landed: one row for every user and item of `interactions`, and new items."""
    with open_stage(run, "train") as work:
        work.rows_in = pq.read_metadata(work.read("interactions")).num_rows
        step = choose_step(work, work.rows_in)
        model = make_model(work, step)
        for table, column, factors in (
            ("user_factors", "user_id", model.users),
            ("item_factors", "item_id", model.items),
        ):
            write_factors(work.draft(table), column, list(factors.ids), factors.vectors)
            work.keep(table)
        work.facts |= {"users": len(model.users.ids), "items": len(model.items.ids), "pairs": work.rows_in}
        work.facts |= {"side_rows": model.side_rows, "new_items": model.new_items}
        work.facts |= {"alpha": model.scale.alpha, "regularization": model.scale.regularization}
        work.facts |= step.facts(run, work.rows_in)
    return work.result()


def make_model(work: Work, step: Step) -> Model:
    """The hour's model, made as the step says."""
    settings = work.run.settings
    with connect(settings, work.folder) as connection:
        view_files(connection, "interactions", [work.read("interactions")])
        for table in ("items", "query_items"):
            view_files(connection, table, [work.read(table)])
        new = read_new(work, connection)
        if step.before is not None and step.way == "fold_in" and work.rows_in:
            news = read_news(work, connection, step.before)
            sides = read_sides(connection, settings) if len(new) else NO_SIDES
            work.note(describe_news(news, step))
            return take_in(news, read_before(work, step.before), sides, new, settings)
        if settings.engine == "spark" and work.rows_in:
            from pipeline.spark import als  # not above: who does without Spark does not load it

            work.note(f"learnt anew on Spark: {step.why}")
            return als.learn(work.read("interactions"), read_sides(connection, settings), new, settings, work.folder)
        pairs = coded(fetch_table(connection, "model_pairs", holdout_share=settings.holdout_share))
        start = step.before.items if step.before else None
        if work.rows_in:
            work.note(f"one pass: {step.why}" if start else f"learnt anew: {step.why}")
        else:
            work.note("no interactions in the window: everyone gets the popular list")
        return learn(pairs, read_sides(connection, settings), new, settings, start)


def read_news(work: Work, connection: duckdb.DuckDBPyConnection, before: Predecessor) -> News:
    """What is new since the model before: by the events delivered since, and what it does not know.

    The connection knows the hour's interactions.
    """
    between = range(1, round((work.run.hour - before.hour) / HOUR))
    missed = [path for step in between for path in work.read_hour("events", work.run.hour - step * HOUR)]
    view_files(connection, "recent_events", [work.read("events"), *missed])
    view_files(connection, "held_out", [work.read("holdout")])
    for name, table in (("known_users", "user_factors"), ("known_items", "item_factors")):
        view_files(connection, name, work.read_hour(table, before.hour, even_empty=True))
    view_files(connection, "interactions_before", work.read_hour("interactions", before.hour, even_empty=True))
    share = work.run.settings.holdout_share
    users, items = (fetch_table(connection, name, holdout_share=share) for name in ("model_users", "model_items"))
    connection.register("model_users", users)
    connection.register("model_items", items)
    pairs = fetch_table(connection, "news_pairs")
    return News(users.to_pandas(), items.to_pandas(), coded(pairs))


def read_before(work: Work, before: Predecessor) -> Model:
    """The model before, with its users."""
    (path,) = work.read_hour("user_factors", before.hour, even_empty=True)
    return Model(read_factors(path, "user_id"), before.items, before.scale, 0, 0)


def describe_news(news: News, step: Step) -> str:
    """What is folded in, of how many, and from where."""
    busy, unknown = int(news.users["has_news"].sum()), int((~news.items["is_known"]).sum())
    return (
        f"{busy:,} of {len(news.users):,} users and {unknown:,} of {len(news.items):,} items folded in, the others rest: "
        f"{step.why}"
    )


def read_sides(connection: duckdb.DuckDBPyConnection, settings: Settings) -> pd.DataFrame:
    """What belongs together by queries and by the catalog (sql/side_rows.sql)."""
    weights = {name: getattr(settings, name) for name in ("query_rows_weight", "attribute_rows_weight")}
    return fetch_table(connection, "side_rows", **weights).to_pandas()


def read_new(work: Work, connection: duckdb.DuckDBPyConnection) -> pd.Index:
    """The items that were listed lately; none where such have no vectors."""
    new = find_lately_listed(work, connection) if work.run.settings.new_items_weight else None
    return pd.Index(new["item_id"].to_pandas() if new is not None else [], dtype="str")
