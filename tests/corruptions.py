"""Ways in which a delivered event can be bad, each with the fate that it must have; and many bad events from a seed."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]
ACCEPTED, DUPLICATE = "accepted", "duplicate"
SKEW, LOOKBACK = timedelta(seconds=300), timedelta(hours=6)
KINDS = ("search", "click", "add_to_cart", "purchase")

NO_MOMENTS = (
    None,
    "",
    "  ",
    "yesterday",
    "0000-00-00T00:00:00Z",
    "2026-02-30T10:00:00Z",
    "2026-13-01T10:00:00Z",
    "2026-01-05T24:30:00Z",
    "2026-01-05T10:00:60Z",
    "2026-01-05T10:00:00+25:00",
    "2026-01-05T10:00:00+0260",
    "2026-01-05",
    "10:00:00",
    "05/01/2026 10:00",
    "1767607200",
    "1767607200000",
    "1e9",
    "infinity",
    "-infinity",
    "epoch",
    "now",
    "today",
    "2026-01-05T10:00:00 America/Chicago",
    "NaT",
    "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0665T\u0661\u0660:\u0660\u0660:\u0660\u0660Z",
    "2026-01-05T10:00:00Z\0",
)
NO_COUNTS = (
    0,
    -1,
    -(2**31),
    -(2**63),
    2**63 - 1,
    2**53 + 1,
    1e6 + 0.5,
    "1e7",
    "3.7",
    "0x10",
    "1_000",
    "many",
    "NaN",
    "inf",
    "-0",
)
ODD_TEXTS = (
    "9007199254740993",
    "1e5",
    "007",
    "null",
    "None",
    "true",
    "'); drop table events; --",
    '" or ""="',
    "$hour_end",
    ":start %s %(user)s {user} ${user}",
    "../../etc/passwd",
    "%2e%2e%2f",
    "/dev/null",
    "C:\\con",
    "\u202e\u0645\u0631\u062d\u0628\u0627\u202c",
    "\u200b",
    "e\u0301" * 50,
    "\U0001f9e6\u200d\U0001f9e6",
    "\ufffd\ufffe",
    "a\tb\nc\rd",
    "\x01\x1b[31m",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "x" * 200,
)


def good_event(rng: random.Random, hour: datetime, place: int) -> Row:
    """An event that every rule lets pass, taken in at some time of the hour, a minute at most after it happened."""
    arrived = hour + timedelta(seconds=rng.randrange(60, 3599))
    kind = rng.choice(KINDS)
    return {
        "event_id": f"e{place}",
        "user_id": f"u{rng.randrange(5000)}",
        "session_id": f"s{rng.randrange(9000)}",
        "event_type": kind,
        "query": f"query {rng.randrange(300)}" if kind == "search" else None,
        "item_id": None if kind == "search" else f"i{rng.randrange(400)}",
        "quantity": rng.randrange(1, 9) if kind == "purchase" else None,
        "position": rng.randrange(1, 50) if kind == "click" else None,
        "occurred_at": f"{arrived - timedelta(seconds=rng.randrange(60)):%Y-%m-%dT%H:%M:%S.%fZ}",
        "ingested_at": f"{arrived:%Y-%m-%d %H:%M:%S}",
    }


def stamp(moment: datetime) -> str:
    """A moment as clients write it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def _set(column: str, *values: Any, fate: str) -> Callable[[random.Random, Row, datetime], str]:
    def corrupt(rng: random.Random, row: Row, hour: datetime) -> str:
        row[column] = rng.choice(values)
        return fate

    return corrupt


def _shift(least: timedelta, most: timedelta, fate: str, of_end: bool) -> Callable[[random.Random, Row, datetime], str]:
    def corrupt(rng: random.Random, row: Row, hour: datetime) -> str:
        base = hour + timedelta(hours=1) if of_end else hour
        row["occurred_at"] = stamp(base + least + (most - least) * rng.random())
        return fate

    return corrupt


def _no_actor(rng: random.Random, row: Row, hour: datetime) -> str:
    row["user_id"], row["session_id"] = rng.choice((None, "", " \t")), rng.choice((None, "", "  "))
    return "actor_missing"


