"""What work costs by a price sheet: processor hours, and gigabytes of memory held for hours, as clouds sell them.

Not in it are databases, storage, traffic and what Airflow itself needs: these are paid whether or not an hour runs.
"""

import json
from collections.abc import Iterable, Mapping
from math import floor, log10
from pathlib import Path
from typing import Any

from pipeline.errors import BadInput

SHEET = Path(__file__).with_name("price_sheet.json")
HOURS_A_MONTH = 720  # of 30 days
MIB, GB = 1 << 20, 10**9
NEEDED = "it needs id and source as words, per_cpu_hour and per_gb_hour as US dollars from 0 on."
Prices = Mapping[str, Any]


def read_prices(path: Path = SHEET) -> dict[str, Any]:
    """A price sheet; raises `BadInput` where a price is missing, no number, negative or endless, or not in US dollars."""
    try:
        prices = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is no price sheet ({error}); {NEEDED}") from None
    if not isinstance(prices, dict):
        raise BadInput(f"{path} is no price sheet; {NEEDED}")
    amounts = {name: prices.get(name) for name in ("per_cpu_hour", "per_gb_hour")}
    wrong = [name for name, amount in amounts.items() if not _is_price(amount)]
    wrong += [name for name in ("id", "source") if not isinstance(prices.get(name), str)]
    wrong += ["currency"] if prices.get("currency", "USD") != "USD" else []
    if wrong:
        raise BadInput(f"{path}: {', '.join(wrong)} cannot be; {NEEDED}")
    return prices


def _is_price(amount: Any) -> bool:
    return isinstance(amount, int | float) and not isinstance(amount, bool) and 0 <= amount < float("inf")


def price(stages: Iterable[Mapping[str, Any]], prices: Prices) -> float:
    """US dollars for stages of these `cpu_seconds`, `seconds` and `peak_rss_mb` (MiB).

    Memory is counted as a machine would be rented for it: the most that a stage held, for as long as it ran.
    """
    return sum(
        stage["cpu_seconds"] / 3600 * prices["per_cpu_hour"] + gb_seconds(stage) / 3600 * prices["per_gb_hour"]
        for stage in stages
    )


def gb_seconds(took: Mapping[str, Any]) -> float:
    """The memory of something that took `seconds` and held `peak_rss_mb` (MiB) at most, in gigabytes times seconds."""
    held: float = took["peak_rss_mb"] * MIB / GB * took["seconds"]
    return held


def dollars(amount: float) -> str:
    """An amount in words: two digits that say something, cents from a dollar on; never as a power of ten."""
    if amount >= 1:
        return f"{amount:,.2f} USD"
    return f"{amount:.{1 - floor(log10(amount))}f} USD" if amount > 0 else "0 USD"
