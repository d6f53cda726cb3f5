"""What arms' lists were worth, side by side: means over users with 95 % intervals, each arm beside the first one.

Every user counts the same, however often they read. All arms answer the same reads, so differences are of the same users in
the same resamples (paired bootstrap; Efron & Tibshirani 1993). Arms with several seeds are the mean of them, read by read.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline import metrics
from pipeline.comparison.quality import Floats, Scores, World

METRICS = ("recall", "ndcg", "hit_rate")
HOURS_BEFORE = (0.0, 1.0, 4.0, 24.0)
LIST_AGES = {"under 15 min": 900.0, "15 to 75 min": 4500.0, "75 min to 4 h": 14_400.0, "4 to 24 h": 86_400.0}
OLDER = "over 24 h"
MIN_USERS = 20  # from fewer no interval is made: chance decides
RESAMPLES = 1000
Mask = NDArray[np.bool_]


class Row(NamedTuple):
    """One figure of an arm: the mean over its seeds, its 95 % interval over users, and the least and most of its seeds."""

    arm: str
    family: str
    measure: str
    slice: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    least: float | None
    most: float | None


Figures = dict[tuple[str, str], list[Floats]]  # by arm and measure: each seed's figure of every read


def user_means(values: Floats, users: NDArray[np.int64], mask: Mask) -> tuple[Floats, NDArray[np.int64]]:
    """Users x figures: the mean of each user's reads in the mask (`values` are reads x figures); and who they are."""
    there, at = np.unique(users[mask], return_inverse=True)
    counts = np.bincount(at, minlength=len(there))
    sums = [np.bincount(at, weights=column, minlength=len(there)) for column in values[mask].T]
    return np.stack(sums, axis=1) / counts[:, None] if len(there) else np.empty((0, values.shape[1])), there


def worth(world: World, scores: Mapping[str, Sequence[Scores]], rivals: Sequence[str], seed: int) -> Iterator[Row]:
    """Every row of what the arms' lists were worth; `scores` are those of each arm's seeds, the first arm first.

    `rivals` are the arms that can win, in the same order.
    """
    everything = np.ones(len(world.users), bool)
    served: Figures = {(arm, name): [one.served[name] for one in of] for arm, of in scores.items() for name in METRICS}
    for name, mask in {"all": everything, "warm": world.is_warm, "cold": ~world.is_warm}.items():
        yield from compare(served, list(scores), world.users, mask, name, seed)
    new: Figures = {(arm, name): [one.new[name] for one in of] for arm, of in scores.items() for name in METRICS}
    yield from compare(new, list(scores), world.users, np.diff(world.new.indptr) > 0, "new items", seed)
    for arm, of in scores.items():
        novelty: Figures = {(arm, "novelty"): [one.novelty for one in of]}
        # Reads that showed a list in every seed: no list is not a list of popular items.
        has_shown = np.logical_and.reduce([~np.isnan(one.novelty) for one in of])
        yield from means(novelty, world.users, has_shown, "quality", "all", seed, "bit")
        shares = [one.coverage for one in of]
        mean, least, most = float(np.mean(shares)), min(shares), max(shares)
        yield Row(arm, "quality", "coverage", "all", "share", mean, None, None, len(world.rarity), least, most)
        yield from by_list_age(arm, of, world, seed)
    yield from behind(served, rivals, world.users, "rivals", seed)
    yield from staleness(world, scores, seed)


def compare(
    figures: Figures, arms: list[str], users: NDArray[np.int64], mask: Mask, name: str, seed: int
) -> Iterator[Row]:
    """The figures of a slice, and what each arm has more of them than the first arm, and less than the best one."""
    yield from means(figures, users, mask, "quality", name, seed)
    gains: Figures = {}
    for arm in arms[1:]:
        for metric in METRICS:
            pairs = (figures[arm, metric], figures[arms[0], metric])
            gains[arm, metric] = [mine - theirs for mine, theirs in _pair(*pairs)]
    yield from means(gains, users, mask, "gain", name, seed)
    if name == "all":
        yield from behind(figures, arms, users, name, seed)


