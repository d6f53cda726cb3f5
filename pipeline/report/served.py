"""What the lists that readers had were worth: the rows of `prequential` for the database, a table and charts of the page."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.parquet as pq

from pipeline.manifests import find_table
from pipeline.report import charts
from pipeline.report.html import Html, card, element, join, number, table
from pipeline.run import Run

Figure = dict[str, Any]
Overall = dict[str, dict[str, list[float]]]  # list: metric: the figure and its bounds
NAMES = {"served": "served", "popular": "popular list", "recent": "taken lately", "item_knn": "similar items"}
CHARTED = {"served": 0, "popular": 3, "item_knn": 4}
WORDS = {
    "recall": "recall",
    "ndcg": "NDCG",
    "hit_rate": "hit rate",
    "mrr": "MRR",
    "coverage": "coverage",
    "novelty": "novelty",
    "diversity": "diversity",
    "popularity": "popularity",
}
SLICES = {
    "all": "all users",
    "personal": "users with a list of their own",
    "searches": "users listed by searches alone",
    "popular": "users given the popular list",
    "new": "items that were new to them",
    "head": "popular items",
    "tail": "other items",
}


def read_figures(run: Run) -> list[Figure]:
    """The rows of `prequential`; none where it has not landed. Raises `OSError` or `ArrowException` when it is damaged."""
    found = find_table(run, "prequential")
    return pq.read_table(found[0]).to_pylist() if found else []


def longest(figures: Sequence[Figure]) -> list[Figure]:
    """Those at the greatest k."""
    most = max((figure["k"] for figure in figures), default=0)
    return [figure for figure in figures if figure["k"] == most]


def overall(figures: Sequence[Figure]) -> Overall:
    """Recall and NDCG over all users, for the charts of later pages."""
    found: Overall = {}
    for figure in longest(figures):
        if figure["slice"] == "all" and figure["metric"] in ("recall", "ndcg") and figure["list"] in CHARTED:
            bounds = [figure["value"], figure["low"], figure["high"]]
            found.setdefault(figure["list"], {})[figure["metric"]] = bounds
    return found


def chart(hours: Sequence[str], served: Sequence[Mapping[str, Any]], metric: str) -> Html | None:
    """A figure of served lists beside the popular list and similar items, hour by hour; None where there is none."""
    found = {name: [hour.get(name, {}).get(metric) for hour in served] for name in CHARTED}
    if not any(one for values in found.values() for one in values):
        return None
    series = {NAMES[name]: [one and one[0] for one in values] for name, values in found.items()}
    bands = {NAMES[name]: [one and (one[1], one[2]) for one in values] for name, values in found.items()}
    return charts.lines(hours, series, list(CHARTED.values()), {}, bands=bands)


def served_lists(figures: Sequence[Figure]) -> Html | None:
    """The hour's figures: each list over all users, and recall by slice. None where too few users took anything."""
    found = {(one["list"], one["slice"], one["metric"]): one for one in longest(figures)}
    if not found:
        return None
    first = found["served", "all", "recall"]
    since = "the last hour's" if first["age_hours"] == 1 else f"{first['age_hours']} hours old"
    by_metric = [[NAMES[name], *(_value(found.get((name, "all", metric))) for metric in WORDS)] for name in NAMES]
    known = [part for part in SLICES if ("served", part, "recall") in found]
    by_slice = [
        [
            SLICES[part],
            number(found["served", part, "recall"]["users"]),
            *(_bounds(found.get((name, part, "recall"))) for name in NAMES),
        ]
        for part in known
    ]
    return card(
        "What served lists were worth",
        table(["list", *WORDS.values()], by_metric, right=tuple(WORDS.values())),
        element("h3", f"Recall at {first['k']}, with 95 % interval"),
        table(["of", "users", *NAMES.values()], by_slice, right=("users", *NAMES.values())),
        hint=f"Lists as readers had them, {since}, against what {number(first['users'])} users took in this hour. "
        "Nothing is said of fewer than 20 users.",
    )


def _value(figure: Figure | None) -> str:
    return "–" if figure is None else f"{figure['value']:.3f}"


def _bounds(figure: Figure | None) -> Html:
    if figure is None:
        return join("–")
    bounds = element("span", f" {figure['low']:.3f}–{figure['high']:.3f}", class_="soft")
    return join(f"{figure['value']:.3f}", bounds)
