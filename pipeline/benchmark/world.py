"""What the rivals are given and what they are held against: train pairs, wanted items, and which items are ranked."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.als import Ints
from pipeline.errors import BadInput

NOTHING = -1  # an empty place, or an item that nobody in train met


@dataclass(frozen=True)
class World:
    """Train as a matrix of weights, and the users to judge by: `wanted` has a row for each of them.

    `candidates` is None for a full ranking without what the user met in train; else each judged user's items to rank, the
    wanted one first, NOTHING in empty places. `notes` says what was left out.
    """

    train: sp.csr_matrix  # users x items
    judged: Ints  # rows of train
    wanted: sp.csr_matrix  # judged x items, 1 where wanted; what nobody met in train is in `counts` alone
    counts: NDArray[np.int64]  # wanted items of each judged user, also those that nobody met in train
    candidates: Ints | None = None
    notes: tuple[str, ...] = ()


def build_world(train: pd.DataFrame, test: pd.DataFrame, negatives: pd.DataFrame | None = None, seed: int = 0) -> World:
    """The world of these tables of pairs (see `read`). Pairs that repeat in train add up their weights.

    Items stand in an order drawn by lot, so that ties favour nobody. Left out of the test, and said so: users that train
    does not know, pairs that train has.
    """
    users, items = pd.Index(train["user"].unique()), pd.Index(train["item"].unique())
    items = items[np.random.default_rng(seed).permutation(len(items))]
    shape = (len(users), len(items))
    places = (users.get_indexer(train["user"]), items.get_indexer(train["item"]))
    matrix = sp.csr_matrix((train["weight"].to_numpy(np.float64), places), shape=shape)
    matrix.sum_duplicates()
    test = test.drop_duplicates(["user", "item"])
    rows, columns = users.get_indexer(test["user"]), items.get_indexer(test["item"])
    known = rows >= 0
    cells = places[0].astype(np.int64) * len(items) + places[1]
    repeated = known & (columns >= 0) & np.isin(rows.astype(np.int64) * len(items) + columns, cells)
    kept = known & ~repeated
    if not kept.any():
        raise BadInput(f"none of the {len(test):,} test pairs has a user of train and an item new to that user.")
    notes = []
    for count, what in (
        (int((~known).sum()), "of users that train does not know: left out"),
        (int(repeated.sum()), "that train has: left out"),
        (int((columns[kept] < 0).sum()), "on items that train does not know: counted as missed"),
    ):
        if count:
            notes.append(f"{count:,} test pairs {what}")
    judged, lines = np.unique(rows[kept], return_inverse=True)
    counts = np.bincount(lines, minlength=len(judged))
    inside = columns[kept] >= 0
    places = (lines[inside], columns[kept][inside])
    wanted = sp.csr_matrix((np.ones(int(inside.sum()), np.float32), places), shape=(len(judged), len(items)))
    judged = judged.astype(np.int32)
    candidates = None
    if negatives is not None:
        if (counts != 1).any():
            raise BadInput(
                f"with negatives every user has one test item; {int((counts != 1).sum()):,} users have more."
            )
        first = np.full(len(judged), NOTHING, np.int32)
        first[lines] = columns[kept]
        candidates = _list_candidates(users[judged], items[first], first, negatives, users, items)
    return World(matrix, judged, wanted, counts, candidates, tuple(notes))


def _list_candidates(
    names: pd.Index, items_wanted: pd.Index, first: Ints, negatives: pd.DataFrame, users: pd.Index, items: pd.Index
) -> Ints:
    """Judged users x (1 + negatives): the wanted item, then the negatives; raises `BadInput` where some are missing."""
    table = negatives.drop_duplicates("user").set_index("user")
    places = table.index.get_indexer(names)
    if (places < 0).any():
        raise BadInput(f"the negatives have no line for {int((places < 0).sum()):,} of {len(names):,} test users.")
    chosen = table.iloc[places]
    differ = (chosen["item"].to_numpy() != items_wanted.to_numpy()) & (first >= 0)
    if differ.any():
        raise BadInput(f"the negatives name another test item than the test file for {int(differ.sum()):,} users.")
    width = int(chosen["negatives"].str.len().max())
    found = np.full((len(names), 1 + width), NOTHING, np.int32)
    found[:, 0] = first
    lengths = chosen["negatives"].str.len().to_numpy()
    flat = items.get_indexer(chosen["negatives"].explode().to_numpy())
    lines = np.repeat(np.arange(len(names)), lengths)
    found[lines, 1 + np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)] = flat
    return found


def hold_out(train: pd.DataFrame, share: float, sampled: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train in two: what is left to learn from, and of each user with three pairs or more the newest held out.

    Held out is a share of the user's items, at least one, or one alone when `sampled` negatives are to be ranked beside it;
    where the data has no times the lot decides.
    """
    pairs = train.groupby(["user", "item"], sort=False, as_index=False).agg(
        weight=("weight", "sum"), time=("time", "max")
    )
    lot = np.random.default_rng(seed).random(len(pairs))
    order = lot if pairs["time"].isna().any() else pairs["time"].to_numpy()
    sorted_places = np.lexsort((lot, order, pd.factorize(pairs["user"])[0]))
    pairs = pairs.iloc[sorted_places].reset_index(drop=True)
    size = pairs.groupby("user", sort=False)["item"].transform("size")
    from_last = size - pairs.groupby("user", sort=False).cumcount()
    taken = (from_last <= (1 if sampled else np.maximum(np.floor(share * size), 1))) & (size >= 3)
    return pairs[~taken], pairs[taken]


def sample_negatives(train: pd.DataFrame, hidden: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """For each held-out pair `count` items that its user never met, drawn by lot: as `read_negatives` has them."""
    items = train["item"].unique()
    met = train[train["user"].isin(hidden["user"])].groupby("user")["item"].agg(set)
    generator = np.random.default_rng(seed)
    rows = []
    for user, item in zip(hidden["user"], hidden["item"], strict=True):
        drawn = generator.permutation(len(items))[: count + len(met[user])]
        rows.append((user, item, [items[place] for place in drawn if items[place] not in met[user]][:count]))
    return pd.DataFrame(rows, columns=["user", "item", "negatives"])
