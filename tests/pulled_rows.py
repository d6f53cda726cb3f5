"""What a source hands over, as dicts of text; and where the real files are, if they are."""

import os
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.files import ROOT
from pipeline.hours import HOUR, hours_between, parse_hour
from pipeline.run import Run
from pipeline.settings import Settings
from pipeline.sources.read import pull

Texts = dict[str, str | None]


def pull_rows(source: str, folder: Path, kind: str, first: str, last: str | None = None) -> list[Texts]:
    """Rows of `kind` of the hours `first` to `last` (both included; default: the one hour), pulled at once."""
    target = folder / f"pulled-{kind}.parquet"  # beside no file that a source would read
    run = Run(parse_hour(first), Settings(home=folder / "var", source=source, source_url=str(folder)))
    rows = pull(run, kind, target, end=end_of(last or first))
    found = pq.read_table(target).to_pylist()
    target.unlink()
    assert len(found) == rows
    return found


def end_of(hour: str) -> datetime:
    """The moment at which that hour ends."""
    return parse_hour(hour) + HOUR


def pull_hour_by_hour(source: str, url: Path, scratch: Path, first: str, last: str) -> list[Texts]:
    """Rows of all events of the hours, each hour pulled by itself."""
    settings = Settings(home=scratch, source=source, source_url=str(url))
    rows: list[Texts] = []
    for hour in hours_between(parse_hour(first), parse_hour(last)):
        pull(Run(hour, settings), "events", scratch / "pulled.parquet")
        rows += pq.read_table(scratch / "pulled.parquet").to_pylist()
    return rows


def pull_whole(source: str, url: Path, scratch: Path, first: str, last: str, kind: str = "events") -> Path:
    """The Parquet file of all rows of the hours, pulled at once."""
    settings = Settings(home=scratch, source=source, source_url=str(url))
    pull(Run(parse_hour(first), settings), kind, scratch / f"{kind}.parquet", end=end_of(last))
    return scratch / f"{kind}.parquet"


def real_files(folder: str) -> Path:
    """Folder of a real log; the test is skipped where it is not."""
    data = Path(os.environ.get("TREASURE_HUNT_DATA") or ROOT / ".." / "shared" / "data").resolve()
    if not any((data / folder).glob("*.csv")):
        pytest.skip(f"the real log {folder} is not here: set TREASURE_HUNT_DATA to the folder that holds {folder}/")
    return data / folder
