"""The truth about the shop: what its users would pick next, and how much of it a list of recommendations holds.

It is made from the world alone and stands in nothing that the pipeline reads. `read_world` of `pipeline.shop.database`
gives the world that a database was filled from. Lists leave out what a user already bought, so the truth does, too.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipeline.shop.choice import choice_probabilities, open_market
from pipeline.shop.world import Singles, World, hour_number, user_number

CELLS = 8_000_000  # users x items held at a time
PICKS = 20
Lists = Mapping[str, Sequence[str]]
Excludes = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class TruthReport:
    """Recall at k against the truth, means over the same users."""

    users: int
    k: int
    ours: float
    popular: float
    oracle: float


def truth_report(
    world: World,
    hour: datetime,
    lists: Lists,
    popular: Sequence[str],
    exclude: Excludes,
    *,
    k: int = 20,
    picks: int = PICKS,
    sample: int = 1000,
) -> TruthReport:
    """How well `lists` (user: item ids, best first) foretell the picks of `hour`, beside a popular list and an oracle.

    `hour` is the first one that the lists' maker has not seen. `popular` is ranked and longer than k, so that k are
    left when a user's excluded items are taken out. Of more than `sample` users a seeded sample is judged. Raises
    `BadInput` for a user who is not in this world.
    """
    rng = np.random.default_rng([world.seed, hour_number(hour), 7])
    users = sorted(lists)
    if len(users) > sample:
        users = [users[place] for place in np.sort(rng.choice(len(users), sample, replace=False))]
    wanted = wanted_items(world, hour, users, rng, picks=picks, exclude=exclude)
    everybody = {user: [item for item in popular if item not in exclude.get(user, ())] for user in users}
    oracle = oracle_lists(world, hour, users, k, exclude)
    return TruthReport(
        users=sum(bool(items) for items in wanted.values()),
        k=k,
        ours=recall_at_k(lists, wanted, k),
        popular=recall_at_k(everybody, wanted, k),
        oracle=recall_at_k(oracle, wanted, k),
    )


def wanted_items(
    world: World,
    hour: datetime,
    users: Sequence[str],
    rng: np.random.Generator,
    *,
    picks: int = PICKS,
    exclude: Excludes | None = None,
) -> dict[str, list[str]]:
    """The distinct items among `picks` independent choices of each user in that hour, by their true probabilities."""
    wanted: dict[str, list[str]] = {}
    for part, chances in _chances(world, hour, users, exclude or {}):
        for user, chance in zip(part, np.cumsum(chances, axis=1, dtype=np.float64), strict=True):
            # Drawn also for a user who has nothing left, so that the others' picks do not depend on it.
            drawn = np.unique(np.searchsorted(chance, rng.random(picks) * chance[-1], side="right"))
            wanted[user] = [str(world.item_ids[item]) for item in drawn if chance[-1] > 0]
    return wanted


def oracle_lists(
    world: World, hour: datetime, users: Sequence[str], k: int, exclude: Excludes | None = None
) -> dict[str, list[str]]:
    """The k items that each user picks most probably in that hour, best first."""
    lists: dict[str, list[str]] = {}
    for part, chances in _chances(world, hour, users, exclude or {}):
        best = np.argsort(-chances, axis=1, kind="stable")[:, :k]
        for user, order, chance in zip(part, best, chances, strict=True):
            lists[user] = [str(world.item_ids[item]) for item in order if chance[item] > 0]
    return lists


def recall_at_k(lists: Lists, wanted: Lists, k: int) -> float:
    """Mean over users with wanted items of |first k of the list ∩ wanted| / min(k, |wanted|); no list counts as 0."""
    recalls = []
    for user, items in wanted.items():
        distinct = set(items)
        if distinct:
            recalls.append(len(distinct.intersection(lists.get(user, ())[:k])) / min(k, len(distinct)))
    return float(np.mean(recalls)) if recalls else 0.0


def _chances(
    world: World, hour: datetime, users: Sequence[str], exclude: Excludes
) -> Iterator[tuple[Sequence[str], Singles]]:
    """Users a few at a time, with a weight for each item: the true probability, 0 for what is excluded."""
    market = open_market(world, hour_number(hour))
    place = {name: item for item, name in enumerate(world.item_ids)}
    size = max(1, CELLS // world.items)
    for begin in range(0, len(users), size):
        part = users[begin : begin + size]
        chances = choice_probabilities(market, np.array([user_number(world, user) for user in part]))
        for row, user in enumerate(part):
            gone = [place[item] for item in exclude.get(user, ()) if item in place]
            chances[row, gone] = 0.0
        yield part, chances
