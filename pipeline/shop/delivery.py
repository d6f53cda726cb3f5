"""What the shop's log receives in an hour: the events as rows, some of them dirty, late or delivered twice.

The rows of an hour are a pure function of (world, hour, events_per_hour, dirt). They come in chunks of sessions, each
with its own random stream. All of chunk 0 is delivered a second time in the next hour, which makes that chunk again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np

from pipeline.shop.behaviour import EVENT_TYPES, SEARCH, Batch, events_per_session, make_sessions, phrases
from pipeline.shop.choice import Market, open_market
from pipeline.shop.dirt import DIRT, FUTURE, draw_faults, soil
from pipeline.shop.world import Ints, Texts, World, hour_number, user_id

CHUNK_SESSIONS = 32_768  # sessions made at a time, about 150,000 events
MISSPELLED, CAPITALISED = 0.08, 0.05  # shares of searches; people type like that, it is not dirt
ROW_IDS_PER_HOUR = 100_000_000

# Share of a week's events in each hour of the day and day of the week (UTC, Monday first), relative to the average.
DAY = np.array([5, 3, 2, 1.5, 1.5, 2, 4, 7, 9, 10, 11, 12, 13, 12, 11, 11, 12, 13, 15, 17, 18, 16, 12, 8])
WEEK = np.array([1.0, 0.95, 0.95, 1.0, 1.05, 1.1, 0.95])
COLUMNS = (
    "row_id",
    "event_id",
    "user_id",
    "session_id",
    "event_type",
    "query",
    "item_id",
    "quantity",
    "position",
    "occurred_at",
    "ingested_at",
)
Row = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some events as the log will hold them: the columns from event_id to occurred_at, and the second they come in."""

    columns: list[Texts]
    ingested: Ints  # after the start of the hour


