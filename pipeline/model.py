"""What the model learns from, and how it takes in what is new: pairs of users and items, with side rows beside them.

Users whom models are judged by (`is_examined`) teach it nothing of items, in no hour: they are folded in, so that no exam
asks what this model, or one that it was made from, has been told.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp

from pipeline import als
from pipeline.model_files import Factors, choose, find_vectors, positions, unite
from pipeline.settings import Settings
from pipeline.side_rows import guess_factors, side_matrix


@dataclass(frozen=True)
class Scale:
    """What the confidences and the penalty of a model were scaled with."""

    alpha: float
    regularization: float


@dataclass(frozen=True)
class Model:
    """Factors of users and items, what they were learnt with, and how many side rows and new items there were."""

    users: Factors
    items: Factors
    scale: Scale
    side_rows: int
    new_items: int


def learn(
    pairs: pd.DataFrame, sides: pd.DataFrame, new: pd.Index, settings: Settings, start: Factors | None = None
) -> Model:
    """The model of interactions (user_id, item_id, weight, kind, is_examined), with the rows of sql/side_rows.sql beside.

    Items are those of the pairs it may learn from and, of `new`, those that nobody met and whose attributes an item of the
    pairs has. Alpha and regularisation follow from these pairs alone; without any there are no factors. With the items of
    an earlier model to start from it makes one pass, without it all of them.
    """
    taught = pairs[~pairs["is_examined"]]
    users, met = pd.Index(sorted(taught["user_id"].unique())), pd.Index(sorted(taught["item_id"].unique()))
    alpha = als.scale_alpha(taught["weight"].to_numpy(), (len(users), len(met)), settings)
    matrix = weigh(taught, users, met, alpha)
    scale = Scale(alpha, als.scale_regularization(matrix, settings))
    if not len(taught):
        nothing = np.zeros((0, settings.factors), np.float32)
        return Model(Factors(users, nothing), Factors(met, nothing), scale, 0, 0)
    beside = side_matrix(sides, met, alpha, float(matrix.sum(dtype=np.float64)) / matrix.nnz, settings)
    whole = sp.vstack([matrix, beside], format="csr") if beside.shape[0] else matrix
    if start is None:
        row_factors, item_factors = als.fit(whole, scale.regularization, settings)
    else:
        row_factors, item_factors = als.pass_once(whole, find_vectors(start, met), scale.regularization, settings)
    items = add_new(Factors(met, item_factors), sides, new, settings)
    examined = fold_in(pairs[pairs["is_examined"]], items, scale, settings)
    known = Factors(users, row_factors[: len(users)])
    return Model(unite(known, examined), items, scale, beside.shape[0], len(items.ids) - len(met))


@dataclass(frozen=True)
class News:
    """What is new since a model: its users and items of now, and the pairs of those with news (as for `learn`).

    `users` (user_id, has_news, is_examined) has a row for everybody with an interaction, `items` (item_id, is_known) one
    for every item that somebody met whom a model may learn from.
    """

    users: pd.DataFrame
    items: pd.DataFrame
    pairs: pd.DataFrame


def take_in(news: News, before: Model, sides: pd.DataFrame, new: pd.Index, settings: Settings) -> Model:
    """The model before with the news folded in: its items' factors rest, and so do those of users without news.

    An item that it did not know is folded in as users are, from the vectors of those who met it; then their vectors again.
    """
    known = news.items.loc[news.items["is_known"], "item_id"]
    rested = choose(before.items, pd.Index(known))
    still = choose(before.users, pd.Index(news.users.loc[~news.users["has_news"], "user_id"]))
    moved = pd.Index(news.users.loc[news.users["has_news"], "user_id"])
    busy = news.pairs[positions(moved, news.pairs["user_id"]) >= 0]
    unknown = news.items.loc[~news.items["is_known"], "item_id"]
    met = rested
    if len(unknown):
        taught = news.users.loc[~news.users["is_examined"], "user_id"]
        first = choose(unite(still, fold_in(busy, rested, before.scale, settings)), pd.Index(taught))
        seen = news.pairs[positions(pd.Index(unknown), news.pairs["item_id"]) >= 0]
        turned = seen.rename(columns={"user_id": "item_id", "item_id": "user_id"})
        met = unite(rested, fold_in(turned, first, before.scale, settings))
    items = add_new(met, sides, new, settings)
    users = unite(still, fold_in(busy, items, before.scale, settings))
    return Model(users, items, before.scale, 0, len(items.ids) - len(met.ids))


def weigh(pairs: pd.DataFrame, users: pd.Index, items: pd.Index, alpha: float) -> sp.csr_matrix:
    """The confidences (users x items) of pairs of these items; others are left out."""
    columns = positions(items, pairs["item_id"])
    known = pairs[columns >= 0]
    rows, columns = positions(users, known["user_id"]), columns[columns >= 0]
    deeds = (known["kind"] != "search").to_numpy()
    return als.confidence(known["weight"].to_numpy(np.int64), deeds, rows, columns, (len(users), len(items)), alpha)


def fold_in(pairs: pd.DataFrame, items: Factors, scale: Scale, settings: Settings) -> Factors:
    """The users of the pairs with the vectors that the items' make of what they did; zero for who met none of these."""
    users = pd.Index(sorted(pairs["user_id"].unique()))
    matrix = weigh(pairs, users, items.ids, scale.alpha)
    return Factors(users, als.fold_in(items.vectors, matrix, scale.regularization, settings))


def add_new(met: Factors, sides: pd.DataFrame, new: pd.Index, settings: Settings) -> Factors:
    """The items with those of `new` that nobody met, where their attributes make a vector likely."""
    added, guessed = guess_factors(sides, met.ids, new.difference(met.ids), met.vectors)
    return unite(met, Factors(added, np.float32(settings.new_items_weight) * guessed))
