"""Shops of a few handmade rows, for tests that know what must come out, and short ways through the line."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from pipeline.hours import HOUR, parse_hour
from pipeline.line import run_stage
from pipeline.manifests import find_table, stage_facts
from pipeline.run import Run, StageResult
from pipeline.settings import Settings, load_settings
from pipeline.shop.database import CATALOG, EVENTS, METADATA

FIRST = parse_hour("2026-01-05T10")
DERIVED = ("prepare", "train", "evaluate", "recommend")
Row = dict[str, Any]


def item(item_id: str, **other: Any) -> Row:
    """A catalog row, true since the day before."""
    return {
        "item_id": item_id,
        "title": f"Title of {item_id}",
        "category": "games",
        "brand": "Brand",
        "price": 9.99,
        "currency": "EUR",
        "is_available": True,
        "updated_at": "2026-01-04 00:00:00",
    } | other


def event(kind: str, user: str | None, thing: str | None, hour: int = 0, minute: int = 1, **other: Any) -> Row:
    """A row of the log, delivered and occurred in the hour-th hour; `thing` is a query for searches, else an item."""
    moment = FIRST + hour * HOUR + timedelta(minutes=minute)
    return {
        "user_id": user,
        "session_id": f"session of {user}",
        "event_type": kind,
        "query": thing if kind == "search" else None,
        "item_id": None if kind == "search" else thing,
        "quantity": None,
        "position": None,
        "occurred_at": f"{moment:%Y-%m-%dT%H:%M:%S}Z",
        "ingested_at": f"{moment:%Y-%m-%d %H:%M:%S}",
    } | other


def fill_shop(url: str, items: Iterable[Row], events: Iterable[Row]) -> None:
    """The shop's database holds these rows; events get the ids e0, e1, … unless they bring one."""
    engine = sa.create_engine(url)
    METADATA.create_all(engine)
    logged = [{"row_id": place, "event_id": f"e{place}"} | row for place, row in enumerate(events)]
    with engine.begin() as connection:
        for table, rows in ((CATALOG, list(items)), (EVENTS, logged)):
            if rows:
                connection.execute(sa.insert(table), rows)
    engine.dispose()


def open_shop(home: Path, items: Iterable[Row], events: Iterable[Row], **knobs: Any) -> Settings:
    """Settings of a home of its own that holds a handmade shop, which is too small for any tier but is given the full."""
    home.mkdir(parents=True, exist_ok=True)
    tier = {"min_model_users": 0, "min_joined_share": 0.0, "min_titled_share": 0.0}
    settings = load_settings(**{"home": home, "factors": 8, "iterations": 3, "data_docs": False, **tier, **knobs})
    fill_shop(settings.shop_url, items, events)
    return settings


def ingest(settings: Settings, hours: int = 1) -> list[StageResult]:
    """Events and catalog of the first hours have landed."""
    stages = ("ingest_events", "ingest_catalog")
    return [run_stage(stage, FIRST + step * HOUR, settings) for step in range(hours) for stage in stages]


def derive(settings: Settings, hour: int = 0, stages: Sequence[str] = DERIVED) -> dict[str, StageResult]:
    """The stages after ingestion have run for one hour."""
    return {stage: run_stage(stage, FIRST + hour * HOUR, settings) for stage in stages}


def landed(settings: Settings, table: str, hour: int = 0) -> pa.Table:
    """A landed table."""
    return pq.read_table(landed_path(settings, table, hour))


def landed_path(settings: Settings, table: str, hour: int = 0) -> Path:
    """Where a landed table lies."""
    found = find_table(Run(FIRST + hour * HOUR, settings), table)
    assert found, f"{table} has not landed"
    return found[0]


def rows(settings: Settings, table: str, *columns: str, hour: int = 0) -> list[tuple[Any, ...]]:
    """Some columns of a landed table as tuples, in its order."""
    read = landed(settings, table, hour).select(columns)
    return list(zip(*(column.to_pylist() for column in read.columns), strict=True))


def ledger(settings: Settings, hour: int = 0, stage: str = "ingest_events") -> dict[str, Any]:
    """The ledger of a landed hour."""
    return dict(stage_facts(Run(FIRST + hour * HOUR, settings), stage)["ledger"])


def is_conserved(ledger: dict[str, Any]) -> bool:
    """Whether every delivered row has a fate, and every quarantined one a rule."""
    fates = ledger["accepted"] + ledger["quarantined"] + ledger["duplicate"]
    return bool(ledger["delivered"] == fates and ledger["quarantined"] == sum(ledger["by_rule"].values()))


def lake_files(settings: Settings) -> dict[str, bytes]:
    """Every table file of the lake under its path, with its bytes."""
    return {str(path.relative_to(settings.lake)): path.read_bytes() for path in settings.lake.rglob("*.parquet")}


def lists_of(settings: Settings, table: str, key: str, member: str = "item_id", hour: int = 0) -> dict[str, list[str]]:
    """The lists of a table of lists, by whom they belong to, in the order of rank."""
    found: dict[str, list[str]] = {}
    for owner, _rank, listed in rows(settings, table, key, "rank", member, hour=hour):
        found.setdefault(owner, []).append(listed)
    return found


# Run by other processes, which must be able to import it by name.


def train_again_and_again(home: Path, factors: Sequence[int], barrier: Any) -> None:
    """Train the small shop's last hour several times, each time into other bytes."""
    hour = FIRST + 6 * HOUR
    barrier.wait()
    for width in [*factors] * 6:
        run_stage("train", hour, load_settings(home=home, factors=width, iterations=1, threads=1))


def without_remedy(notes: Iterable[str]) -> tuple[str, ...]:
    """Notes as they are but for what a gate says is to be done."""
    return tuple(note.partition("; to do: ")[0] for note in notes)
