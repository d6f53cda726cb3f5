"""The streaming reference arm: the log's rows in the order of their delivery, each list made anew as soon as its user acts.

A reference, not a product: one consumer in this process, and a broker between only where one is named. Item factors are
those that a batch arm on the same log exported (`models/` beside its bundle), each given to the consumer when that arm
published it; the list of everyone is that arm's too. When rows come and models change is simulated; how long the consumer
takes is measured, and what comes while it is at work waits.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.als import own_threads
from pipeline.comparison.answers import answer_from_lists
from pipeline.comparison.broker import Broker
from pipeline.comparison.bundle import MOMENT, write_arm, write_rows, write_table
from pipeline.comparison.clock import name_duration
from pipeline.comparison.consumer import Consumer, Given, Listed, Row, is_deed, read_moment
from pipeline.comparison.controls import read_batch
from pipeline.comparison.log import Log, check_new, spell
from pipeline.comparison.machine import describe_machine, resident_bytes
from pipeline.comparison.models import Model, read_models
from pipeline.comparison.upserts import Piece, Upserts
from pipeline.errors import BadInput
from pipeline.files import code_version, hash_json
from pipeline.settings import Settings, load_settings
from pipeline.stopwatch import Clocks, read_clocks

AVAILABLE = {"true", "t", "1"}  # as sql/typed_items.sql reads them
LEARNING = ("ingest_events", "ingest_catalog", "prepare", "train", "evaluate")  # what the models and popular lists cost
WITHOUT_BROKER = "without a broker, so no network, no partitions and no recovery are in these figures."
BEHIND_BROKER = "each part sent through a broker on one partition and waited for; no recovery is in these figures."
NOTES = (
    "Item factors, popular lists and the costs of making them (`model: …`) are those of {arm}; events that the consumer "
    "itself reflects in no list (searches, sessions of nobody, items that the model does not know) become visible when that "
    "arm's do. A list's age is the time since it was made, also where its user did nothing since. A consumer holds its "
    "memory all the time: gb_seconds are the length of the log times what the process held before it read the log and what "
    "the consumer knew at the end. What is written counts as the bundle's file. When rows come is simulated, how long the "
    "consumer takes is measured."
)


@dataclass(frozen=True)
class Part:
    """Rows that the consumer takes at once, from place `first` up to `last` of the log, and when it is given them."""

    at: datetime
    first: int
    last: int


def run_stream(
    log: Log,
    batch: Path,
    out: Path,
    *,
    micro_batch: timedelta = timedelta(),
    broker: str = "",
    tell: Callable[[int], None] = lambda rows: None,
) -> None:
    """The bundle of the streaming reference arm stands in `out`; `tell` hears how many rows were taken.

    Rows are taken one by one, or all of a `micro_batch` at its end; through a broker of the Kafka protocol where one is
    named (`localhost:9092`), whose time then counts. Raises `BadInput` when the batch bundle is not one of
    this log, was altered, or has no models beside it.
    """
    check_new(out)
    base_bytes = resident_bytes()  # before the log is read: a consumer has it not in memory
    arm, tables = read_batch(batch, log)
    knobs, models = read_models(batch)
    settings, rows = load_settings(**knobs), log.read("events").to_pylist()
    seen = tables["event_visibility"]
    if seen["event_id"].to_pylist() != [row["event_id"] for row in rows]:
        raise BadInput(f"{batch}: event_visibility has not the log's rows in their order; run the batch arm again.")
    replay = Replay(settings, log, rows, seen["first_visible"].to_pylist(), popular_of(tables["recommendations"]))
    between = Broker(broker, f"treasure-hunt-{log.log_hash[:12]}") if broker else None
    if between:
        replay.carry = between.carry
    published = {run["version"]: run for run in tables["runs"].to_pylist() if run["published"] and run["version"]}
    waiting = [(published[model.version]["published"], model) for model in models if model.version in published]
    with own_threads():
        for part in split_rows(rows, log.started, micro_batch):
            while waiting and waiting[0][0] <= part.at:
                replay.learn(*waiting.pop(0))
            replay.take(part)
            tell(part.last - part.first)
        for at, model in waiting:
            if at < log.ended:
                replay.learn(at, model)
    if between:
        between.close()
    everyone = tables["recommendations"].filter(pc.is_null(tables["recommendations"]["user_id"]))
    write_bundle(out, log, replay, everyone, tables, settings, base_bytes + replay.consumer.count_bytes())
    every = f", every {name_duration(micro_batch)}" if micro_batch else ""
    way = BEHIND_BROKER if broker else WITHOUT_BROKER
    described = {
        "arm": f"stream (reference on {arm['arm']}{every}{', broker' if broker else ''})",
        "kind": "streaming",
        "commit": code_version(),
        "settings_hash": hash_json([settings.facts(), micro_batch.total_seconds()]),
        "log_hash": log.log_hash,
        "seed": arm["seed"],
        "k": settings.k,
        "started": spell(log.started),
        "ended": spell(max(log.ended, replay.free)),
        "cadence_seconds": micro_batch.total_seconds() or None,
        "delay_seconds": 0.0,
        "hardware": describe_machine(),
        "price_sheet": "",
        "notes": f"Reference: one consumer in one process, {way} {NOTES.format(arm=arm['arm'])}",
    }
    write_arm(out, described)


def split_rows(rows: list[Row], started: datetime, micro_batch: timedelta) -> Iterator[Part]:
    """The rows one by one as they are delivered, or those of each micro-batch together at its end; rows are in order."""
    first = 0
    while first < len(rows):
        at, last = rows[first]["delivered_at"], first + 1
        if micro_batch:
            at = started + ((at - started) // micro_batch + 1) * micro_batch
            while last < len(rows) and rows[last]["delivered_at"] < at:
                last += 1
        yield Part(at, first, last)
        first = last


def popular_of(recommendations: pa.Table) -> dict[str, list[str]]:
    """The items of everyone's list, best first, by version."""
    found: dict[str, list[str]] = {}
    rows = recommendations.filter(pc.is_null(recommendations["user_id"])).select(["version", "rank", "item_id"])
    for row in rows.sort_by([("version", "ascending"), ("rank", "ascending")]).to_pylist():
        found.setdefault(row["version"], []).append(row["item_id"])
    return found


