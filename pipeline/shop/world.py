"""The shop's world: its items, and its users with their tastes, as a pure function of (seed, users, items, drift).

A user chooses in three steps: a product type by taste, a shelf of that type, an item of that shelf. Shelves hold at
most `SHELF_SIZE` items, so that one choice costs the same in a shop of a thousand items and of a hundred thousand.

The parameters of taste below were fixed before any model was trained or tuned on this shop, from two figures alone
(recall@20 of a list of the most popular items and of an oracle), and are not to be changed to suit a model.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BadInput
from pipeline.shop.words import BRANDS, CATEGORIES

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]

# Items are launched around this moment; hours of any year can be traded.
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SHELF_SIZE = 60
BRANDS_PER_CATEGORY = 10
OLD_SHARE, NEW_SHARE = 0.70, 0.06  # always listed; listed in the year after EPOCH; the rest in the two years before
# A shop that drifts lists a quarter of its items in the season after EPOCH: what a brand has new, comes on two mornings.
SEASON_SHARE, SEASON_DAYS, LAUNCHES, LAUNCH_HOUR = 0.25, 91, 2, 8

# Taste, fixed before any model was tuned on this shop.
DIMENSIONS = 8  # of the latent vectors
CATEGORY_SHAPE = 0.25  # Dirichlet shape: small means few favourite categories
TYPE_SHAPE = 0.40  # the same for product types within a category
CURIOSITY = 0.10  # share of choices of a type that follow everybody's taste instead of one's own
AFFINITY = 1.6  # standard deviation of affinity, in logits
SHELF_AFFINITY = 2.0
POPULARITY = 0.8  # standard deviation of an item's popularity, in logits
ACTIVITY = 1.0  # sigma of the lognormal activity of users

CATEGORY_NAMES = tuple(CATEGORIES)
TYPES = tuple((category, name) for category, (_, types) in CATEGORIES.items() for name in types)
TYPE_CATEGORY: Ints = np.array([CATEGORY_NAMES.index(category) for category, _ in TYPES])


@dataclass(frozen=True, eq=False)
class World:
    """Items are numbered shelf by shelf and users from 0; `item_ids` and `user_id` give the ids that the shop shows."""

    seed: int
    users: int
    items: int
    drift: bool  # whether tastes and fashions change, see pipeline/shop/drifting.py
    # items, one entry each
    item_ids: Texts
    titles: Texts
    type_of: Ints
    brand_of: Ints
    style_of: Ints
    base_price: Floats
    listed_hour: Ints  # hours since 1970
    popularity: Singles
    vectors: Singles  # items x DIMENSIONS
    # shelves
    shelf_type: Ints
    shelf_vectors: Singles  # shelves x DIMENSIONS
    slots: Ints  # shelves x width: the item in each slot, -1 where the shelf has no more
    type_shelves: Ints  # types x most shelves: the shelves of a type, -1 where there is no more
    # users, one entry each
    taste: Singles  # users x DIMENSIONS
    type_weight: Singles  # users x types, rows add up to 1
    activity: Floats  # cumulative share of sessions, ends at 1


def user_id(number: int) -> str:
    """The id that the shop shows for a user."""
    return f"u{number:06d}"


def user_number(world: World, name: str) -> int:
    """The number of a user id; raises `BadInput` for a user who is not in this world."""
    number = int(name[1:]) if name[:1] == "u" and name[1:].isdecimal() else -1
    if not 0 <= number < world.users or user_id(number) != name:
        raise BadInput(f"{name!r} is not a user of this shop; they are {user_id(0)} to {user_id(world.users - 1)}.")
    return number


def hour_number(hour: datetime) -> int:
    """Hours since 1970 UTC; raises `BadInput` for earlier ones, before which the shop did not trade."""
    number = int(hour.timestamp() // 3600)
    if number < 24:
        raise BadInput(f"the shop trades from 1970-01-02 on; {hour:%Y-%m-%dT%H} is earlier.")
    return number


@lru_cache(maxsize=2)
def make_world(seed: int, users: int, items: int, drift: bool = False) -> World:
    """The world of these numbers, always the same one; raises `BadInput` when one is out of range."""
    for name, value, least, most in (
        ("seed", seed, 0, 2**32),
        ("users", users, 1, 1_000_000),
        ("items", items, 1, 1_000_000),
    ):
        if not least <= value <= most:
            raise BadInput(f"{name}={value}: the shop needs {least} to {most}.")
    rng = np.random.default_rng([seed, 0])
    type_share = _shares(rng.lognormal(0.0, 0.4, len(TYPES)))
    made = _make_items(rng, items, type_share, np.random.default_rng([seed, 1]) if drift else None)
    made |= _make_users(rng, users, type_share)
    return World(seed=seed, users=users, items=items, drift=drift, **made)


def _shares(weights: Floats) -> Floats:
    shares: Floats = weights / weights.sum()
    return shares


def _make_items(
    rng: np.random.Generator, items: int, type_share: Floats, launches: np.random.Generator | None
) -> dict[str, Any]:
    """Items sorted by type, then dealt onto the shelves of their type; `launches` draws those of a shop that drifts."""
    type_of = np.sort(rng.choice(len(TYPES), items, p=type_share))
    in_type = np.bincount(type_of, minlength=len(TYPES))
    shelves_of = np.maximum(1, -(-in_type // SHELF_SIZE))
    first_shelf = np.concatenate([[0], np.cumsum(shelves_of)])
    place = np.arange(items) - np.searchsorted(type_of, type_of)
    shelf_of = first_shelf[type_of] + place * shelves_of[type_of] // np.maximum(in_type[type_of], 1)
    slot = np.arange(items) - np.searchsorted(shelf_of, shelf_of)
    slots = np.full((first_shelf[-1], int(slot.max()) + 1), -1)
    slots[shelf_of, slot] = np.arange(items)
    numbers = np.arange(shelves_of.max())
    type_shelves = np.where(numbers < shelves_of[:, None], first_shelf[:-1, None] + numbers, -1)

    category_brands = np.array([rng.permutation(len(BRANDS))[:BRANDS_PER_CATEGORY] for _ in CATEGORIES])
    brand_of = category_brands[TYPE_CATEGORY[type_of], rng.integers(0, BRANDS_PER_CATEGORY, items)]
    style_of = rng.integers(0, 6, items)
    usual = np.array([price for _, types in CATEGORIES.values() for price in types.values()])
    shelf_vectors = rng.standard_normal((first_shelf[-1], DIMENSIONS)).astype(np.float32)
    brand_vectors = rng.standard_normal((len(BRANDS), DIMENSIONS))
    own = rng.standard_normal((items, DIMENSIONS))
    # An item is half its brand: a taste for a brand carries over to other types and to new items.
    vectors = (0.4 * shelf_vectors[shelf_of] + 0.6 * brand_vectors[brand_of] + 0.7 * own).astype(np.float32)

    epoch, year = hour_number(EPOCH), 365 * 24
    age = rng.random(items)
    listed_hour = np.where(age < OLD_SHARE, 0, epoch - rng.integers(1, 2 * year, items))
    listed_hour = np.where(age > 1 - NEW_SHARE, epoch + rng.integers(0, year, items), listed_hour)
    if launches:
        listed_hour = np.where(age > 1 - SEASON_SHARE, epoch + _launch(launches, brand_of), listed_hour)
    numbering = np.empty(items, dtype=np.int64)
    numbering[np.lexsort((rng.random(items), listed_hour))] = np.arange(items)
    return {
        "item_ids": np.array([f"i{number:06d}" for number in numbering], dtype=object),
        "titles": _name_items(type_of, brand_of, style_of, rng.integers(1, 100, items) * 10),
        "type_of": type_of,
        "brand_of": brand_of,
        "style_of": style_of,
        "base_price": usual[type_of] * rng.lognormal(0.0, 0.35, items),
        "listed_hour": listed_hour,
        "popularity": (POPULARITY * rng.standard_normal(items)).astype(np.float32),
        "vectors": vectors,
        "shelf_type": np.repeat(np.arange(len(TYPES)), shelves_of),
        "shelf_vectors": shelf_vectors,
        "slots": slots,
        "type_shelves": type_shelves,
    }


def _launch(rng: np.random.Generator, brand_of: Ints) -> Ints:
    """For each item one of the mornings on which its brand launches what it has new, in hours after EPOCH."""
    hours = 24 * rng.integers(0, SEASON_DAYS, (len(BRANDS), LAUNCHES)) + LAUNCH_HOUR
    launched: Ints = hours[brand_of, rng.integers(0, LAUNCHES, len(brand_of))]
    return launched


def _name_items(type_of: Ints, brand_of: Ints, style_of: Ints, models: Ints) -> Texts:
    titles = []
    for kind, brand, style, model in zip(type_of, brand_of, style_of, models, strict=True):
        category, name = TYPES[kind]
        titles.append(f"{BRANDS[brand]} {CATEGORIES[category][0][style]} {name} {model}")
    return np.array(titles, dtype=object)


def _make_users(rng: np.random.Generator, users: int, type_share: Floats) -> dict[str, Any]:
    """A few favourite categories each, a few favourite types in them, a latent taste and a heavy-tailed activity."""
    category_share = np.bincount(TYPE_CATEGORY, weights=type_share)
    categories = rng.gamma(CATEGORY_SHAPE * category_share * len(CATEGORIES), size=(users, len(CATEGORIES)))
    types = rng.gamma(TYPE_SHAPE * type_share * len(TYPES), size=(users, len(TYPES))) + 1e-12
    in_category = types.reshape(users, len(CATEGORIES), -1)
    in_category /= in_category.sum(axis=2, keepdims=True)
    own = ((categories + 1e-12)[:, :, None] * in_category).reshape(users, -1)
    own /= own.sum(axis=1, keepdims=True)
    return {
        "taste": (rng.standard_normal((users, DIMENSIONS)) / np.sqrt(DIMENSIONS)).astype(np.float32),
        "type_weight": ((1 - CURIOSITY) * own + CURIOSITY * type_share).astype(np.float32),
        "activity": np.cumsum(_shares(rng.lognormal(0.0, ACTIVITY, users))),
    }
