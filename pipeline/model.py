"""What the model learns from: pairs of users and items, and beside them rows for queries and the catalog's attributes.

Side rows lie under the users' rows in one matrix, so that items that share a word, a brand or a query are drawn together
(docs/model.md). An item that was listed lately and that nobody met has no column in it: a column of unseen cells would pull
it to zero, though nobody had the chance to see it. It gets the factors that its attributes make likely.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.sparse.linalg import lsqr

from pipeline import als
from pipeline.als import Floats
from pipeline.model_files import Factors, positions
from pipeline.settings import Settings

# The penalty of the regression: so many items' worth of nothing stand against what an attribute says of its items' factors.
SHRINKAGE = 3.0
STEPS = 100  # of the solver; it needs about thirty


@dataclass(frozen=True)
class Model:
    """Factors of users and items, what they were learnt with, and how many side rows and new items there were."""

    users: Factors
    items: Factors
    alpha: float
    regularization: float
    side_rows: int
    new_items: int


def learn(pairs: pd.DataFrame, sides: pd.DataFrame, new: pd.Index, settings: Settings) -> Model:
    """The model of the interactions, with the rows of sql/side_rows.sql beside them.

    Items are those of the pairs and, of `new`, those that nobody met and whose attributes an item of the pairs has. Alpha
    and regularisation follow from the pairs alone. Without pairs there are no factors.
    """
    users, met = pd.Index(sorted(pairs["user_id"].unique())), pd.Index(sorted(pairs["item_id"].unique()))
    shape, weights = (len(users), len(met)), pairs["weight"].to_numpy()
    alpha = als.scale_alpha(weights, shape, settings)
    deeds = (pairs["kind"] != "search").to_numpy()
    rows, columns = positions(users, pairs["user_id"]), positions(met, pairs["item_id"])
    matrix = als.confidence(weights, deeds, rows, columns, shape, alpha)
    regularization = als.scale_regularization(matrix, settings)
    nothing = np.zeros((0, settings.factors), np.float32)
    if not len(pairs):
        return Model(Factors(users, nothing), Factors(met, nothing), alpha, regularization, 0, 0)
    beside = side_matrix(sides, met, alpha, float(matrix.sum(dtype=np.float64)) / matrix.nnz, settings)
    whole = sp.vstack([matrix, beside], format="csr") if beside.shape[0] else matrix
    row_factors, item_factors = als.fit(whole, regularization, settings)
    added, guessed = guess_factors(sides, met, new.difference(met), item_factors)
    ids = met.append(added)
    order = np.argsort(ids.to_numpy(), kind="stable")
    vectors = np.concatenate([item_factors, np.float32(settings.new_items_weight) * guessed])[order]
    return Model(
        Factors(users, row_factors[: len(users)]),
        Factors(ids[order], vectors),
        alpha,
        regularization,
        beside.shape[0],
        len(added),
    )


def side_matrix(sides: pd.DataFrame, items: pd.Index, alpha: float, usual: float, settings: Settings) -> sp.csr_matrix:
    """The confidences of side rows over these items; a row of a single item says nothing and is left out.

    An item of a query counts like a hint of the same weight, one of an attribute like a usual pair, each times the setting.
    """
    shared, names = shared_rows(sides, items)
    typed = settings.query_rows_weight * alpha * np.log1p(shared["weight"].to_numpy() / als.UNIT)
    values = np.where(shared["kind"] == "query", typed, settings.attribute_rows_weight * usual)
    places = (shared["row"].to_numpy(np.int32), positions(items, shared["item_id"]))
    return sp.csr_matrix((values.astype(np.float32), places), shape=(names, len(items)))


def shared_rows(sides: pd.DataFrame, items: pd.Index) -> tuple[pd.DataFrame, int]:
    """The side rows that at least two of these items have, those items of them, with the number `row`; how many rows."""
    inside = sides[sides["item_id"].isin(items)]
    by_row = inside.groupby(["kind", "name"], sort=True)["item_id"]
    inside = inside[(by_row.transform("size") > 1).to_numpy()]
    grouped = inside.groupby(["kind", "name"], sort=True)
    return inside.assign(row=grouped.ngroup()), grouped.ngroups


def guess_factors(sides: pd.DataFrame, met: pd.Index, new: pd.Index, factors: Floats) -> tuple[pd.Index, Floats]:
    """Those of the new items that share an attribute with met ones, and the factors (items x d) that attributes make likely.

    A ridge regression of the met items' factors on their attributes (Gantner et al., ICDM 2010).
    """
    attributes = sides[sides["kind"] != "query"]
    known, count = shared_rows(attributes, met)
    numbers = known.drop_duplicates("row")[["kind", "name", "row"]]
    asked = attributes[attributes["item_id"].isin(new)].merge(numbers, on=["kind", "name"])
    added = pd.Index(sorted(asked["item_id"].unique()), dtype=met.dtype)
    if not len(added):
        return added, np.zeros((0, factors.shape[1]), np.float32)
    having = mark(met, known, count)
    with als.own_threads():
        solved = [
            lsqr(having, column, damp=SHRINKAGE**0.5, iter_lim=STEPS)[0] for column in factors.T.astype(np.float64)
        ]
        return added, (mark(added, asked, count) @ np.stack(solved, axis=1)).astype(np.float32)


def mark(items: pd.Index, having: pd.DataFrame, count: int) -> sp.csr_matrix:
    """Items x side rows, with a one where the item has it."""
    places = (positions(items, having["item_id"]), having["row"].to_numpy(np.int32))
    return sp.csr_matrix((np.ones(len(having)), places), shape=(len(items), count))
