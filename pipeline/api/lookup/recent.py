"""What a user did lately: the events of landed hours, read from the lake where it is on this machine."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from pipeline.errors import Unreachable
from pipeline.hours import HOUR
from pipeline.manifests import find_table
from pipeline.run import Run
from pipeline.settings import Settings

COLUMNS = ["event_id", "event_type", "query", "item_id", "occurred_at"]
TOGETHER = 12  # hours that are read at once
PATIENCE_SECONDS = 0.1
MOST = 50


@dataclass(frozen=True)
class Recent:
    """The newest events first, each one row of COLUMNS; `hours` were looked through, 0 when no lake is there.

    `is_cut`: time was up before there were MOST of them or the window's end.
    """

    events: list[dict[str, Any]]
    since: datetime | None
    hours: int
    is_cut: bool = False


def read_recent(settings: Settings, user: str, newest: datetime, patience: float = PATIENCE_SECONDS) -> Recent:
    """A user's events of the hour `newest` and earlier, as far back as the window, until there are MOST of them or time
    is up; an hour is looked through whole or not at all.
    """
    deadline = time.monotonic() + patience
    found: dict[str, dict[str, Any]] = {}
    since, hours, is_cut = None, 0, False
    for first, count, paths in _go_back(settings, newest):
        if len(found) >= MOST:
            break
        if hours and time.monotonic() > deadline:
            is_cut = True
            break
        for row in _read_user(paths, user):
            found.setdefault(row["event_id"], row)
        since, hours = first, hours + count
    newest_first = sorted(found.values(), key=lambda row: (row["occurred_at"], row["event_id"]), reverse=True)
    return Recent(newest_first[:MOST], since, hours, is_cut)


def _go_back(settings: Settings, newest: datetime) -> Iterator[tuple[datetime, int, list[Path]]]:
    """Some hours at a time, backwards: the first of them, how many have landed, and their files."""
    hour, oldest = newest, newest - timedelta(days=settings.window_days)
    while hour > oldest:
        some = [hour - number * HOUR for number in range(TOGETHER)]
        landed = [entry[0] for one in some if (entry := find_table(Run(one, settings), "events"))]
        if landed:
            yield some[-1], len(landed), landed
        hour = some[-1] - HOUR


def _read_user(paths: list[Path], user: str) -> list[dict[str, Any]]:
    try:
        files = pyarrow.dataset.dataset([str(path) for path in paths], format="parquet")
        rows: pa.Table = files.to_table(columns=COLUMNS, filter=pc.field("user_id") == user)
    except (pa.ArrowException, OSError) as error:
        raise Unreachable(
            f"an hour's events cannot be read ({type(error).__name__}): it is being run again, or damaged; try once more."
        ) from None
    return rows.to_pylist()
