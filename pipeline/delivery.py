"""Which of the rows that a source hands over an hour delivers: its own, and those that became visible after theirs.

A row is stamped when its transaction begins and seen when it commits, which may be after its hour was pulled. So a pull
looks back on hours that have landed and delivers now what none of them has: no row is lost, no landed hour is rewritten.
`delivered_rows` remembers the locators that each hour delivered.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.duck import fetch_table, load_files, view_files, write_table
from pipeline.errors import DataError
from pipeline.files import hash_file
from pipeline.hours import HOUR, format_hour
from pipeline.lake import Work
from pipeline.manifests import find_table
from pipeline.privacy.tombstones import blank_erased
from pipeline.run import Run
from pipeline.sources.read import pull

TABLE = "delivered_rows"
LOCATOR = {"locator": "varchar"}


def pull_events(connection: duckdb.DuckDBPyConnection, works: Sequence[Work]) -> None:
    """Draft `delivered` and `delivered_rows` of each hour: one pull for every unbroken run of hours and its look-back."""
    for stretch in unbroken(works):
        first, last = stretch[0], stretch[-1]
        landed = find_delivered(first, works, range(-first.run.settings.pull_lookback_hours, 0))
        later = find_delivered(last, [], range(1, last.run.settings.pull_lookback_hours + 1))
        again = delivered_in_history(first.run)
        start = min([first.run.hour, *landed])
        pull(first.run, "events", first.draft("pulled"), start, last.run.end, works[0].folder)
        blank_erased(first.run.settings, first.draft("pulled"))
        view_files(connection, "pulled", [first.draft("pulled")])
        _check_hours(connection, first, start, last.run.end)
        load_files(connection, "delivered_before", [path for paths in landed.values() for path in paths], LOCATOR)
        load_files(connection, "delivered_after", [path for paths in later.values() for path in paths], LOCATOR)
        load_files(connection, "delivered_again", again or [], LOCATOR)
        for work in stretch:
            for hour in later:
                work.read_hour(TABLE, hour)  # registers it as an input of this hour too
            look_back_start = start if work is first else work.run.hour
            _draft_delivered(connection, work, look_back_start, list(landed), again is not None)


def _draft_delivered(
    connection: duckdb.DuckDBPyConnection, work: Work, start: datetime, landed: list[datetime], is_again: bool
) -> None:
    hours: dict[str, Any] = {"hour_start": work.run.hour, "hour_end": work.run.end}
    write_table(
        connection,
        "delivered_events",
        work.draft("delivered"),
        **hours,
        look_back_start=start,
        landed_hours=landed,
        is_again=is_again,
    )
    view_files(connection, "delivered", [work.draft("delivered")])
    write_table(connection, TABLE, work.draft(TABLE), **hours)
    late = pc.sum(pq.read_table(work.draft(TABLE), columns=["is_late"])["is_late"]).as_py() or 0
    work.facts["late"] = late
    if late:
        work.note(f"{late} rows of hours that had landed before became visible since then and are delivered now")


def find_delivered(work: Work, works: Sequence[Work], steps: range) -> dict[datetime, list[Path]]:
    """The hours so many steps from this one that have landed, or are drafted beside it, and what they delivered.

    They are registered as inputs. An hour that landed without its `delivered_rows` counts as not landed.
    """
    drafted = {other.run.hour: other for other in works if other.run.hour < work.run.hour}
    found: dict[datetime, list[Path]] = {}
    for hour in (work.run.hour + step * HOUR for step in steps):
        if hour in drafted:
            path = drafted[hour].draft(TABLE)
            work.inputs[f"{TABLE}@{format_hour(hour)}"] = hash_file(path)
            found[hour] = [path]
        elif find_table(work.run, TABLE, hour):
            found[hour] = work.read_hour(TABLE, hour)
    return found


def delivered_in_history(run: Run) -> list[Path] | None:
    """What this hour delivered when it landed, for a run that computes it again elsewhere; None for any other.

    What the source has got since then is news: it belongs to an hour to come.
    """
    found = find_table(Run(run.hour, run.settings, lake=run.history), TABLE) if run.history else None
    return [found[0]] if found else None


def _check_hours(connection: duckdb.DuckDBPyConnection, first: Work, start: datetime, end: datetime) -> None:
    count = fetch_table(connection, "misplaced_rows", hour_start=start, hour_end=end).to_pylist()[0]
    if count["misplaced"]:
        raise DataError(
            f"source {first.run.settings.source}: events.sql hands over {count['misplaced']} of {count['pulled']} rows "
            f"whose delivered_at is not between {format_hour(start)} and the end of {format_hour(end - HOUR)}; it must "
            "say which hour each row belongs to."
        )


def unbroken(works: Sequence[Work]) -> list[list[Work]]:
    """The hours in runs without a gap, oldest first."""
    stretches: list[list[Work]] = []
    for work in works:
        if stretches and stretches[-1][-1].run.end == work.run.hour:
            stretches[-1].append(work)
        else:
            stretches.append([work])
    return stretches
