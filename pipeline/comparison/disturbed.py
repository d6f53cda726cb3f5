"""The batch arm while things go wrong: its stages meet the faults of a plan and are tried again as the DAG tries them.

Nothing is pretended: files are late or spoilt, the database's file is out of reach, a publishing process is killed, and what
the stages then do and say is theirs. Only when it happens is simulated.
"""

import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy.engine import make_url

from pipeline.comparison.clock import Interval, begin
from pipeline.comparison.faults import PUBLISHING, READ_ONCE, Fault, FaultyFeed, count_wrong, find_recovery
from pipeline.comparison.interval import Ran, hours_of, measure, run_once
from pipeline.comparison.log import Log
from pipeline.errors import BadInput, DataError, TreasureHuntError
from pipeline.failpoints import run_with
from pipeline.hours import HOUR, format_hour
from pipeline.line import STAGES, report_failure
from pipeline.manifests import find_table
from pipeline.run import Run, StageResult
from pipeline.serving.contract import Asked
from pipeline.serving.database import connect
from pipeline.serving.lists import ListReader
from pipeline.settings import PREFIX, Settings
from pipeline.stopwatch import read_clocks

# As the DAG has them: three retries, the first after a minute, each wait twice the one before.
WAITS = tuple(timedelta(seconds=60 * 2**step) for step in range(3))
HALF_WAY = "publish.table_loaded:kill:2"
NOT_STORABLE = "user_id_not_storable"  # the rule that ids with NUL bytes break
Answers = dict[tuple[datetime, str], dict[str, Any]]  # rows of `reads` by when and who


@dataclass
class Disturbed:
    """A batch run that meets faults: what failed when, what stages counted, and what readers got without the database."""

    log: Log
    feed: FaultyFeed
    settings: Settings
    faults: Sequence[Fault]
    ran: list[Ran] = field(default_factory=list)
    said: list[tuple[datetime, str, str, str]] = field(default_factory=list)  # when, stage, hour, sentence of an error
    told: list[tuple[datetime, Ran, StageResult]] = field(default_factory=list)  # when and within which run
    killed: dict[str, datetime] = field(default_factory=dict)  # by the fault's name
    answers: Answers = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)


def run_disturbed(
    arm: Disturbed, intervals: Sequence[Interval], delay: timedelta, tell: Callable[[Ran], None] = lambda ran: None
) -> None:
    """Every interval has run; one that was refused for a delivery that has been mended since, again before the next one."""
    refused: list[Ran] = []
    for interval in intervals:
        for hour in interval.hours:
            arm.feed.deliver(hour)
        for before in (*refused, None):
            begun = begin(interval.end, delay, arm.ran[-1].ended if arm.ran else arm.log.started)
            arm.feed.mend(begun)
            if before and is_spoilt(arm, before):
                continue  # whoever mends deliveries has not got to it
            ran = Ran(
                before.interval if before else interval, begun, begun, attempt=before.attempt + 1 if before else 1
            )
            arm.ran.append(ran)
            run_tried(arm, ran)
            if before:
                refused.remove(before)
            if len(ran.landed) < len(ran.interval.hours) and is_spoilt(arm, ran):
                refused.append(ran)
            tell(ran)
    answer_without_database(arm, arm.log.ended)


def is_spoilt(arm: Disturbed, ran: Ran) -> bool:
    """Whether a delivery of the run's hours waits to be mended."""
    return any(fault.hour in ran.interval.hours for fault in arm.feed.waiting)


def run_tried(arm: Disturbed, ran: Ran) -> None:
    """The line has run for an interval, each stage tried again after a wait unless the data or the input is at fault."""
    for stage in STAGES:
        for wait in (*WAITS, None):
            answer_without_database(arm, ran.ended)
            try:
                hear(arm, ran, stage)
                break
            except TreasureHuntError as error:
                hour = hours_of(ran, stage)[ran.done]  # those before it have landed
                arm.said.append((ran.ended, stage, format_hour(hour), str(error)))
                if wait is None or isinstance(error, DataError | BadInput):
                    ran.trouble = str(error)
                    report_failure(list(STAGES), ran.interval.hours[-1:], arm.settings)
                    return
                ran.ended += wait


