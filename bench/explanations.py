"""Which reason to give: `python bench/explanations.py shop|online_retail|bestbuy [FOLDER]`, or with `cost` what it takes.

A place of a user's list is explained by one thing of the user's history. Ways to choose it: `exact`, what the pipeline does
(pipeline/reasons.py), the largest term of the sum that the score is; `second`, what is named beside it where something is;
`likeness`, the item that points the same way, cosine^3 times the user's interest, among the ten that the user cares for
most; `heaviest`, what the user cares for most, whatever is listed. Learnt from the cases of `ablation.py`. Of places whose
item the user has not met, prints the share that each way names as `exact` does; that of references of the item's own product
type and category, and the likeness of both in what truly decides in the demonstration shop (of logs: of the words of
their titles); how much of the score is lost when the user had not done what is named, and how often the item leaves the
list then; and how often a model of another seed names the same. `cost` times it on lists of 100,000 users.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.sparse as sp
from ablation_cases import LOGS, SEEDS, Case, K, cut, trade

from pipeline import als, topk
from pipeline.als import Floats, Ints
from pipeline.model import Model, learn
from pipeline.model_files import pair_matrix, positions
from pipeline.reasons import choose_references
from pipeline.settings import Settings, load_settings
from pipeline.shop.world import TYPE_CATEGORY, make_world

ASKED = 300  # users of a case for whom every deed is undone
HISTORY = 10
WAYS = ("exact", "second", "likeness", "heaviest")
Likeness = Callable[[pd.Index, Ints, Ints], dict[str, np.ndarray]]


def by_likeness(items: Floats, lists: Ints, matrix: sp.csr_matrix, interest: Floats, is_blind: bool = False) -> Ints:
    """For each place of `lists` (users x k) the cell of `matrix` (users x items) that explains it, -1 without one."""
    chosen = np.full(lists.shape, -1, np.int64)
    directions = items / np.maximum(np.linalg.norm(items, axis=1, keepdims=True), 1e-12)
    for user in np.flatnonzero(np.diff(matrix.indptr)):
        cells = np.arange(*matrix.indptr[user : user + 2])
        cells = cells[np.argsort(-interest[cells], kind="stable")][:HISTORY]
        past, listed = matrix.indices[cells], lists[user]
        likeness = np.ones((len(listed), 1)) if is_blind else directions[listed] @ directions[past].T
        speaks = np.where(listed[:, None] == past, np.inf, likeness**3 * interest[cells])
        chosen[user] = np.where(listed >= 0, cells[speaks.argmax(axis=1)], -1)
    return chosen


def told_by_shop(seed: int) -> Likeness:
    """Product type, category and true vectors of the world of this seed."""
    world = make_world(seed, 2000, 1000)
    place = pd.Index(world.item_ids)
    directions = world.vectors / np.linalg.norm(world.vectors, axis=1, keepdims=True)

    def compare(ids: pd.Index, first: Ints, second: Ints) -> dict[str, np.ndarray]:
        one, two = place.get_indexer(ids[first]), place.get_indexer(ids[second])
        kinds = world.type_of[one], world.type_of[two]
        return {
            "same type": kinds[0] == kinds[1],
            "same category": TYPE_CATEGORY[kinds[0]] == TYPE_CATEGORY[kinds[1]],
            "true likeness": (directions[one] * directions[two]).sum(axis=1),
        }

    return compare


def told_by_titles(titles: pd.Series) -> Likeness:
    """The cosine of the words of both titles, each weighed by how few titles hold it."""
    words = titles.fillna("").str.lower().str.findall(r"[a-z]+")
    rows = np.repeat(np.arange(len(words)), words.str.len())
    codes, names = pd.factorize(words.explode().dropna())
    held = sp.csr_matrix((np.ones(len(codes)), (rows, codes)), shape=(len(words), len(names)))
    held.data[:] = 1
    rarity = np.log(len(words) / np.maximum(np.asarray(held.sum(axis=0)).ravel(), 1))
    weighed = sp.csr_matrix(held.multiply(rarity))
    norms = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel())

    def compare(ids: pd.Index, first: Ints, second: Ints) -> dict[str, np.ndarray]:
        one, two = titles.index.get_indexer(ids[first]), titles.index.get_indexer(ids[second])
        shared = np.asarray(weighed[one].multiply(weighed[two]).sum(axis=1)).ravel()
        return {"true likeness": shared / np.maximum(norms[one] * norms[two], 1e-9)}

    return compare


class Asked:
    """A case's model with its lists and the history behind them."""

    def __init__(self, case: Case, settings: Settings) -> None:
        pairs, self.settings = case.tables["interactions"], settings
        offered = pd.Index(case.tables["items"].query("is_available")["item_id"])
        new = case.new[case.new.isin(offered)]
        self.model: Model = learn(pairs, case.sides(settings), new, settings)
        self.ids, users = self.model.items.ids, self.model.users.ids
        rows, columns = positions(users, pairs["user_id"]), positions(self.ids, pairs["item_id"])
        order = np.lexsort((columns, rows))
        weights, deeds = pairs["weight"].to_numpy()[order], (pairs["kind"] != "search").to_numpy()[order]
        shape = (len(users), len(self.ids))
        self.matrix = als.confidence(weights, deeds, rows[order], columns[order], shape, self.model.alpha)
        self.interest = np.log1p(weights / als.UNIT).astype(np.float32)
        self.kinds = pairs["kind"].to_numpy(object)[order]
        gone = case.left_out
        names = [(user, item) for user in users for item in gone.get(user, ())]
        table = pd.DataFrame(names, columns=["user_id", "item_id"])
        self.owned = pair_matrix(users, self.ids, table["user_id"], table["item_id"])
        self.never = np.flatnonzero(~self.ids.isin(offered)).astype(np.int32)
        self.lists = self.best(self.model.users.vectors, self.owned)
        self.is_met = (
            np.asarray(self.matrix[np.repeat(np.arange(shape[0]), K), np.maximum(self.lists, 0).ravel()]).reshape(
                self.lists.shape
            )
            != 0
        )

    def best(self, vectors: Floats, owned: sp.csr_matrix) -> Ints:
        """The lists of these vectors."""
        top = topk.best_items(vectors, self.model.items.vectors, K, owned, self.never, self.settings)
        return np.where(top.scores > topk.PADDING, top.indices, -1)

    def choose(self) -> dict[str, Ints]:
        """The cells that each way names."""
        items, strength = self.model.items.vectors, self.model.regularization
        exact = choose_references(items, self.lists, self.matrix, self.kinds, strength)
        given = items, self.lists, self.matrix, self.interest
        others = {"likeness": by_likeness(*given), "heaviest": by_likeness(*given, is_blind=True)}
        return {"exact": exact[..., 0], "second": exact[..., 1], **others}

    def undo(self, chosen: dict[str, Ints]) -> dict[str, list[tuple[float, bool]]]:
        """By way, for each place: what is lost of the score when what is named had not been done; whether it leaves."""
        vectors, told = self.model.items.vectors, defaultdict(list)
        draw = np.random.default_rng(0).permutation(np.flatnonzero(np.diff(self.matrix.indptr) > 1))[:ASKED]
        for user in draw:
            begin, end = self.matrix.indptr[user : user + 2]
            without = np.tile(self.matrix[user].toarray()[0], (end - begin + 1, 1))
            without[np.arange(1, end - begin + 1), self.matrix.indices[begin:end]] = 0
            folded = als.fold_in(vectors, sp.csr_matrix(without), self.model.regularization, self.settings)
            scores = folded @ vectors.T
            lists = self.best(folded, sp.vstack([self.owned[user]] * len(folded), format="csr"))
            for way, cells in chosen.items():
                for place in np.flatnonzero((cells[user] >= 0) & ~self.is_met[user]):
                    item, line = self.lists[user, place], cells[user, place] - begin + 1
                    told[way].append((1 - scores[line, item] / scores[0, item], item not in lists[line]))
        return told


