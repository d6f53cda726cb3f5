"""The dirt of two real shops, whole, through the ingestion boundary with the gates' defaults: `make real-dirt`.

`python bench/real_dirt.py [online_retail] [bestbuy] [HOME]` takes in every hour of the set (Online Retail: every hour's
events, the catalog as of the last hour of each day; Best Buy: events, catalog and `prepare`, which counts unknown items),
adds up the ledgers and holds them against what is known of the files. A wrong count or a gate that stops an hour is an
error. Where the data is not there, it says so and goes on. What has landed in HOME is not taken in again.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.gates import GATES
from pipeline.hours import hours_between, parse_hour
from pipeline.line import run_stage_of_hours
from pipeline.settings import Settings, load_settings
from pipeline.sources.read import source_url

Manifests = list[dict[str, Any]]
TOGETHER = 48  # hours: two days cost less than each by itself


def take_in(settings: Settings, hours: Sequence[datetime], *stages: str) -> None:
    """The stages of these hours have landed, some at a time."""
    for start in range(0, len(hours), TOGETHER):
        some = hours[start : start + TOGETHER]
        for stage in stages:
            list(run_stage_of_hours(stage, some, settings))
        print(f"{settings.source}: {some[-1]:%Y-%m-%dT%H}", file=sys.stderr, flush=True)


def read_landed(settings: Settings, stage: str) -> Manifests:
    """The manifest of a stage in every hour in which it has landed."""
    paths = sorted((settings.lake / "hours").glob(f"*/*/{stage}.json"))
    return [{**json.loads(path.read_text(encoding="utf-8")), "folder": path.parent} for path in paths]


def add_ledgers(manifests: Manifests) -> dict[str, Any]:
    """The ledgers of events added up; every one of them balances."""
    fates: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for manifest in manifests:
        ledger = manifest["facts"]["ledger"]
        fates.update({fate: ledger[fate] for fate in ("delivered", "accepted", "quarantined", "duplicate")})
        rules.update(ledger["by_rule"])
        reasons.update(ledger["excluded_because"])
        assert ledger["delivered"] == ledger["accepted"] + ledger["quarantined"] + ledger["duplicate"], manifest["hour"]
        assert ledger["quarantined"] == sum(ledger["by_rule"].values()), manifest["hour"]
    return {**fates, "by_rule": dict(rules), "excluded_because": dict(reasons)}


def take_in_online_retail(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the ledgers of a year say of 541,909 invoice lines, and what they must say."""
    hours = hours_between(parse_hour("2010-12-01T00"), parse_hour("2011-12-09T23"))
    take_in(settings, hours, "ingest_events")
    take_in(settings, [hour for hour in hours if hour.hour == 23], "ingest_catalog")
    found = add_ledgers(read_landed(settings, "ingest_events"))
    reasons = found["excluded_because"]
    both = reasons.get("cancellation without a customer", 0)
    found["lines without a customer"] = reasons.get("no customer", 0) + both
    found["cancellations"] = reasons.get("cancellation", 0) + both
    found["both"] = both
    wanted = {"delivered": 541_909, "lines without a customer": 135_080, "cancellations": 9_288, "both": 383}
    return found, wanted


def take_in_bestbuy(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the ledgers of twelve weeks say of the clicks on games in no catalog, and what they must say."""
    hours = hours_between(parse_hour("2011-08-11T00"), parse_hour("2011-10-31T23"))
    take_in(settings, hours, "ingest_events", "ingest_catalog", "prepare")
    found = add_ledgers(read_landed(settings, "ingest_events"))
    prepared = read_landed(settings, "prepare")
    unknown = [pq.read_table(one["folder"] / one["tables"]["unknown_items"]["file"]).to_pylist() for one in prepared]
    found["clicks on unknown items"] = sum(one["facts"]["unjoined"]["unknown_item_events"] for one in prepared)
    found["unknown items"] = len({row["item_id"] for rows in unknown for row in rows})
    # Each line of the two click files is a click and a search, each line of the third a search.
    wanted = {"delivered": 2 * (33_892 + 8_473) + 28_241, "clicks on unknown items": 300, "unknown items": 21}
    return found, wanted


SETS: dict[str, Callable[[Settings], tuple[dict[str, Any], dict[str, Any]]]] = {
    "online_retail": take_in_online_retail,
    "bestbuy": take_in_bestbuy,
}


def count_gates(settings: Settings) -> dict[str, int]:
    """In how many hours each gate did not pass."""
    paths = (settings.lake / "hours").glob("*/*/*.json")
    found = [one for path in paths for one in json.loads(path.read_text(encoding="utf-8"))["quality"]]
    return dict(Counter(one["rule"] for one in found if one["rule"] in GATES and not one["passed"]))


def main(arguments: Sequence[str]) -> int:
    """Take in the sets and print what became of their rows; 1 when a count is wrong."""
    homes = [word for word in arguments if word not in SETS]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in [word for word in arguments if word in SETS] or SETS:
            settings = load_settings(home=Path(homes[0] if homes else folder), source=name, source_url="")
            if not Path(source_url(settings)).is_dir():
                print(f"{name}: skipped, there is no folder {source_url(settings)}; see sql/sources/{name}/README.md")
                continue
            began = time.perf_counter()
            found, wanted = SETS[name](settings)
            print(f"{name}: {time.perf_counter() - began:,.0f} s")
            for what, value in {**found, "hours in which a gate did not pass": count_gates(settings)}.items():
                verdict = "" if what not in wanted else " as it must be" if value == wanted[what] else " WRONG"
                print(f"  {what:<36} {value}{f', expected {wanted[what]}' if verdict == ' WRONG' else ''}{verdict}")
                wrong += verdict == " WRONG"
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