class Replay:
    """A consumer on the simulated clock, and what is written down about it."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        rows: list[Row],
        seen_by_models: list[datetime | None],
        popular: dict[str, list[str]],
    ) -> None:
        self.rows, self.popular = rows, popular
        self.consumer = Consumer(settings, log.started)
        self.carry: Callable[[Sequence[Row]], Sequence[Row]] = (
            list  # what brings rows to the consumer: here they are there
        )
        self.free = log.started  # when the consumer is done with all that it was given
        self.version = ""
        self.upserts = Upserts()
        self.fates: list[str] = []
        self.landed: list[datetime] = []
        self.visible = seen_by_models  # by the models, until a list of the consumer's shows an event earlier
        self.waiting: list[int] = []  # places of rows about items that no model knows yet
        catalog = log.read("catalog").sort_by([("valid_from", "ascending"), ("item_id", "ascending")])
        self.catalog = catalog.select(["valid_from", "item_id", "is_available"]).to_pylist()
        self.catalog_place = 0

    def follow_catalog(self, at: datetime) -> None:
        """The consumer knows what can be bought at this moment."""
        while self.catalog_place < len(self.catalog) and self.catalog[self.catalog_place]["valid_from"] <= at:
            row = self.catalog[self.catalog_place]
            is_available = (row["is_available"] or "").strip().lower() in AVAILABLE
            (self.consumer.never.discard if is_available else self.consumer.never.add)(row["item_id"])
            self.catalog_place += 1

    def learn(self, at: datetime, model: Model) -> None:
        """The consumer has a new model, and everybody known a new list."""
        self.follow_catalog(at)
        begun = read_clocks()
        given = Given(model.read(), model.alpha, model.regularization, self.popular[model.version])
        listed = self.consumer.learn(given, at)
        self.version = model.version
        done = self.write_down("refresh", at, begun, 0, listed)
        known, self.waiting = self.waiting, []
        for place in known:
            if self.rows[place]["item_id"] in given.places:
                self.visible[place] = done
            else:
                self.waiting.append(place)

    def take(self, part: Part) -> None:
        """The consumer has taken some rows, and their users have new lists."""
        self.follow_catalog(part.at)
        begun = read_clocks()
        fates, changes, listed = self.consumer.take(self.carry(self.rows[part.first : part.last]), part.at)
        done = self.write_down("consume", part.at, begun, part.last - part.first, listed)
        self.fates += fates
        self.landed += [done] * len(fates)
        for place, (fate, is_listed) in enumerate(zip(fates, changes, strict=True), start=part.first):
            by_model = self.visible[place]
            if is_listed:
                self.visible[place] = done
            elif fate != "accepted" or by_model is None:
                self.visible[place] = None
            else:
                self.visible[place] = max(by_model, done)
            if fate == "accepted" and not is_listed and is_deed(self.rows[place]):
                self.waiting.append(place)

    def write_down(self, what: str, at: datetime, begun: Clocks, events: int, listed: list[Listed]) -> datetime:
        """What a piece of work took and made stands among the upserts; returns when it was done."""
        wall, cpu = read_clocks()
        started = max(at, self.free)
        # At least a microsecond: what can be read from the same moment on would be two lists at once.
        self.free = started + max(timedelta(seconds=wall - begun[0]), timedelta(microseconds=1))
        rows = sum(len(one.items) for one in listed)
        piece = Piece(what, at, started, self.free, events, rows, max(cpu - begun[1], 0.0))
        self.upserts.add(piece, self.version, listed)
        return self.free


def write_bundle(
    out: Path,
    log: Log,
    replay: Replay,
    everyone: pa.Table,
    tables: dict[str, pa.Table],
    settings: Settings,
    held_bytes: int,
) -> None:
    """All tables of the bundle stand in `out`."""
    runs = tables["runs"].filter(pc.is_valid(tables["runs"]["version"]))
    lists = pa.concat_tables([everyone, replay.upserts.lists().cast(everyone.schema)])
    cutoffs = pa.concat_tables(
        [pa.table({"version": runs["version"], "cutoff": runs["data_cutoff"]}), replay.upserts.cutoffs()]
    )
    path = write_table(out, "recommendations", lists)
    write_table(out, "reads", answer_from_lists(settings, log.read("reads"), lists, cutoffs))
    occurred = [read_moment(row["occurred_at"]) or row["delivered_at"] for row in replay.rows]
    seen = {
        "event_id": pa.array([row["event_id"] for row in replay.rows], pa.string()),
        "occurred": pa.array(occurred, MOMENT),
        "landed": pa.array(replay.landed, MOMENT),
        "fate": pa.array(replay.fates, pa.string()),
        "first_visible": pa.array(replay.visible, MOMENT),
    }
    write_table(out, "event_visibility", pa.table(seen))
    write_rows(out, "runs", replay.upserts.run_rows(held_bytes))
    models = tables["costs"].filter(pc.is_in(tables["costs"]["what"], pa.array(LEARNING))).to_pylist()
    gb_seconds = held_bytes * (log.ended - log.started).total_seconds() / 1e9
    own = replay.upserts.cost_rows(gb_seconds, (log.folder / "events.parquet").stat().st_size, path.stat().st_size)
    write_rows(out, "costs", [*own, *(row | {"what": f"model: {row['what']}"} for row in models)])
    write_rows(out, "faults", [])
