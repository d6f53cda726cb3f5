"""How a user of the shop chooses: a type by taste, a shelf of the type, an item of the shelf, each by a softmax.

`draw_*` choose for many users at once; `choice_probabilities` says the same law as numbers, for the truth.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.shop.drifting import tastes_of, trends, type_weights_of
from pipeline.shop.stock import Stock, take_stock
from pipeline.shop.world import AFFINITY, SHELF_AFFINITY, TYPES, Bools, Floats, Ints, Singles, World

TYPE_PULL = 0.5  # how much of what its items are in fashion comes to a type, as in a nested logit
SLICE = 16_384  # choices made at a time: bounds the memory of the candidates' vectors


@dataclass(frozen=True, eq=False)
class Market:
    """What there is to choose from in one hour."""

    world: World
    stock: Stock
    number: int  # the hour, since 1970
    type_pull: Singles  # of each type: 1, more when its items are in fashion, 0 when none is listed
    open_shelves: Bools
    bias: Singles  # shelves x width: popularity, minus infinity where nothing is listed
    vectors: Singles  # shelves x DIMENSIONS x width


def open_market(world: World, number: int) -> Market:
    """The market of hour `number` (hours since 1970)."""
    stock = take_stock(world, number)
    filled = (world.slots >= 0) & stock.is_listed[world.slots]
    fashion = trends(world, number)
    popularity = world.popularity + fashion.astype(np.float32)
    bias = np.where(filled, popularity[world.slots], -np.inf).astype(np.float32)
    open_shelves = np.asarray(filled.any(axis=1))
    vectors = np.ascontiguousarray(world.vectors[world.slots].transpose(0, 2, 1))
    return Market(world, stock, number, pull_types(world, stock, fashion), open_shelves, bias, vectors)


def pull_types(world: World, stock: Stock, fashion: Floats) -> Singles:
    """The pull of each type, of its listed items and how much (in logits) each of them is in fashion."""
    kind, usual = world.type_of[stock.is_listed], np.exp(world.popularity[stock.is_listed].astype(np.float64))
    before = np.bincount(kind, usual, len(TYPES))
    now = np.bincount(kind, usual * np.exp(fashion[stock.is_listed]), len(TYPES))
    return np.divide(now, before, out=np.zeros(len(TYPES)), where=before > 0).astype(np.float32) ** TYPE_PULL


def draw_users(world: World, rng: np.random.Generator, count: int) -> Ints:
    """`count` users, each drawn by how active they are."""
    return np.minimum(np.searchsorted(world.activity, rng.random(count), side="right"), world.users - 1)


def draw_types(market: Market, rng: np.random.Generator, users: Ints) -> Ints:
    """A product type for each user, by the user's taste, among the types that have anything listed."""
    return _pick(type_weights_of(market.world, users, market.number) * market.type_pull, rng)


def draw_items(market: Market, rng: np.random.Generator, users: Ints, types: Ints) -> Ints:
    """A listed item of each type for the user beside it, in bounded memory."""
    world, items = market.world, np.empty(len(users), dtype=np.int64)
    for begin in range(0, len(users), SLICE):
        part = slice(begin, begin + SLICE)
        shelves = world.type_shelves[types[part]]
        if shelves.shape[1] > 1:
            logits = shelf_logits(market, users[part], shelves)
            shelves = np.take_along_axis(shelves, _pick(_soften(logits), rng)[:, None], axis=1)
        shelf = shelves[:, 0]
        slot = _pick(_soften(item_logits(market, users[part], shelf)), rng)
        items[part] = world.slots[shelf, slot]
    return items


def shelf_logits(market: Market, users: Ints, shelves: Ints) -> Singles:
    """How much each user likes each of the shelves beside; minus infinity for one that is not there or empty."""
    affinity = np.einsum(
        "nsd,nd->ns", market.world.shelf_vectors[shelves], tastes_of(market.world, users, market.number)
    )
    return np.where((shelves >= 0) & market.open_shelves[shelves], SHELF_AFFINITY * affinity, -np.inf)


def item_logits(market: Market, users: Ints, shelf: Ints) -> Singles:
    """How much each user likes each item of the shelf beside, popularity included; minus infinity if unlisted."""
    taste = AFFINITY * tastes_of(market.world, users, market.number)
    logits = market.bias[shelf]
    for dimension in range(taste.shape[1]):
        logits += market.vectors[shelf, dimension] * taste[:, dimension, None]
    return logits


def choice_probabilities(market: Market, users: Ints) -> Singles:
    """users x items: the probability that a user's next choice is the item, given that it is in stock."""
    world = market.world
    types = type_weights_of(world, users, market.number) * market.type_pull
    types = types / types.sum(axis=1, keepdims=True)
    found = np.zeros((len(users), world.items + 1), dtype=np.float32)  # the last column swallows the empty slots
    for kind in np.flatnonzero(market.type_pull):
        shelves = world.type_shelves[kind]
        shelf_share = _soften(shelf_logits(market, users, np.broadcast_to(shelves, (len(users), len(shelves)))))
        shelf_share /= shelf_share.sum(axis=1, keepdims=True)
        for place in np.flatnonzero((shelves >= 0) & market.open_shelves[shelves]):
            share = _soften(item_logits(market, users, np.full(len(users), shelves[place])))
            share *= (types[:, kind] * shelf_share[:, place] / share.sum(axis=1))[:, None]
            found[:, world.slots[shelves[place]]] = share
    found = found[:, :-1] * market.stock.is_available
    chances: Singles = found / found.sum(axis=1, keepdims=True)
    return chances


def _soften(logits: Singles) -> Singles:
    """Weights in proportion to the softmax of each row."""
    weights: Singles = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights


def _pick(weights: Singles, rng: np.random.Generator) -> Ints:
    """One column for each row, drawn in proportion to its weights; a weight of 0 is never drawn."""
    total = np.cumsum(weights, axis=1)
    # Just below 1, so that rounding never lands past the last positive weight.
    point = rng.random(len(weights), dtype=np.float32) * np.float32(0.999999) * total[:, -1]
    picked: Ints = (total <= point[:, None]).sum(axis=1)
    return picked
