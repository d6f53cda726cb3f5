"""The model learnt by Spark: MLlib's ALS on the confidences of `pipeline.als`, its factors as this pipeline knows them.

MLlib's confidence is 1 + alpha * rating, so that ours of what was met is the same with log(1 + weight) for a rating. Two
things are not the same. Its penalty is regParam times the pairs of the row or column that is solved for (*Scaling of the
regularization parameter* in its documentation of collaborative filtering), ours is one for all: regParam is chosen so
that an average row or column is held back as much. And nothing that is known can count less than what is not: a hint
whose confidence is below 1 counts as 1 (docs/decisions/0049-spark.md).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline import als
from pipeline.als import Floats
from pipeline.model import Model, Scale, add_new, fold_in
from pipeline.model_files import Factors, unite
from pipeline.settings import Settings
from pipeline.side_rows import side_matrix
from pipeline.spark.tables import Connection, connect, view_files

LEAST = 1e-6  # of confidence beyond an unseen pair's: MLlib takes a rating of nothing for no preference


def learn(interactions: Path, sides: pd.DataFrame, new: pd.Index, settings: Settings, spill: Path) -> Model:
    """What `pipeline.model.learn` gives for the pairs of a file of interactions, learnt anew.

    The pairs stay in Spark; ids and vectors come here, and so do the pairs of those whom models are judged by.
    """
    with connect(settings, spill) as connection:
        view_files(connection, "interactions", [interactions])
        # The query's rows are asked for several times: they are computed once.
        pairs = connection.query("model_pairs", {"holdout_share": settings.holdout_share}).persist()
        pairs.createOrReplaceTempView("pairs")
        users, items = (number(connection, column) for column in ("user_id", "item_id"))
        scale, usual = weigh(connection, (len(users), len(items)), settings)
        examined = connection.session.sql("select * from pairs where is_examined order by user_id, item_id")
        asked = examined.toArrow().to_pandas()
        beside = side_matrix(sides, items, scale.alpha, usual, settings)
        add_rows(connection, beside, len(users), scale.alpha)
        count = connection.session.table("ratings").count()
        lines = len(users) + beside.shape[0] + len(items)
        penalty = scale.regularization / (2 * count / lines)
        row_factors, item_factors = fit(connection, scale.alpha, penalty, settings)
    found = add_new(Factors(items, item_factors), sides, new, settings)
    known = Factors(users, row_factors[: len(users)])
    folded = fold_in(asked, found, scale, settings)
    return Model(unite(known, folded), found, scale, beside.shape[0], len(found.ids) - len(items))


def number(connection: Connection, column: str) -> pd.Index:
    """The ids of the pairs that may be learnt from, sorted; `<column>s` numbers them in this order, from 0."""
    rows = connection.session.sql(
        f"select {column}, cast(row_number() over (order by {column}) - 1 as int) as place "  # noqa: S608  # ours
        f"from (select distinct {column} from pairs where not is_examined) order by {column}"
    ).persist()
    rows.createOrReplaceTempView(f"{column}s")
    return pd.Index(rows.select(column).toArrow()[column].to_pandas())


def weigh(connection: Connection, shape: tuple[int, int], settings: Settings) -> tuple[Scale, float]:
    """Alpha and regularisation as on one machine, and the confidence of an average pair; `ratings` are the pairs' own."""
    session = connection.session
    interest = f"ln(1 + pairs.weight / {float(als.UNIT)}D)"
    (one,) = session.sql(
        f"select count(*) as pairs, avg({interest}) as interest, avg(if(kind = 'search', 0, 1)) as met "  # noqa: S608
        "from pairs where not is_examined"
    ).collect()
    alpha = als.fit_alpha(one.interest, one.pairs, shape, settings)
    usual = alpha * one.interest + float(one.met)
    scale = Scale(alpha, als.fit_regularization(usual, one.pairs, sum(shape), settings))
    least = f"greatest({interest} - if(kind = 'search', {1 / alpha!r}D, 0D), {LEAST / alpha!r}D)"
    session.sql(
        f"select user_ids.place as row, item_ids.place as column, cast({least} as float) as rating from pairs "  # noqa: S608
        "inner join user_ids on pairs.user_id = user_ids.user_id inner join item_ids on pairs.item_id = item_ids.item_id "
        "where not is_examined"
    ).createOrReplaceTempView("ratings")
    return scale, usual


def add_rows(connection: Connection, beside: Any, first: int, alpha: float) -> None:
    """The view `ratings` has these rows of confidences besides, numbered from `first` on."""
    cells = beside.tocoo()
    ratings = np.maximum(cells.data - 1, LEAST) / alpha
    columns = {"row": (cells.row + first).astype(np.int32), "column": cells.col.astype(np.int32)}
    connection.register("side_ratings", pa.table(columns | {"rating": ratings.astype(np.float32)}))
    both = "select * from ratings union all select * from side_ratings"
    connection.session.sql(both).persist().createOrReplaceTempView("ratings")


def fit(connection: Connection, alpha: float, penalty: float, settings: Settings) -> tuple[Floats, Floats]:
    """Factors of the rows (rows x d) and columns (items x d) of the view `ratings`, in the order of their numbers."""
    from pyspark.ml.recommendation import ALS

    blocks = max(10, connection.session.sparkContext.defaultParallelism)
    model = ALS(
        rank=settings.factors,
        maxIter=settings.iterations,
        regParam=penalty,
        alpha=alpha,
        implicitPrefs=True,
        seed=settings.seed,
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        userCol="row",
        itemCol="column",
        ratingCol="rating",
    ).fit(connection.session.table("ratings"))
    rows, items = (one.orderBy("id").toArrow()["features"] for one in (model.userFactors, model.itemFactors))
    return as_floats(rows, settings.factors), as_floats(items, settings.factors)


def as_floats(vectors: pa.ChunkedArray, width: int) -> Floats:
    """Lists of numbers as rows."""
    return vectors.combine_chunks().flatten().to_numpy().astype(np.float32).reshape(-1, width)
