"""What may be asked of the serving database and what an answer holds: the read contract, in types.

An answer always holds min(k, what the version has on sale) different items, and says where they come from.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.errors import BadInput

LONGEST_TEXT = 512  # characters of a user, an item, a query or a segment that may be asked for
MAX_QUERIES = 5  # so many recent searches of a session are looked at; sql/serving/served_list.sql has as many places


class Source(StrEnum):
    """Where a row comes from, and as `served_reason` the best of an answer's rows: the first of these that is there."""

    PERSONAL = "personal"  # the user's own list
    QUERY = "query"  # the list of the query that was asked for
    NEAREST = "nearest"  # the list of the query nearest to the one that was asked for, which has none
    SIMILAR = "similar"  # the list of the item that was asked for
    SEARCHES = "searches"  # what others took after the user's recent searches
    SEGMENT = "segment"  # popular in a part of the shop
    POPULAR = "popular"  # popular with everyone


# Nobody changes one of these. `frozen` would say so, at four times the price, and an answer has a score of them.
@dataclass(slots=True)
class Asked:
    """Whose list: of a user, a query (normalised) or an item; of nobody is the popular one.

    `queries` are the session's recent searches, normalised, the newest first; `segment` is a category or segment.
    """

    user: str | None = None
    query: str | None = None
    item: str | None = None
    k: int | None = None
    queries: tuple[str, ...] = ()
    segment: str | None = None

    def __post_init__(self) -> None:
        for name in ("user", "query", "item", "segment"):
            if text := getattr(self, name):
                check_text(name, text)
        for query in self.queries:
            check_text("query", query)


@dataclass(slots=True)
class Listed:
    """One line of an answer; scores compare only among rows of one source."""

    rank: int
    item_id: str
    title: str | None
    price: float | None
    currency: str | None
    score: float
    reason: str
    source: Source


@dataclass(slots=True)
class Answer:
    """A list from one version. It is stale when the data are older than the settings allow.

    It is degraded when the database did not answer in time: then it is the popular list of the version that was live last.
    Where the list is that of the nearest query, `answered_query` is that query, if enough people typed it to be shown.
    """

    rows: tuple[Listed, ...]
    served_reason: Source
    version: str
    data_cutoff: datetime
    age_seconds: float
    is_stale: bool
    is_degraded: bool = False
    answered_query: str | None = None


def check_text(name: str, text: str) -> str:
    """The text itself; raises `BadInput` for what no database takes: a NUL, or bytes that are no text."""
    if "\0" in text:
        raise BadInput(f"{name} holds a NUL character, which no id and no query does; leave it out.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{name} {text[:40]!a} is not text in UTF-8.") from None
    return text