def hear(arm: Disturbed, ran: Ran, stage: str) -> None:
    """The stage has run once, under the faults of this moment, and what it counted is known."""
    ran.done = 0
    away = [one for one in arm.faults if one.kind == "database_away" and one.is_on(ran.ended)]
    kills = [one for one in arm.faults if one.kind == "killed" and one.began <= ran.ended]
    kills = [one for one in kills if stage == "publish" and one.fault not in arm.killed]
    if kills:
        kill_publishing(ran, arm.settings)
        arm.killed[kills[0].fault] = ran.ended
        raise TreasureHuntError(f"the process of {stage} was killed; it is tried again.")
    with take_database(arm.settings) if away else nullcontext():
        results = run_once(ran, stage, arm.settings)
    arm.told += [(ran.ended, ran, result) for result in results]


def kill_publishing(ran: Ran, settings: Settings) -> None:
    """A process that publishes the run's last hour was killed half way; the clock has gone on by what that took."""
    hour = ran.interval.hours[-1]
    given = settings.model_dump(mode="json", include=settings.model_fields_set - {"start"})
    begun = read_clocks()
    done = run_with(
        HALF_WAY,
        [sys.executable, "-m", "pipeline.cli", "run", format_hour(hour), "--only", "publish"],
        {f"{PREFIX}{name.upper()}": str(value) for name, value in given.items()},
    )
    took = measure("publish", begun, [])
    ran.took.append(took)
    ran.ended += timedelta(seconds=took.seconds)
    if done.returncode != -signal.SIGKILL:
        raise RuntimeError(
            f"publishing {format_hour(hour)} was to be killed and ended with {done.returncode}: {done.stderr}"
        )


@contextmanager
def take_database(settings: Settings) -> Iterator[None]:
    """Nobody reaches the serving database: where its file should be stands a folder."""
    path = Path(str(make_url(settings.serving).database))
    moved = [Path(f"{path}{end}") for end in ("", "-wal", "-shm") if Path(f"{path}{end}").exists()]
    for file in moved:
        file.rename(f"{file}.away")
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        for file in moved:
            Path(f"{file}.away").rename(file)


def answer_without_database(arm: Disturbed, at: datetime) -> None:
    """The reads of every time without the database that has begun by this moment are answered as the read API does then:
    by the popular list of the version that it saw last.
    """
    live = next((one for one in reversed(arm.ran) if one.published), None)
    for fault in arm.faults:
        if fault.kind != "database_away" or fault.began > at or fault.fault in arm.answered:
            continue
        arm.answered.add(fault.fault)
        if live is None or live.published is None:
            continue
        since = max(fault.began, live.published)
        asked = [(one["t"], one["user_id"]) for one in arm.log.read("reads").to_pylist()]
        engine = connect(arm.settings.serving)
        reader = ListReader(
            engine, arm.settings.source, arm.settings.arm, arm.settings.stale_after_minutes, keeps_all=True
        )
        reader.follow(reader.refreshing())
        engine.dispose()  # its connections are cut
        with take_database(arm.settings):
            for t, user in [(t, user) for t, user in asked if t >= since and fault.is_on(t)]:
                arm.answers[t, user] = answer_cut_off(reader, live, t, user)
        engine.dispose()


def answer_cut_off(reader: ListReader, live: Ran, at: datetime, user: str) -> dict[str, Any]:
    """A row of `reads` without what names it: the answer of a server that does not reach its database."""
    begun = read_clocks()[0]
    try:
        answer = reader.read(Asked(user=user))
    except BadInput:
        return {"status": 422}
    except TreasureHuntError:
        seen = reader.read_without_database(Asked(user=user))
        if seen is None:
            return {"status": 503}
        answer = seen
    return {
        "status": 200,
        "latency_ms": round((read_clocks()[0] - begun) * 1000, 3),
        "version": answer.version,
        "list_age_seconds": (at - live.interval.end).total_seconds(),
        "served_reason": answer.served_reason,
        "items": len(answer.rows),
    }


