"""The seed files: small tables of ours that both SQL and suites read."""

import csv
from functools import cache

from pipeline.files import ROOT

EVENT_TYPES = ROOT / "sql" / "seeds" / "event_types.csv"


@cache
def event_types() -> list[str]:
    """The event types there are, from the file that also says what one of each is worth."""
    with EVENT_TYPES.open(encoding="utf-8") as file:
        return [row["event_type"] for row in csv.DictReader(file)]