def behind(figures: Figures, arms: Sequence[str], users: NDArray[np.int64], name: str, seed: int) -> Iterator[Row]:
    """How much NDCG of all reads each of these arms has less than the best of them; `name` says which arms they are."""
    everything = np.ones(len(users), bool)
    # The first of the highest, as max() takes it.
    best = max(arms, key=lambda arm: _mean(figures[arm, "ndcg"], users, everything))
    pairs = {arm: _pair(figures[arm, "ndcg"], figures[best, "ndcg"]) for arm in arms}
    less: Figures = {(arm, "ndcg"): [mine - theirs for mine, theirs in of] for arm, of in pairs.items()}
    yield from means(less, users, everything, "behind_best", name, seed)


def _pair(mine: list[Floats], theirs: list[Floats]) -> list[tuple[Floats, Floats]]:
    """Seed beside seed; of different numbers of seeds, mean beside mean."""
    if len(mine) == len(theirs):
        return list(zip(mine, theirs, strict=True))
    return [(np.mean(mine, axis=0), np.mean(theirs, axis=0))]


def _mean(seeds: list[Floats], users: NDArray[np.int64], mask: Mask) -> float:
    values, _ = user_means(np.mean(seeds, axis=0)[:, None], users, mask)
    return float(values.mean()) if len(values) else float("-inf")


def means(
    figures: Figures, users: NDArray[np.int64], mask: Mask, family: str, name: str, seed: int, unit: str = ""
) -> Iterator[Row]:
    """A row for each figure: the mean over users, its interval from MIN_USERS users on, and how far its seeds lie apart."""
    if not figures:
        return
    whole = np.stack([np.mean(seeds, axis=0) for seeds in figures.values()], axis=1)
    values, there = user_means(whole, users, mask)
    many = len(there) >= MIN_USERS
    low, high = metrics.bootstrap(values, seed, RESAMPLES) if many else (None, None)
    for place, ((arm, measure), seeds) in enumerate(figures.items()):
        each = [_mean([one], users, mask) for one in seeds] if len(there) else []
        yield Row(
            arm,
            family,
            measure,
            name,
            unit,
            float(values[:, place].mean()) if len(there) else None,
            float(low[place]) if low is not None else None,
            float(high[place]) if high is not None else None,
            len(there),
            min(each, default=None),
            max(each, default=None),
        )


def by_list_age(arm: str, seeds: Sequence[Scores], world: World, seed: int) -> Iterator[Row]:
    """What an arm's lists were worth by how old their data was when read, in every seed."""
    below = 0.0
    for name, bound in {**LIST_AGES, OLDER: np.inf}.items():
        inside = np.logical_and.reduce([(one.ages >= below) & (one.ages < bound) for one in seeds])
        figures: Figures = {(arm, metric): [one.served[metric] for one in seeds] for metric in METRICS}
        if inside.any():
            yield from means(figures, world.users, inside, "by_list_age", name, seed)
        below = bound


def staleness(world: World, scores: Mapping[str, Sequence[Scores]], seed: int) -> Iterator[Row]:
    """The same reads scored by the lists of 0, 1, 4 and 24 hours before: what a list loses by lying about.

    Reads are those at which every arm already had a list so long before; where the log has none, the longest hours are left
    out.
    """
    begins = max((one.begins for of in scores.values() for one in of if one.begins), default=world.times[-1])
    for last in range(len(HOURS_BEFORE), 0, -1):
        hours = HOURS_BEFORE[:last]
        mask = world.times - np.timedelta64(int(hours[-1] * 3600), "s") >= begins
        if len(np.unique(world.users[mask])) >= MIN_USERS:
            break
    for before in hours if mask.any() else ():
        figures: Figures = {
            (arm, metric): [one.delayed[before][metric] for one in of]
            for arm, of in scores.items()
            for metric in METRICS
        }
        yield from means(figures, world.users, mask, "staleness", f"{before:g} h before", seed)


def rounded(row: Row) -> dict[str, Any]:
    """The row as it is written: sums of floats differ in their last digits from machine to machine."""
    return {
        name: round(value, 12) + 0.0 if isinstance(value, float) else value for name, value in row._asdict().items()
    }