def tell_faults(arm: Disturbed, bundle: Path) -> list[dict[str, Any]]:
    """Rows of `faults`, by what the arm said and counted and when it published; `bundle` holds its lists."""
    rows = []
    for fault in arm.faults:
        began = arm.killed.get(fault.fault) if fault.kind == "killed" else fault.began
        if began is None:
            continue  # nobody published after it
        recovered = recover(arm, fault, began)
        row = {
            "fault": fault.fault,
            "started": began,
            "detected": find_notice(arm, fault, began),
            "recovered": recovered,
        }
        rows.append(row | {"bad_rows": count_wrong(bundle, arm.log.folder, began, recovered)})
    return rows


def recover(arm: Disturbed, fault: Fault, began: datetime) -> datetime | None:
    """When readers were served as before: at once where nothing reached them, None where they never were."""
    if is_harmless(arm, fault):
        return began
    ran = since_whole(arm, fault) if fault.kind in READ_ONCE else arm.ran
    return find_recovery(fault, began, [(one.started, one.published) for one in ran if one.published])


def since_whole(arm: Disturbed, fault: Fault) -> list[Ran]:
    """The runs from the one on that took in what an hour delivers once it is whole; none where its rows were taken in as
    the fault left them, or never: what has landed is not read again.
    """
    rows, known = arm.feed.located(fault.hour)["locator"], set[datetime]()
    for place, one in enumerate(arm.ran):
        for hour in sorted(one.landed.keys() - known):
            known.add(hour)
            found = find_table(Run(hour, arm.settings), "delivered_rows")
            if found and pc.any(pc.is_in(rows, pq.read_table(found[0])["locator"])).as_py():
                return [] if fault.is_on(one.started) else list(arm.ran[place:])
    return [] if len(rows) else list(arm.ran)


def find_notice(arm: Disturbed, fault: Fault, began: datetime) -> datetime | None:
    """When the arm first knew of a fault: an error of a stage that meets it, or what that stage counted."""
    if fault.kind in PUBLISHING:
        return min((at for at, stage, *_ in arm.said if stage == "publish" and at >= began), default=None)
    met = ("ingest_catalog" if fault.kind == "catalog_cut" else "ingest_events", format_hour(fault.hour))
    failed = [at for at, stage, hour, _ in arm.said if (stage, hour) == met]
    told = [
        at
        for at, ran, result in arm.told
        if (result.stage, result.hour) == met
        and (fault.kind not in READ_ONCE or fault.is_on(ran.started))
        and is_counted(arm, fault, result.facts)
    ]
    return min([*failed, *told], default=None)


def is_counted(arm: Disturbed, fault: Fault, facts: dict[str, Any]) -> bool:
    """Whether the facts of the stage that met a fault have it, whether or not anything was said."""
    if fault.kind == "catalog_cut":
        catalog = facts["catalog"]
        return not catalog["is_captured"] or bool(catalog["items_vanished"])
    ledger = facts["ledger"]
    if fault.kind == "late":
        return bool(ledger["delivered"] <= facts["late"])  # nothing of the hour's own
    if fault.kind == "broken":
        return NOT_STORABLE in ledger["every_failed_rule"]
    if fault.kind == "repeated":
        return 0 < sum(count > 0 for count in accept_repeated(arm, fault).values()) <= int(ledger["duplicate"])
    return False  # a file that is cut off cannot be read, which is an error


def is_harmless(arm: Disturbed, fault: Fault) -> bool:
    """Whether each event of the rows that came again was accepted once at most, so that no list ever held it twice."""
    if fault.kind != "repeated":
        return False
    return all(count <= 1 for count in accept_repeated(arm, fault).values())


def accept_repeated(arm: Disturbed, fault: Fault) -> dict[str, int]:
    """How often each event of the rows that came again was accepted, by the hour that they came in and those before."""
    repeated = {(text or "").strip() for text in arm.feed.repeats_of(fault.hour)["event_id"].to_pylist()}
    accepted: Counter[str] = Counter()
    for step in range(fault.hours + 1):
        if found := find_table(Run(fault.hour - step * HOUR, arm.settings), "events"):
            accepted.update(pq.read_table(found[0], columns=["event_id"])["event_id"].to_pylist())
    return {event: accepted[event] for event in repeated}
