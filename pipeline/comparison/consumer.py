"""The consumer of the streaming reference arm: what it knows of users, and what an event makes of a list.

It is told rows of the log in the order of their delivery, by whoever reads them from somewhere, and knows neither clock nor
transport. An accepted click, cart or purchase of a named user adds to what the user cares for; the user's vector is then
folded in against the item factors of the model that it was given last, and the list made anew. What the batch arm makes of
searches (hints to users of whom little is known) it leaves out, and it learns no item.
"""

import csv
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from pipeline import als
from pipeline.hours import HOUR, floor_hour
from pipeline.model_files import Factors
from pipeline.seeds import EVENT_TYPES
from pipeline.settings import Settings
from pipeline.stages.ingest_events import ID_LENGTH, QUERY_LENGTH, SKEW_SECONDS

# As `read_moment` of sql/macros.sql.
SPELT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)?")
IDS = ("event_id", "user_id", "session_id", "item_id")
Row = Mapping[str, Any]  # of the log's events


@dataclass(frozen=True)
class Given:
    """A model to fold users in against, and the list of everyone that fills what it leaves empty."""

    items: Factors
    alpha: float
    regularization: float
    popular: Sequence[str]
    names: list[str] = field(init=False)
    places: dict[str, int] = field(init=False)
    gram: als.Floats = field(init=False)  # d x d: of all items' vectors, with the penalty

    def __post_init__(self) -> None:
        vectors, names = self.items.vectors, self.items.ids.tolist()
        gram = vectors.T @ vectors + np.float32(self.regularization) * np.eye(vectors.shape[1], dtype=np.float32)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "places", {name: place for place, name in enumerate(names)})
        object.__setattr__(self, "gram", gram)


@dataclass(frozen=True)
class Listed:
    """A user's list, best first: items, scores, and how many of them the model found; the rest fills it up."""

    user: str
    items: list[str]
    scores: list[float]
    found: int


@dataclass
class Person:
    """What a user cares for: items and their weights as of `Consumer.origin`, and what was bought."""

    weights: dict[str, float] = field(default_factory=dict)
    bought: set[str] = field(default_factory=set)


