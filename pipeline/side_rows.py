"""Rows of queries and of the catalog's attributes beside those of users, and what attributes say of items nobody met.

Side rows lie under the users' rows in one matrix, so that items that share a word, a brand or a query are drawn together
(docs/model.md). An item that was listed lately and that nobody met has no column in it: a column of unseen cells would pull
it to zero, though nobody had the chance to see it. It gets the factors that its attributes make likely.
"""

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.sparse.linalg import lsqr

from pipeline import als
from pipeline.als import Floats
from pipeline.model_files import positions
from pipeline.settings import Settings

# The penalty of the regression: so many items' worth of nothing stand against what an attribute says of its items' factors.
SHRINKAGE = 3.0
STEPS = 100  # of the solver; it needs about thirty


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
