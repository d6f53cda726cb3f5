"""A log and a bundle of a few rows each, for the tests of the comparison; every part can be given anew."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.comparison import bundle
from pipeline.comparison.verdict import find
from pipeline.files import hash_file

START = datetime(2026, 1, 1, tzinfo=UTC)
Rows = list[dict[str, Any]]


def at(hours: float) -> datetime:
    """So many hours after the log begins."""
    return START + timedelta(hours=hours)


def event(hours: float, user: str, item: str, kind: str = "click", name: str = "", **more: Any) -> dict[str, Any]:
    """A row of the log's events, delivered as it occurs."""
    made = {"event_id": name or f"{user}-{item}-{hours}", "user_id": user, "session_id": f"s-{user}", "item_id": item}
    made |= {"event_type": kind, "occurred_at": f"{at(hours):%Y-%m-%d %H:%M:%S}", "delivered_at": at(hours)}
    return made | more


def make_log(folder: Path, events: Rows, reads: list[tuple[float, str]], hours: float = 48, **more: Any) -> Path:
    """A log of these events and reads; `items` are in the catalog from the beginning, or from the hour given with them."""
    items = more.pop("items", None) or {row["item_id"]: 0.0 for row in events if row["item_id"]}
    catalog = [{"item_id": item, "valid_from": at(hour)} for item, hour in sorted(items.items())]
    bundle.write_rows(folder, "log_events", events)
    bundle.write_rows(folder, "log_catalog", catalog)
    bundle.write_rows(folder, "log_reads", [{"t": at(hour), "user_id": user} for hour, user in reads])
    files = {name: hash_file(folder / name) for name in ("catalog.parquet", "events.parquet", "reads.parquet")}
    counts = {"events": len(events), "catalog": len(catalog), "reads": len(reads)}
    document = {
        "schema": 1,
        "name": "handmade",
        "seed": 1,
        "started": at(0).isoformat(),
        "ended": at(hours).isoformat(),
    }
    document |= {"counts": counts, "files": files} | more
    (folder / "log.json").write_text(json.dumps({"log_hash": bundle.hash_log(document)} | document))
    return folder


def listed(version: str, user: str | None, items: str, since: float, until: float | None = None) -> Rows:
    """The rows of one list: `items` are names of one letter."""
    made = {"version": version, "user_id": user, "source": "personal" if user else "popular", "valid_from": at(since)}
    made["valid_to"] = None if until is None else at(until)
    return [made | {"rank": rank, "item_id": item} for rank, item in enumerate(items, start=1)]


def answer(hours: float, user: str, version: str | None, **more: Any) -> dict[str, Any]:
    """A read that was answered well, with a list of data an hour old."""
    made = {"t": at(hours), "user_id": user, "status": 200, "version": version, "items": 2, "latency_ms": 5.0}
    return made | {"list_age_seconds": 3600.0, "served_reason": "personal"} | more


def seen(row: dict[str, Any], after: float | None, **more: Any) -> dict[str, Any]:
    """What became of an event: a read could reflect it so many hours after it occurred, None is never."""
    occurred = datetime.fromisoformat(row["occurred_at"]).replace(tzinfo=UTC)
    made = {"event_id": row["event_id"], "occurred": occurred, "landed": occurred, "fate": "accepted"}
    made["first_visible"] = None if after is None else occurred + timedelta(hours=after)
    return made | more


def run(hours: float, **more: Any) -> dict[str, Any]:
    """An hourly run that takes six minutes and publishes its list, version `v<hour>`."""
    made = {"run_id": f"r{hours:g}", "interval_start": at(hours - 1), "interval_end": at(hours), "scheduled": at(hours)}
    made |= {"started": at(hours), "ended": at(hours + 0.1), "published": at(hours + 0.1), "data_cutoff": at(hours)}
    made |= {"status": "published", "version": f"v{hours:g}", "events_in": 1, "rows_out": 2, "cpu_seconds": 36.0}
    return made | {"peak_bytes": 1_000_000} | more


def cost(what: str = "all", **more: Any) -> dict[str, Any]:
    """An hour of a processor and of a GB."""
    made = {"what": what, "cpu_seconds": 3600.0, "gb_seconds": 3600.0, "bytes_read": 10, "bytes_written": 10}
    return made | more


def make_bundle(folder: Path, log: Path, tables: dict[str, Rows], **more: Any) -> Path:
    """A bundle of these tables; those that are not given are empty."""
    for name in bundle.TABLES:
        bundle.write_rows(folder, name, tables.get(name, []))
    known = json.loads((log / "log.json").read_text())
    document = {"arm": "hand", "kind": "other", "commit": "none", "settings_hash": "none", "seed": 1, "k": 5}
    document |= {name: known[name] for name in ("log_hash", "started", "ended")}
    document |= {"cadence_seconds": 3600, "delay_seconds": 0, "price_sheet": "", "notes": ""}
    document["hardware"] = {"cpu": "pencil", "cores": 1, "memory_bytes": 1_000_000_000}
    bundle.write_arm(folder, document | more)
    return folder


def value(judgement: dict[str, Any], *key: str, arm: str = "hand") -> float | None:
    """A figure of a judgement, by family, measure and, where it is not of all, slice."""
    row = find(judgement["figures"], arm, *key)
    assert row, key
    figure: float | None = row["value"]
    return figure
