"""What each part of the model brings: `python bench/ablation.py shop|online_retail|bestbuy [FOLDER]`.

The demonstration shop is judged by its known truth, with three seeds: a week of trade in which all events on a tenth of the
items (listed today) and all but the searches of a seventh of the users are hidden. The two logs in FOLDER are judged by
time: learnt from the 30 days before a date, held against what is new to each user in the days after it; on Best Buy
the clicks of a seventh of the users are hidden and are what their lists are held against. Prints recall@20 with 95 %
intervals over users, of each part added to those before it, by kind of user; "among new" is recall@5 of lists of new
items alone, beside lists of new items of the user's favourite categories.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp
from ablation_cases import LOGS, Case, K, make_cases, popular_list

from pipeline import metrics
from pipeline.benchmark.rivals import BLEND, learn_bm25, standardize
from pipeline.model import learn
from pipeline.settings import Settings, load_settings

AMONG = 5
BASE = "+ hints of searches"  # the model without side rows
NO_SIDES = {"query_rows_weight": 0.0, "attribute_rows_weight": 0.0, "new_items_weight": 0.0}
# name: (settings, whether hints of searches are learnt from, the share of item-kNN)
PARTS: dict[str, tuple[dict[str, float], bool, float]] = {
    "clicks only": (NO_SIDES, False, 0.0),
    "+ hints of searches": (NO_SIDES, True, 0.0),
    "  + query rows": (NO_SIDES | {"query_rows_weight": 0.3}, True, 0.0),
    "+ attribute rows": (NO_SIDES | {"attribute_rows_weight": 3.0}, True, 0.0),
    "  + query rows too": (NO_SIDES | {"query_rows_weight": 0.3, "attribute_rows_weight": 3.0}, True, 0.0),
    "+ new items": (NO_SIDES | {"attribute_rows_weight": 3.0, "new_items_weight": 1.0}, True, 0.0),
    "  + item-kNN": (NO_SIDES | {"attribute_rows_weight": 3.0, "new_items_weight": 1.0}, True, BLEND),
}


def list_items(case: Case, settings: Settings, hints: bool, share: float) -> tuple[dict, dict, float]:
    """Lists of all items and of new ones alone, by user, and the seconds of learning; the popular list without factors."""
    pairs, offered = case.tables["interactions"], case.tables["items"]
    pairs = (pairs if hints else pairs[pairs["kind"] != "search"]).assign(is_examined=False)
    began = time.perf_counter()
    available = pd.Index(offered["item_id"][offered["is_available"]])
    # New items that the settings give no factors could only come in by lot.
    model = learn(
        pairs,
        case.sides(settings),
        case.new[case.new.isin(available)] if settings.new_items_weight else case.new[:0],
        settings,
    )
    seconds = time.perf_counter() - began
    ids, users = model.items.ids, sorted({user for kind in case.wanted.values() for user in kind})
    at = model.users.ids.get_indexer(users)
    vectors = np.where((at >= 0)[:, None], model.users.vectors[at], 0)
    scores = vectors @ model.items.vectors.T
    if share:
        deeds = pairs[pairs["kind"] != "search"]
        every = pd.Index(deeds["user_id"].unique())
        places = (every.get_indexer(deeds["user_id"]), ids.get_indexer(deeds["item_id"]))
        met = sp.csr_matrix((np.ones(len(deeds)), places), shape=(len(every), len(ids)))
        found = every.get_indexer(users)
        near = np.zeros(scores.shape, np.float32)
        near[found >= 0] = learn_bm25(met, settings)(found[found >= 0])
        scores = standardize(scores) + np.float32(share) * standardize(near)
    scores[:, ~ids.isin(available)] = -np.inf
    for row, user in enumerate(users):
        gone = ids.get_indexer(list(case.left_out.get(user, ())))
        scores[row, gone[gone >= 0]] = -np.inf
    popular = popular_list(case)

    def best(among: np.ndarray) -> dict[str, list[str]]:
        ranked = np.argsort(-np.where(among, scores, -np.inf), axis=1, kind="stable")[:, :K]
        kept = {user: list(ids[row]) for user, row in zip(users, ranked, strict=True)}
        return {user: kept[user] if vectors[row].any() else popular(user) for row, user in enumerate(users)}

    new = ids.isin(case.new)
    return best(np.ones(len(ids), bool)), best(new) if new.sum() >= AMONG else {}, seconds


def recalls(lists: dict[str, list[str]], wanted: dict[str, list[str]], k: int) -> Iterator[float]:
    """Each user's share of the wanted items that is in the list; users who want nothing are left out."""
    for user, items in wanted.items():
        if items:
            yield len(set(items).intersection(lists.get(user, ())[:k])) / min(k, len(items))


def tell(values: Sequence[float], sign: str = "") -> str:
    """The mean with its bounds."""
    if not len(values):
        return f"{'':>24}"
    low, high = metrics.bootstrap(np.array(values)[:, None], 0, 500)
    return f"{np.mean(values):>{sign}10.4f} {low[0]:{sign}.4f}–{high[0]:{sign}.4f}"


def main(what: str, folder: str) -> None:
    """Print the table of one set."""
    base = load_settings()
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    kinds = ("history", "searches only", "new items", "among new")
    for case in make_cases(what, folder, base):
        popular = popular_list(case)
        lists = {"popular": {user: popular(user) for kind in case.wanted.values() for user in kind}, **case.others}
        for name, mine in lists.items():
            for kind in kinds:
                if (kind == "among new") == (name == "popular in segment"):
                    found[name, kind] += recalls(mine, case.wanted[kind], AMONG if kind == "among new" else K)
        for name, (knobs, hints, share) in PARTS.items():
            whole, among, taken = list_items(case, base.model_copy(update=knobs), hints, share)
            seconds[name] += taken
            for kind in kinds:
                mine, k = (among, AMONG) if kind == "among new" else (whole, K)
                if mine:
                    found[name, kind] += recalls(mine, case.wanted[kind], k)
    print(f"{what}: recall with 95 % over users; gain: over {BASE!r}, of the same users with history")
    print(f"{'':<22}" + "".join(f"{kind:>24}" for kind in kinds) + f"{'gain':>26}{'s':>8}")
    for name in dict.fromkeys(name for name, _ in found):
        told = "".join(tell(found[name, kind]) for kind in kinds)
        if name in PARTS:
            gains = np.array(found[name, "history"]) - np.array(found[BASE, "history"])
            told += f"{tell(gains, '+'):>26}{seconds[name]:>8.1f}"
        print(f"{name:<22}{told}", flush=True)
    counts = ", ".join(f"{len(found['popular', kind])} {kind}" for kind in kinds[:3])
    print(f"users judged: {counts}")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ("shop", *LOGS):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else str(load_settings().data))