class Consumer:
    """The state of the arm; `take` is called with what is delivered, `learn` with every new model."""

    def __init__(self, settings: Settings, origin: datetime) -> None:
        self.settings = settings
        self.origin = origin  # weights are kept as of then: fading is the same factor for all of a user's
        self.people: dict[str, Person] = {}
        self.seen: set[str] = set()
        self.never: set[str] = set()  # items that cannot be bought now; kept by whoever follows the catalog
        self.given: Given | None = None
        with EVENT_TYPES.open(encoding="utf-8") as file:
            self.worth = {row["event_type"]: float(row["weight"]) for row in csv.DictReader(file)}

    def take(self, rows: Iterable[Row], at: datetime) -> tuple[list[str], list[bool], list[Listed]]:
        """Each row's fate, whether it changed its user's list, and the new lists as of a moment: one for each such user."""
        fates: list[str] = []
        changes: list[bool] = []
        users: dict[str, None] = {}
        for row in rows:
            fate = self.judge(row)
            fates.append(fate)
            item, user = clean(row["item_id"]), clean(row["user_id"])
            counts = fate == "accepted" and is_deed(row)
            if counts and user and item:
                self.add(user, item, row)
            is_listed = counts and self.given is not None and item in self.given.places
            changes.append(is_listed)
            if is_listed and user:
                users[user] = None
        return fates, changes, self.list_users(list(users), at)

    def judge(self, row: Row) -> str:
        """What becomes of a row, by the rules of the pipeline's boundary: accepted, quarantined or duplicate."""
        if not self.is_sound(row):
            return "quarantined"
        event = clean(row["event_id"]) or ""
        if event in self.seen:
            return "duplicate"
        self.seen.add(event)
        return "accepted"

    def is_sound(self, row: Row) -> bool:
        """Whether no rule of the suite of events refuses the row."""
        occurred, kind = read_moment(row["occurred_at"]), kind_of(row)
        if occurred is None or kind not in self.worth or not (clean(row["user_id"]) or clean(row["session_id"])):
            return False
        lag = (floor_hour(row["delivered_at"]) + HOUR - occurred).total_seconds()
        if not -SKEW_SECONDS <= lag <= (self.settings.lookback_hours + 1) * 3600:
            return False
        if not clean(row["query" if kind == "search" else "item_id"]) or not clean(row["event_id"]):
            return False
        texts = [(row[name] or "", ID_LENGTH) for name in IDS] + [(row["query"] or "", QUERY_LENGTH)]
        return all(len(text) <= longest and "\0" not in text for text, longest in texts)

    def add(self, user: str, item: str, row: Row) -> None:
        """The user cares more for the item."""
        person, occurred = self.people.setdefault(user, Person()), read_moment(row["occurred_at"])
        kind = kind_of(row)
        worth = self.worth[kind] * self.fade(occurred or row["delivered_at"])
        person.weights[item] = person.weights.get(item, 0.0) + worth
        if kind == "purchase":
            person.bought.add(item)

    def fade(self, at: datetime) -> float:
        """What a weight of 1 at a moment is as of `origin`: more than 1 for later ones."""
        return float(2.0 ** ((at - self.origin) / timedelta(days=self.settings.half_life_days)))

    def count_bytes(self) -> int:
        """What the consumer holds: the model, what it knows of people, and the ids of the events that it has seen."""
        people = self.people.values()
        texts = [*self.seen, *self.people, *(self.given.names if self.given else ())]
        held = [self.seen, self.people, *(person.weights for person in people), *(person.bought for person in people)]
        numbers = sum(len(person.weights) for person in people) * sys.getsizeof(0.0)
        vectors = self.given.items.vectors.nbytes + self.given.gram.nbytes if self.given else 0
        return sum(map(sys.getsizeof, texts)) + sum(map(sys.getsizeof, held)) + numbers + vectors

    def learn(self, given: Given, at: datetime) -> list[Listed]:
        """A new model is there: everybody of whom something is known is listed anew."""
        self.given = given
        return self.list_users(sorted(self.people), at)

    def list_users(self, users: list[str], at: datetime) -> list[Listed]:
        """The users' lists by the model as of a moment, each min(k, what is known) items long."""
        if self.given is None:
            return []
        never = [self.given.places[item] for item in self.never if item in self.given.places]
        return [self.list_user(self.given, user, self.fade(at), never) for user in users]

    def list_user(self, given: Given, user: str, now: float, never: list[int]) -> Listed:
        """A user's list: the best items that are for sale and not bought, and behind them popular ones."""
        person, k = self.people[user], self.settings.k
        vector = fold_in(given, person.weights, now, self.settings.max_pair_weight)
        found: list[str] = []
        values: list[float] = []
        if vector is not None:
            scores = given.items.vectors @ vector
            scores[never] = -np.inf
            scores[[given.places[item] for item in person.bought if item in given.places]] = -np.inf
            best = np.argpartition(-scores, k - 1)[:k] if len(scores) > k else np.arange(len(scores))
            best = best[np.lexsort((best, -scores[best]))]
            best = best[np.isfinite(scores[best])]
            found, values = [given.names[place] for place in best], scores[best].astype(float).tolist()
        taken = {*found, *person.bought, *self.never}
        more = [item for item in given.popular if item not in taken][: k - len(found)]
        return Listed(user, found + more, values + [0.0] * len(more), len(found))  # 0 says nothing about the user


def fold_in(given: Given, weights: Mapping[str, float], now: float, most: float) -> als.Floats | None:
    """A user's vector (d) by the normal equations of implicit ALS (Hu, Koren & Volinsky, ICDM 2008, eq. 4); None for who met
    nothing that the model knows.

    Weights count as so many of `now`, none more than `most`. It is what `als.fold_in` gives for a row, in a fiftieth of the
    time: that is made for many rows at once.
    """
    known = [(given.places[item], weight) for item, weight in weights.items() if item in given.places]
    if not known:
        return None
    places, values = zip(*known, strict=True)
    whole = np.round(np.minimum(np.array(values) / now, most) * als.UNIT)
    confidence = (1 + given.alpha * np.log1p(whole / als.UNIT)).astype(np.float32)
    met = given.items.vectors[list(places)]
    vector: als.Floats = np.linalg.solve(given.gram + (met.T * (confidence - 1)) @ met, met.T @ confidence)
    return vector


def is_deed(row: Row) -> bool:
    """Whether a row, once it is accepted, says what a user cares for: it names a user and an item, and is no search."""
    return bool(clean(row["item_id"]) and clean(row["user_id"])) and kind_of(row) != "search"


def kind_of(row: Row) -> str:
    """The type of a row's event, empty where it has none."""
    return (clean(row["event_type"]) or "").lower()


def clean(text: str | None) -> str | None:
    """A text without white space at its edges, None when nothing is left."""
    return (text or "").strip() or None


def read_moment(text: str | None) -> datetime | None:
    """The moment in UTC that a text names; None where it cannot be read."""
    trimmed = (text or "").strip(" ")
    if not SPELT.fullmatch(trimmed):
        return None
    try:
        moment = datetime.fromisoformat(trimmed)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
