"""What users do in a session: search or browse, click, put in the cart, buy. No state is carried between sessions.

A session is one to four intents. An intent is a product type, looked for by a typed query or by browsing, and some
clicks; a click may lead to the cart, and the cart to a purchase, unless the item is out of stock.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.shop.choice import Market, draw_items, draw_types, draw_users
from pipeline.shop.words import BRANDS, CATEGORIES
from pipeline.shop.world import TYPES, Bools, Ints, Texts, World

SEARCH, CLICK, CART, PURCHASE = range(4)
EVENT_TYPES = ("search", "click", "add_to_cart", "purchase")

# Probabilities; the entries of a tuple are those of 0, 1, 2, ... (fixed together with the parameters of taste).
INTENTS = (0.0, 0.50, 0.30, 0.15, 0.05)
CLICKS_AFTER_TYPE_QUERY = (0.15, 0.45, 0.25, 0.15)
CLICKS_AFTER_NAMED_QUERY = (0.15, 0.70, 0.15)
CLICKS_BROWSING = (0.0, 0.50, 0.30, 0.20)
SEARCHES = 0.65  # share of intents with a typed query
QUERY_FORMS = (0.45, 0.27, 0.20, 0.08)  # type; brand and type; style and type; the whole title
ANONYMOUS = 0.15
CART_AFTER_CLICK, PURCHASE_AFTER_CART = 0.25, 0.40
QUANTITIES = (0.0, 0.88, 0.09, 0.03)
GAP_SECONDS = (3, 46)  # between two events of a session; the longest session stays well within an hour
LONGEST_LIST = 48  # position of the last result that anybody clicks


@dataclass(frozen=True, eq=False)
class Batch:
    """Events of some sessions, ordered by session and time; -1 stands for nothing."""

    session: Ints
    user: Ints  # -1 in anonymous sessions
    kind: Ints  # index into EVENT_TYPES
    query: Ints  # index into the phrases
    item: Ints
    quantity: Ints
    position: Ints
    second: Ints  # of the hour


@dataclass(frozen=True, eq=False)
class Phrases:
    """Everything that can be typed, and how far down an item stands in the answer, by popularity."""

    texts: Texts  # types, then brands x types, then an item's style and type, then its whole title
    rank_in_type: Ints
    rank_in_brand: Ints  # among the items of its brand and type


@lru_cache(maxsize=2)
def phrases(world: World) -> Phrases:
    """The phrases of a world."""
    types = [name.lower() for _, name in TYPES]
    branded = [f"{brand.lower()} {name}" for brand in BRANDS for name in types]
    styles = [[style.lower() for style in CATEGORIES[category][0]] for category, _ in TYPES]
    styled = [f"{styles[kind][style]} {types[kind]}" for kind, style in zip(world.type_of, world.style_of, strict=True)]
    titles = [title.lower() for title in world.titles]
    return Phrases(
        np.array([*types, *branded, *styled, *titles], dtype=object),
        _rank(world, world.type_of),
        _rank(world, world.brand_of * len(TYPES) + world.type_of),
    )


def _rank(world: World, group: Ints) -> Ints:
    order = np.lexsort((-world.popularity, group))
    rank = np.empty(world.items, dtype=np.int64)
    rank[order] = np.arange(world.items) - np.searchsorted(group[order], group[order])
    return rank


def events_per_session() -> float:
    """How many events a session has on average, stock-outs aside."""
    typed = QUERY_FORMS[0] * _mean(CLICKS_AFTER_TYPE_QUERY) + (1 - QUERY_FORMS[0]) * _mean(CLICKS_AFTER_NAMED_QUERY)
    clicks = SEARCHES * typed + (1 - SEARCHES) * _mean(CLICKS_BROWSING)
    return _mean(INTENTS) * (SEARCHES + clicks * (1 + CART_AFTER_CLICK * (1 + PURCHASE_AFTER_CART)))


def make_sessions(
    market: Market, rng: np.random.Generator, sessions: int, window: tuple[float, float] = (0.0, 1.0)
) -> Batch:
    """All events of so many new sessions, complete within one hour and begun in the given part of it."""
    world, words = market.world, phrases(market.world)
    who = draw_users(world, rng, sessions)
    shown = np.where(rng.random(sessions) < ANONYMOUS, -1, who)

    intent_session = np.repeat(np.arange(sessions), _draw_counts(rng, INTENTS, sessions))
    intents = len(intent_session)
    kind = draw_types(market, rng, who[intent_session])
    target = draw_items(market, rng, who[intent_session], kind)
    is_search = rng.random(intents) < SEARCHES
    form = _draw_counts(rng, QUERY_FORMS, intents)
    clicks = np.select(
        [~is_search, form == 0],
        [_draw_counts(rng, CLICKS_BROWSING, intents), _draw_counts(rng, CLICKS_AFTER_TYPE_QUERY, intents)],
        _draw_counts(rng, CLICKS_AFTER_NAMED_QUERY, intents),
    )
    branded = len(TYPES) + world.brand_of[target] * len(TYPES) + kind
    styled = len(TYPES) * (1 + len(BRANDS)) + target
    query = np.choose(form, [kind, branded, styled, styled + world.items])

    click_intent = np.repeat(np.arange(intents), clicks)
    click = np.arange(len(click_intent)) - np.repeat(np.cumsum(clicks) - clicks, clicks)
    # The first click of an intent is on what the query was about, later ones are new choices of the same type.
    item = target[click_intent]
    later = np.flatnonzero(click > 0)
    item[later] = draw_items(market, rng, who[intent_session[click_intent[later]]], kind[click_intent[later]])
    rank = np.choose(
        np.where(click == 0, form[click_intent], 0),
        [words.rank_in_type[item], words.rank_in_brand[item], words.rank_in_brand[item], 0],
    )
    position = np.where(is_search[click_intent], 1 + np.minimum(rank, LONGEST_LIST - 1), -1)
    carted = (rng.random(len(item)) < CART_AFTER_CLICK) & market.stock.is_available[item]
    bought = carted & (rng.random(len(item)) < PURCHASE_AFTER_CART)
    quantity = _draw_counts(rng, QUANTITIES, len(item))

    searched, cart, sale = np.flatnonzero(is_search), np.flatnonzero(carted), np.flatnonzero(bought)
    every, steps = np.arange(len(item)), (len(searched), len(item), len(cart), len(sale))
    step = np.repeat(np.arange(4), steps)
    of_intent = np.concatenate([searched, click_intent, click_intent[cart], click_intent[sale]])
    of_click = np.concatenate([np.full(len(searched), -1), every, cart, sale])
    order = np.lexsort((step, of_click, of_intent))
    step, of_intent, of_click = step[order], of_intent[order], of_click[order]
    session, clicked, no_clicks = intent_session[of_intent], of_click >= 0, not len(item)

    def of_the_click(values: Ints, where: Bools) -> Ints:
        return np.full(len(step), -1) if no_clicks else np.where(where, values[of_click], -1)

    return Batch(
        session=session,
        user=shown[session],
        kind=step,
        query=np.where(step == SEARCH, query[of_intent], -1),
        item=of_the_click(item, clicked),
        quantity=of_the_click(quantity, step >= CART),
        position=of_the_click(position, step == CLICK),
        second=_place_in_hour(rng, session, sessions, window),
    )


def _place_in_hour(rng: np.random.Generator, session: Ints, sessions: int, window: tuple[float, float]) -> Ints:
    """A second of the hour for each event, rising within its session."""
    passed = np.cumsum(rng.integers(*GAP_SECONDS, len(session)))
    numbers = np.arange(sessions)  # every session has an event
    begin = passed[np.searchsorted(session, numbers)]
    length = passed[np.searchsorted(session, numbers, side="right") - 1] - begin
    start = (rng.uniform(*window, sessions) * (3590 - length)).astype(np.int64)
    return start[session] + passed - begin[session]


def _draw_counts(rng: np.random.Generator, probabilities: tuple[float, ...], count: int) -> Ints:
    """So many draws of 0, 1, 2, ... with the given probabilities."""
    edges = np.cumsum(probabilities)[:-1]
    return np.searchsorted(edges, rng.random(count), side="right")


def _mean(probabilities: tuple[float, ...]) -> float:
    return float(np.dot(np.arange(len(probabilities)), probabilities))
