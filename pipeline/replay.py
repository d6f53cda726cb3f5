"""Replaying refused events: mended by a mapping or by hand, they are delivered into an hour that has not landed yet.

The refused rows stay where they are: landed hours are never rewritten by news. No row is delivered twice, no event counts
twice, and only rows that today's rules let pass are delivered, so that a replay cannot block an hour.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.audit import find_refused
from pipeline.duck import connect, fetch_table, load_files, view_files, write_table
from pipeline.errors import BadInput, DataError, NotLanded
from pipeline.files import alone_in, temporary_folder
from pipeline.history import newest_hour
from pipeline.hours import HOUR, format_hour, hours_between, parse_hour
from pipeline.inbox import SCHEMA, add_to_inbox, inbox_folder, list_inboxes, locate_replay, read_inbox
from pipeline.manifests import find_table, read_manifest
from pipeline.mapping import map_words, parse_words, read_words
from pipeline.mending import Row, mend_by_file, mend_by_words
from pipeline.privacy.tombstones import ERASED, check_mark, read_mark
from pipeline.quarantine import EXCLUDED, check_rule, find_refusals, refused_rows
from pipeline.run import Run
from pipeline.settings import Settings
from pipeline.stages.ingest_events import suite_limits


@dataclass
class Replay:
    """What became of the refused rows that were looked at; each counts once."""

    into: str
    rows: int
    delivered: int = 0
    untouched: int = 0  # not changed by the mapping, or not in the file
    before: int = 0  # replayed before
    counted: int = 0  # the same event was accepted from another row
    refused: dict[str, int] = field(default_factory=dict)  # they would be refused again, by rule
    file: str = ""


def replay(
    settings: Settings,
    first: datetime,
    last: datetime,
    rule: str | None = None,
    mapping: Sequence[str] = (),
    file: Path | None = None,
    into: datetime | None = None,
) -> Replay:
    """Refused events of the hours first to last (those of one rule, or of all but `excluded` and `erased`) stand in the
    inbox of `into` (default: the hour after the newest that landed).

    With a mapping (`event_type:veiw=click`) only the rows that it changes, with a file (from `quarantine show --csv`) only
    those in it, as they stand there. Raises a `TreasureHuntError`, and has written nothing, when there is nothing to do or
    no row would pass.
    """
    hours = hours_between(first, last)
    words, mark = parse_words(mapping, "events"), read_mark(settings)
    if words and file:
        raise BadInput("give a mapping or a file, not both.")
    if file and len(hours) > 1:
        raise BadInput("a file holds rows of one hour; name that hour alone.")
    if rule == EXCLUDED and not words and not file:
        raise BadInput("rows that the source excludes are replayed with a mapping or a file only: say what is wrong.")
    if rule == ERASED:
        raise BadInput("these people asked to be forgotten: nothing is left of their rows that could be replayed.")
    if newest_hour(settings, "ingest_events", with_failed=False) is None:
        raise NotLanded(f"nothing has landed yet for source {settings.source}; run `treasure-hunt run HOUR`.")
    with alone_in(settings.lake / "replays"):  # hours that are being ingested end first, see `inboxes_stay`
        rows = read_refused(settings, hours, rule)
        target = choose_target(settings, parse_hour(rows[-1]["hour"]), into)
        mended = mend_by_words(rows, words) if words else mend_by_file(rows, file) if file else rows
        done = Replay(format_hour(target), len(rows), untouched=len(rows) - len(mended))
        fresh = leave_out_replayed(settings, mended, first, target)
        done.before = len(mended) - len(fresh)
        passing = leave_out_refused(settings, fresh, first, target, done)
        if passing:
            of: dict[str, Counter[str]] = {}
            for row in passing:
                of.setdefault(row["hour"], Counter())[row["rule"]] += 1
            check_mark(settings, mark, "the replay")
            done.file = str(add_to_inbox(settings.lake, target, deliverable(passing, target), of))
            done.delivered = len(passing)
        elif done.refused and not done.before:
            why = ", ".join(f"{name} ({count} row{'s' * (count != 1)})" for name, count in done.refused.items())
            raise BadInput(f"none of these rows would pass: {why}; mend them with a mapping or in a file.")
    return done


def choose_target(settings: Settings, last: datetime, into: datetime | None) -> datetime:
    """The hour to deliver into; raises `BadInput` for one that landed, lies before the refused rows, or is not next."""
    newest = newest_hour(settings, "ingest_events", with_failed=False)
    assert newest is not None  # noqa: S101  # the caller has looked
    target = into or newest + HOUR
    if read_manifest(Run(target, settings), "ingest_events"):
        raise BadInput(
            f"{format_hour(target)} has landed and is never added to; the next hour is {format_hour(newest + HOUR)}."
        )
    if target <= last:
        raise BadInput(f"{format_hour(target)} is not after {format_hour(last)}, whose rows are to be replayed.")
    if target > newest + HOUR:
        raise BadInput(f"{format_hour(target)} is too far ahead; the next hour to run is {format_hour(newest + HOUR)}.")
    return target


def read_refused(settings: Settings, hours: Sequence[datetime], rule: str | None) -> list[Row]:
    """The refused rows of the hours that landed: hour, locator, rule, and `raw` as delivered."""
    found: list[Row] = []
    for hour in hours:
        refusals = find_refusals(settings, hour, "events")
        if refusals and not refusals[0].is_blocked:
            found += [{"hour": format_hour(hour), **row} for row in refused_rows(settings, hour, "events")]
        elif len(hours) == 1 and refusals:
            raise DataError(
                f"{format_hour(hour)} was blocked as a whole, so its rows never landed: mend the source, or map its words "
                f"in sql/sources/{settings.source}/mapping.csv, and run the hour again with --repull."
            )
        elif len(hours) == 1:
            raise NotLanded(f"ingest_events of {format_hour(hour)} has not run for source {settings.source}.")
    span = format_hour(hours[0]) + (f" to {format_hour(hours[-1])}" if len(hours) > 1 else "")
    check_rule(rule, {row["rule"] for row in found}, span)
    chosen = [row for row in found if (row["rule"] == rule if rule else row["rule"] not in {EXCLUDED, ERASED})]
    if not chosen:
        raise BadInput(f"nothing to replay: no event of {span} was refused.")
    twice = [where for where, count in Counter((row["hour"], row["locator"]) for row in chosen).items() if count > 1]
    if twice:
        raise DataError(
            f"{twice[0][0]}: {len(twice)} locators stand on several refused rows; the source must give every row its own."
        )
    return chosen


def leave_out_replayed(settings: Settings, rows: list[Row], first: datetime, target: datetime) -> list[Row]:
    """The rows that no replay delivered before, into whatever hour."""
    newest = max(target, newest_hour(settings) or target) + HOUR
    paths = [
        inbox_folder(settings.lake, hour) / batch["file"]
        for hour, batch in list_inboxes(settings.lake, first, newest)
        if set(batch["of"]) & {row["hour"] for row in rows}
    ]
    replayed = {
        locator for path in paths for locator in pq.read_table(path, columns=["locator"])["locator"].to_pylist()
    }
    return [row for row in rows if locate_replay(row["hour"], row["locator"]) not in replayed]


def leave_out_refused(
    settings: Settings, rows: list[Row], first: datetime, target: datetime, done: Replay
) -> list[Row]:
    """The rows whose event does not count yet and that would pass the rules in the target hour; `done` counts the rest."""
    if not rows:
        return []
    with temporary_folder(settings.lake, "replay") as folder:
        draft = folder / "typed_events.parquet"
        with connect(settings, folder) as connection:
            again, _ = map_words(deliverable(rows, target), read_words(settings.source))
            connection.register("replayed_events", again)
            connection.register("delivered", again.append_column("row", pa.array(range(1, len(rows) + 1))))
            write_table(connection, "typed_events", draft, hour_end=target + HOUR)
            view_files(connection, "typed_events", [draft])
            landed, waiting = find_ids(settings, first, target)
            load_files(connection, "landed_events", landed, {"event_id": "varchar"})
            load_files(connection, "waiting_events", waiting, {"event_id": "varchar"})
            counted = set(fetch_table(connection, "counted_already")["event_id"].to_pylist())
        ids = pq.read_table(draft, columns=["event_id"])["event_id"].to_pylist()
        broken = {
            fault["row"]: fault["rule"]
            for fault in find_refused("events", [draft], suite_limits(settings.lookback_hours))[0].to_pylist()
            if fault["is_primary"]
        }
    passing = []
    for number, (row, event_id) in enumerate(zip(rows, ids, strict=True), start=1):
        if event_id in counted:
            done.counted += 1
        elif number in broken:
            done.refused[broken[number]] = done.refused.get(broken[number], 0) + 1
        else:
            passing.append(row)
    return passing


def find_ids(settings: Settings, first: datetime, target: datetime) -> tuple[list[Path], list[Path]]:
    """Files with the ids of the events that may be those of the rows: accepted since, or waiting in an inbox."""
    landed, waiting = [], []
    newest = max(target, newest_hour(settings) or target)
    for hour in hours_between(first - settings.lookback_hours * HOUR, newest):
        found = find_table(Run(hour, settings), "events")
        if found is None:
            waiting += [inbox_folder(settings.lake, hour) / batch["file"] for batch in read_inbox(settings.lake, hour)]
        elif found[1]["rows"]:
            landed.append(found[0])
    return landed, waiting


def deliverable(rows: list[Row], target: datetime) -> pa.Table:
    """The rows as a source would hand them over in the target hour, each with a locator that says where it was refused."""
    texts = [
        {
            **row["raw"],
            "locator": locate_replay(row["hour"], row["locator"]),
            "event_id": (row["raw"]["event_id"] or "").strip() or row["locator"],
            "excluded": None,
            "delivered_at": f"{target:%Y-%m-%d %H:%M:%S}",
        }
        for row in rows
    ]
    return pa.Table.from_pylist(texts, schema=SCHEMA)


def describe_replay(done: Replay) -> list[str]:
    """What a replay did, for a person: a line for each fate of the rows."""
    lines = [f"{done.rows:,} refused rows"]
    counts = {
        f"delivered into {done.into}, where they count once it has run": done.delivered,
        "replayed before": done.before,
        "whose event id counts already, or is about to: another event needs an id of its own": done.counted,
        **{f"would be refused again by {rule}": count for rule, count in done.refused.items()},
        "left alone, because nothing of them was mended": done.untouched,
    }
    lines += [f"  {count:>9,}  {what}" for what, count in counts.items() if count]
    return lines + ([f"  {done.file}"] if done.file else ["nothing was written"])