def rush(number: int) -> float:
    """How busy an hour is, 1 on average over a week."""
    day = (number // 24 + 3) % 7  # 1970-01-01 was a Thursday
    return float(DAY[number % 24] / DAY.mean() * WEEK[day] / WEEK.mean())


def deliver_hour(world: World, hour: datetime, events_per_hour: float, dirt: float) -> Iterator[list[Row]]:
    """The rows that the log receives in an hour, in lists that fit in memory; columns as in `COLUMNS`."""
    number = hour_number(hour)
    market, row_id = open_market(world, number), number * ROW_IDS_PER_HOUR
    before = _chunk_sizes(world, number - 1, events_per_hour, dirt)[0]
    if before:
        old = _make_chunk(open_market(world, number - 1), number - 1, 0, (0, 1), 0, before, dirt)
        yield _as_rows(old, number, np.argsort(old.ingested, kind="stable"), old.ingested, row_id)
        row_id += len(old.ingested)
    sizes, events = _chunk_sizes(world, number, events_per_hour, dirt), 0
    for place, sessions in enumerate(sizes):
        if not sessions:
            continue
        # Each chunk but 0 has its own part of the hour, so that the log, and its index, grow nearly in order of time.
        window = ((place - 1) / (len(sizes) - 1), place / (len(sizes) - 1)) if place else (0, 1)
        chunk = _make_chunk(market, number, place, window, events, sessions, dirt)
        events += len(chunk.ingested)
        # Some rows come once more, the same but for a second delivery later in the hour.
        rng = np.random.default_rng([world.seed, number, place, 1])
        again = np.flatnonzero(rng.random(len(chunk.ingested)) < dirt * DIRT["duplicate"])
        later = chunk.ingested[again] + (rng.random(len(again)) * (3600 - chunk.ingested[again])).astype(np.int64)
        index = np.concatenate([np.arange(len(chunk.ingested)), again])
        seconds = np.concatenate([chunk.ingested, later])
        order = np.argsort(seconds, kind="stable")
        yield _as_rows(chunk, number, index[order], seconds[order], row_id)
        row_id += len(index)


def _chunk_sizes(world: World, number: int, events_per_hour: float, dirt: float) -> list[int]:
    """Sessions of each chunk; chunk 0 is the one that is delivered again an hour later."""
    rng = np.random.default_rng([world.seed, number])
    sessions = int(rng.poisson(events_per_hour * rush(number) / events_per_session()))
    echo = int(rng.binomial(sessions, dirt * DIRT["echo"]))
    chunks = max(1, -(-(sessions - echo) // CHUNK_SESSIONS))
    edges = np.linspace(0, sessions - echo, chunks + 1).astype(np.int64)
    return [echo, *np.diff(edges).tolist()]


def _make_chunk(
    market: Market, number: int, place: int, window: tuple[float, float], first: int, sessions: int, dirt: float
) -> Chunk:
    """One chunk of the hour's sessions; its events are numbered from `first`."""
    world = market.world
    rng = np.random.default_rng([world.seed, number, place])
    batch = make_sessions(market, rng, sessions, window)
    count = len(batch.kind)
    delay = rng.integers(0, 4, count)
    # A late session was offline: it happened one to five hours before it was delivered.
    is_late = rng.random(sessions) < dirt * DIRT["late"]
    happened = batch.second - (is_late * rng.integers(3600, 5 * 3600 - 4, sessions))[batch.session]
    fault = draw_faults(rng, count, dirt, batch.kind == SEARCH)
    session_ids = np.array([f"s{number}-{place}-{session}" for session in range(sessions)], dtype=object)
    columns = {
        "event_id": np.array([f"e{number}-{event}" for event in range(first, first + count)], dtype=object),
        "user_id": _look_up(_user_ids(world), batch.user),
        "session_id": session_ids[batch.session],
        "event_type": np.array(EVENT_TYPES, dtype=object)[batch.kind],
        "query": _type_queries(world, batch, rng),
        "item_id": _look_up(world.item_ids, batch.item),
        "quantity": _numbers(batch.quantity),
        "position": _numbers(batch.position),
        "occurred_at": _spell(
            number, happened + (fault == FUTURE) * (batch.second - happened + 7200 + delay), "T", "Z"
        ),
    }
    soil(columns, fault, rng)
    return Chunk(list(columns.values()), batch.second + delay)


def _type_queries(world: World, batch: Batch, rng: np.random.Generator) -> Texts:
    """What was typed, None where nothing was; some of it misspelled or in capitals."""
    queries = _look_up(phrases(world).texts, batch.query)
    searches = np.flatnonzero(batch.query >= 0)
    how, places = rng.random(len(searches)), rng.random(len(searches))
    for row, place, turn in zip(
        searches[how < MISSPELLED], places[how < MISSPELLED], how[how < MISSPELLED] / MISSPELLED, strict=True
    ):
        queries[row] = misspell(queries[row], place, turn)
    for row in searches[how > 1 - CAPITALISED]:
        queries[row] = queries[row].title()
    return queries


def misspell(text: str, place: float, turn: float) -> str:
    """The text with two letters swapped, one left out or one doubled (by `turn`), at `place`; both in [0, 1)."""
    at = 1 + int(place * (len(text) - 2))
    if turn < 1 / 3 and text[at] != text[at - 1]:
        return text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :]
    if turn < 2 / 3:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at] + text[at:]


def _look_up(table: Texts, index: Ints) -> Texts:
    found: Texts = table[np.maximum(index, 0)]
    found[index < 0] = None
    return found


def _numbers(values: Ints) -> Texts:
    """Python integers, None for -1."""
    found = values.astype(object)
    found[values < 0] = None
    return found


def _spell(number: int, seconds: Ints, between: str, end: str) -> Texts:
    """Moments as text, from their seconds after the start of an hour; each second is spelt out once."""
    known, index = np.unique(seconds, return_inverse=True)
    moments = np.datetime_as_string((number * 3600 + known).astype("datetime64[s]"))
    return np.array([moment.replace("T", between) + end for moment in moments.tolist()], dtype=object)[index]


@lru_cache(maxsize=2)
def _user_ids(world: World) -> Texts:
    return np.array([user_id(number) for number in range(world.users)], dtype=object)


def _as_rows(chunk: Chunk, number: int, index: Ints, seconds: Ints, first_row_id: int) -> list[Row]:
    """The chunk's events of `index`, as rows delivered at these seconds of the hour."""
    columns = [column[index] for column in chunk.columns] + [_spell(number, seconds, " ", "")]
    row_ids = range(first_row_id, first_row_id + len(index))
    return list(zip(row_ids, *(column.tolist() for column in columns), strict=True))