def main(what: str, folder: str) -> None:
    """Print the table of one set."""
    base, found, places = load_settings(), defaultdict(list), 0
    for which in SEEDS if what == "shop" else LOGS[what][0][::5]:
        case = trade(which, base) if what == "shop" else cut(what, which, folder, base)
        titles = case.tables["items"].set_index("item_id")["title"]
        compare = told_by_shop(which) if what == "shop" else told_by_titles(titles)
        asked, other = Asked(case, base), Asked(case, base.model_copy(update={"seed": base.seed + 1}))
        chosen, again = asked.choose(), other.choose()
        undone = asked.undo(chosen)
        at = {(row, item): column for row, line in enumerate(other.lists) for column, item in enumerate(line)}
        has_choice = np.diff(asked.matrix.indptr)[:, None] > 1
        for way in WAYS:
            user, place = np.nonzero((chosen[way] >= 0) & ~asked.is_met & has_choice)
            cells = chosen[way][user, place]
            there = np.array([at.get(pair, -1) for pair in zip(user, asked.lists[user, place], strict=True)])
            found[way, "places"] += [len(user)]
            found[way, "as exact"] += list(cells == chosen["exact"][user, place])
            for name, values in compare(asked.ids, asked.lists[user, place], asked.matrix.indices[cells]).items():
                found[way, name] += list(values)
            found[way, "score lost"] += [lost for lost, _ in undone[way]]
            found[way, "leaves"] += [leaves for _, leaves in undone[way]]
            found[way, "other seed"] += list((again[way][user, there] == cells)[there >= 0])
        places += len(set(user))
    measures = [name for name in dict.fromkeys(name for _, name in found) if name != "places"]
    print(f"{what}, {places:,} users\n{'':<12}{'places':>10}" + "".join(f"{name:>15}" for name in measures))
    for way in WAYS:
        figures = "".join(f"{np.mean(found[way, name]):>15.3f}" for name in measures)
        print(f"{way:<12}{sum(found[way, 'places']):>10,}{figures}")


def cost() -> None:
    """Print the seconds for lists of many users, beside those of likeness alone: one product of matrices for each user."""
    draw, users, items, width = np.random.default_rng(0), 100_000, 20_000, load_settings().factors
    factors = draw.normal(0, 0.1, (items, width)).astype(np.float32)
    counts = np.minimum(draw.geometric(1 / 20, users), 1000)
    columns = np.concatenate([np.sort(draw.choice(items, count, replace=False)) for count in counts]).astype(np.int32)
    values = draw.uniform(1, 10, len(columns)).astype(np.float32)
    matrix = sp.csr_matrix((values, columns, np.concatenate([[0], np.cumsum(counts)])), shape=(users, items))
    lists, kinds = draw.integers(0, items, (users, K)).astype(np.int32), np.full(len(columns), "click", object)
    for way in ("exact", "likeness"):
        began = time.process_time()
        if way == "exact":
            choose_references(factors, lists, matrix, kinds, 5.0)
        else:
            by_likeness(factors, lists, matrix, values)
        took = time.process_time() - began
        print(f"{way:<12} {users:,} users with {len(columns):,} pairs: {took:.1f} s of processor")


if __name__ == "__main__":
    if sys.argv[1:2] == ["cost"]:
        cost()
    elif len(sys.argv) > 1 and sys.argv[1] in ("shop", *LOGS):
        main(sys.argv[1], (sys.argv[2:] or ["."])[0])
    else:
        sys.exit(__doc__)
