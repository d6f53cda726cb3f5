"""The seed files: small tables of ours that both SQL and suites read."""

import csv
from functools import cache

from pipeline.files import ROOT

EVENT_TYPES = ROOT / "sql" / "seeds" / "event_types.csv"


@cache
def event_weights() -> dict[str, float]:
    """The event types there are, and what one of each is worth."""
    with EVENT_TYPES.open(encoding="utf-8") as file:
        return {row["event_type"]: float(row["weight"]) for row in csv.DictReader(file)}


def event_types() -> list[str]:
    """The event types there are."""
    return list(event_weights())
