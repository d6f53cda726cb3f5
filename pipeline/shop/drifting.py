"""What changes in a shop that drifts: what its users like, what they are after, and what is in fashion.

All of it is a pure function of (seed, user or item, hour), computed for any hour without the ones before it and, of users,
only for those who do something. A shop that does not drift has none of it: everybody likes what they always liked.

The parameters were fixed before any model was run on a drifting shop, from plausibility alone
(docs/decisions/0046-drifting-shop.md has the reasons), and are not to be changed to suit an arm.
"""

import numpy as np

from pipeline.shop.chance import draw
from pipeline.shop.words import BRANDS
from pipeline.shop.world import TYPES, Floats, Ints, Singles, World

# Tastes: half of a user's is their own for good, the other half is borrowed, and turns from one lender to the next.
BORROWED, LENDER_HOURS = 0.5, 96
# Missions: one in five days, of 12 to 48 hours, which takes this share of what the user looks for meanwhile; it is as
# often after something that anybody may need as after something that is like this user.
MISSION_EVERY, MISSION_HOURS, MISSION_SHARE, USUAL_MISSION = 120, (12, 48), 0.6, 0.5
# Trends: up within 3 to 9 hours, then half as high every 8 to 24 hours, over after four days. Heights are exponential, in
# logits: most are small, and few multiply by ten.
RISE_HOURS, HALVING_HOURS, TREND_HOURS, HIGHEST = (3, 9), (8, 24), 96, 4.0
ITEM_EVERY, ITEM_HEIGHT = 720, 1.0  # hours from trend to trend, up to twice as many; mean height
BRAND_EVERY, BRAND_HEIGHT = 240, 0.6
LAUNCH_HEIGHT = 1.5  # of what comes with a launch

# What `draw` draws for; below 10 are those of stock.py, and each kind of trend has ten.
LENDER_SHIFT, LENDER, MISSION_SHIFT, MISSION_LENGTH, MISSION_BEGIN, IS_USUAL, STRANGER, MISSION = range(11, 19)
ITEM, BRAND, LAUNCH = 30, 40, 50


def tastes_of(world: World, users: Ints, number: int) -> Singles:
    """users x DIMENSIONS: the latent taste of each user in hour `number` (since 1970), of the same spread in all hours."""
    own = world.taste[users]
    if not world.drift:
        return own
    lender, following, turned = _lenders(world, users, number)
    borrowed = np.cos(turned) * world.taste[lender] + np.sin(turned) * world.taste[following]
    return (np.sqrt(1 - BORROWED) * own + np.sqrt(BORROWED) * borrowed).astype(np.float32)


def type_weights_of(world: World, users: Ints, number: int) -> Singles:
    """users x types: what share of what each user looks for in that hour is of the type; rows add up to 1."""
    own = world.type_weight[users]
    if not world.drift:
        return own
    lender, following, turned = _lenders(world, users, number)
    borrowed = np.cos(turned) ** 2 * world.type_weight[lender] + np.sin(turned) ** 2 * world.type_weight[following]
    weights = ((1 - BORROWED) * own + BORROWED * borrowed).astype(np.float32)
    mission = missions_of(world, users, number)
    busy = np.flatnonzero(mission >= 0)
    weights[busy] *= 1 - MISSION_SHARE
    weights[busy, mission[busy]] += MISSION_SHARE
    return weights


def missions_of(world: World, users: Ints, number: int) -> Ints:
    """The type that each user is after in that hour, -1 for who is on no mission; of a shop that drifts."""
    least, most = MISSION_HOURS
    shift = (draw(world, MISSION_SHIFT, users) * MISSION_EVERY).astype(np.int64)
    period = (number + shift) // MISSION_EVERY
    length = least + (draw(world, MISSION_LENGTH, users, period) * (most - least + 1)).astype(np.int64)
    late = (draw(world, MISSION_BEGIN, users, period) * (MISSION_EVERY - most)).astype(np.int64)
    passed = number - (period * MISSION_EVERY - shift + late)
    busy = np.flatnonzero((passed >= 0) & (passed < length))
    who, period = users[busy], period[busy]
    stranger = (draw(world, STRANGER, who, period) * world.users).astype(np.int64)
    like = np.where(draw(world, IS_USUAL, who, period) < USUAL_MISSION, who, stranger)
    shares = np.cumsum(world.type_weight[like], axis=1, dtype=np.float64)
    point = draw(world, MISSION, who, period) * shares[:, -1]
    mission = np.full(len(users), -1)
    mission[busy] = np.minimum((shares <= point[:, None]).sum(axis=1), len(TYPES) - 1)
    return mission


def trends(world: World, number: int) -> Floats:
    """How much each item is in fashion in that hour, in logits: of itself, with its brand, and because it is new."""
    if not world.drift:
        return np.zeros(world.items)
    items, brands = np.arange(world.items), np.arange(len(BRANDS))
    fresh = _heights(world, LAUNCH, items, 0, LAUNCH_HEIGHT) * _shape(
        world, LAUNCH, items, 0, number - world.listed_hour
    )
    own = _trend(world, ITEM, items, number, ITEM_EVERY, ITEM_HEIGHT)
    return own + _trend(world, BRAND, brands, number, BRAND_EVERY, BRAND_HEIGHT)[world.brand_of] + fresh


def _lenders(world: World, users: Ints, number: int) -> tuple[Ints, Ints, Floats]:
    """Of each user: from whom half of the taste is borrowed, from whom next, and how far it has turned (0 to pi/2)."""
    shift = (draw(world, LENDER_SHIFT, users) * LENDER_HOURS).astype(np.int64)
    period, passed = np.divmod(number + shift, LENDER_HOURS)
    lenders = [(draw(world, LENDER, users, period + step) * world.users).astype(np.int64) for step in (0, 1)]
    return lenders[0], lenders[1], (np.pi / 2 * passed / LENDER_HOURS)[:, None]


def _trend(world: World, kind: int, things: Ints, number: int, every: int, height: float) -> Floats:
    """The trend of each thing in that hour: each has periods of its own length, with one trend in each."""
    length = every + (draw(world, kind, things) * every).astype(np.int64)
    shift = (draw(world, kind + 1, things) * length).astype(np.int64)
    period = (number + shift) // length
    late = (draw(world, kind + 2, things, period) * (length - TREND_HOURS)).astype(np.int64)
    passed = number - (period * length - shift + late)
    return _heights(world, kind, things, period, height) * _shape(world, kind, things, period, passed)


def _heights(world: World, kind: int, things: Ints, period: Ints | int, mean: float) -> Floats:
    return np.minimum(-mean * np.log1p(-draw(world, kind + 3, things, period)), HIGHEST)


def _shape(world: World, kind: int, things: Ints, period: Ints | int, passed: Ints) -> Floats:
    """The part of its height that a trend has in the hour that begins so many hours after it."""
    rise = RISE_HOURS[0] + draw(world, kind + 4, things, period) * (RISE_HOURS[1] - RISE_HOURS[0])
    halving = HALVING_HOURS[0] + draw(world, kind + 5, things, period) * (HALVING_HOURS[1] - HALVING_HOURS[0])
    is_on = (passed >= 0) & (passed < TREND_HOURS)
    age = np.where(is_on, passed, 0) + 1
    return np.where(is_on, np.minimum(age / rise, 0.5 ** ((age - rise) / halving)), 0.0)