def _no_object(rng: random.Random, row: Row, hour: datetime) -> str:
    column, rule = ("query", "query_missing") if row["event_type"] == "search" else ("item_id", "item_missing")
    row[column] = rng.choice((None, "", "   "))
    return rule


def _no_id(rng: random.Random, row: Row, hour: datetime) -> str:
    row["event_id"] = rng.choice((None, "", "  "))
    return ACCEPTED


def _odd_text(rng: random.Random, row: Row, hour: datetime) -> str:
    for column in ("event_id", "user_id", "session_id", "query" if row["event_type"] == "search" else "item_id"):
        if rng.random() < 0.5:
            row[column] = rng.choice(ODD_TEXTS) + (f" {row['event_id']}" if column == "event_id" else "")
    return ACCEPTED if len(row["event_id"]) <= 200 else "event_id_not_storable"


def _not_storable(column: str, most: int) -> Callable[[random.Random, Row, datetime], str]:
    def corrupt(rng: random.Random, row: Row, hour: datetime) -> str:
        text = row[column] or "text"
        row[column] = rng.choice(
            (f"{text}\0", f"\0{text}", f"{text}\0{text}", "x" * (most + 1), "\u6238" * (most * 20))
        )
        return f"{column}_not_storable"

    return corrupt


def _longest(column: str, most: int) -> Callable[[random.Random, Row, datetime], str]:
    def corrupt(rng: random.Random, row: Row, hour: datetime) -> str:
        row[column] = (row["event_id"] + chr(rng.choice((0x78, 0x6238, 0x1F9E6))) * most)[:most]
        return ACCEPTED

    return corrupt


CORRUPTIONS: dict[str, Callable[[random.Random, Row, datetime], str]] = {
    "no readable time": _set("occurred_at", *NO_MOMENTS, fate="occurred_at_unreadable"),
    "too late": _shift(-timedelta(days=4000), -LOOKBACK - timedelta(seconds=1), "too_late", of_end=False),
    "as late as allowed": _shift(-LOOKBACK, -LOOKBACK + timedelta(hours=1), ACCEPTED, of_end=False),
    "from the future": _shift(SKEW + timedelta(seconds=1), timedelta(days=4000), "future", of_end=True),
    "as early as allowed": _shift(timedelta(0), SKEW, ACCEPTED, of_end=True),
    "no type": _set("event_type", None, "", "  ", fate="event_type_missing"),
    "unknown type": _set("event_type", "veiw", "clik", "null", "0", "search;", "c\u043bick", fate="event_type_unknown"),
    "nobody": _no_actor,
    "nothing": _no_object,
    "no id": _no_id,
    "odd but fine texts": _odd_text,
    "event id not storable": _not_storable("event_id", 200),
    "user id not storable": _not_storable("user_id", 200),
    "session id not storable": _not_storable("session_id", 200),
    "item id not storable": _not_storable("item_id", 200),
    "query not storable": _not_storable("query", 512),
    "longest id": _longest("event_id", 200),
    "longest session": _longest("session_id", 200),
    "bad quantity": _set("quantity", *NO_COUNTS, fate="quantity_out_of_range"),
    "bad position": _set("position", *NO_COUNTS, fate="position_out_of_range"),
}


def bad_events(seed: int, count: int, hour: datetime) -> Iterator[tuple[Row, str]]:
    """`count` delivered rows, almost all bad in one way, and the fate of each: accepted, duplicate or the rule.

    About one in ten is a row that came before: as it was (its fate is `duplicate` if it was accepted) or, of an accepted
    one, with another item or query (`event_id_reused`), taken in later.
    """
    rng = random.Random(seed)
    names = list(CORRUPTIONS)
    accepted: list[Row] = []
    for place in range(count):
        draw = rng.random()
        if draw < 0.1 and accepted:
            row = {
                **rng.choice(accepted),
                "ingested_at": f"{hour + timedelta(minutes=59, seconds=59):%Y-%m-%d %H:%M:%S}",
            }
            if draw < 0.05:
                row["user_id"] = f"another {place}"
                yield row, "event_id_reused"
            else:
                yield row, DUPLICATE
            continue
        row = good_event(rng, hour, place)
        fate = CORRUPTIONS[rng.choice(names)](rng, row, hour)
        if fate == ACCEPTED and row["event_id"] and row["event_id"].strip():
            accepted.append(dict(row))
        yield row, fate
