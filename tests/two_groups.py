"""A shop of two groups of users with a taste of their own, whose model finds most of what is hidden."""

from pathlib import Path
from typing import Any

from handmade_shop import event, ingest, item, open_shop

from pipeline.settings import Settings

GROUPS = ("abcdefgh", "ijklmnop")
ITEMS = [item(name) for group in GROUPS for name in group]
# Each of 120 users takes five neighbours of their group's eight items: what is hidden can be told from the others.
EVENTS = [
    event("click", f"u{user:03}", GROUPS[user % 2][(user + step) % 8], minute=step)
    for user in range(120)
    for step in range(5)
]


def open_two_groups(
    home: Path, hours: int = 4, events: list[dict[str, Any]] = EVENTS, items: tuple[str, ...] = (), **knobs: Any
) -> Settings:
    """Its first hours were ingested; the events are all of hour 0, unless told otherwise, and `items` are there besides."""
    catalog = [*ITEMS, *(item(name) for name in items)]
    settings = open_shop(home, catalog, events, **{"holdout_share": 0.5, "k": 3, "iterations": 6, **knobs})
    ingest(settings, hours)
    return settings


def open_settings(home: Path, **knobs: Any) -> Settings:
    """Settings of such a shop that is there already."""
    tier = {"min_model_users": 0, "min_joined_share": 0.0, "min_titled_share": 0.0}
    known = {"factors": 8, "iterations": 6, "data_docs": False, "holdout_share": 0.5, "k": 3, **tier}
    return Settings(**{"home": home, **known, **knobs})
