"""Pulling from a source: its two SELECTs, run where the data is, hand over text rows that go to Parquet as they come.

A source is a folder `sql/sources/<name>/` with `events.sql` and `items.sql`. A source whose URL is a database URL is read
through SQLAlchemy; any other URL is a folder, or a bucket (`s3://…`), of files read by DuckDB. Both SELECTs see `$start`,
`$end` (text, UTC) and, for files, `$url`, or `$file` and `$file_name` when they are to be run for one file of the contract
at a time; everything they hand over is text, typing comes afterwards. An event's `delivered_at` says which hour
it belongs to, so it must be a moment that can be read, between `$start` and `$end`, whatever the row itself claims.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.errors import BadInput
from pipeline.files import ROOT
from pipeline.object_storage import is_bucket
from pipeline.run import Run
from pipeline.settings import Settings
from pipeline.sources.contract import Difference, check_contract, read_contract, relations_of
from pipeline.sources.database import is_database, pull_database
from pipeline.sources.files import pull_files
from pipeline.sources.storage import name_files, open_folder, say_absent

SOURCES = ROOT / "sql" / "sources"


def list_sources() -> list[str]:
    """Names of the sources there are."""
    return sorted(path.parent.name for path in SOURCES.glob("*/events.sql"))


def source_url(settings: Settings) -> str:
    """Where the configured source's data is; raises `BadInput` naming the sources when there is no such source."""
    if settings.source not in list_sources():
        raise BadInput(f"there is no source {settings.source!r}; the sources are {', '.join(list_sources())}.")
    if settings.source_url:
        return settings.source_url
    if settings.source == "shop":
        return settings.shop_url
    return str(settings.data / settings.source.replace("_", "-"))


def pull(
    run: Run,
    kind: str,
    target: Path,
    start: datetime | None = None,
    end: datetime | None = None,
    scratch: Path | None = None,
) -> int:
    """Write what the source hands over from `start` to `end` (default: this hour's) to `target`.

    `kind` is `events` or `items`; the columns are COLUMNS[kind], all text, in the order of the source. Returns the number
    of rows. Raises `BadInput`, `Unreachable` or `Unreadable` when the source cannot be read, `DataError` when it does not
    hand over the columns agreed on. Objects are fetched to `scratch` (default: beside the target) unless they are there.
    """
    url = source_url(run.settings)
    folder = SOURCES / run.settings.source
    statement = (folder / f"{kind}.sql").read_text(encoding="utf-8")
    start, end = start or run.hour, end or run.end
    values: dict[str, Any] = {"start": f"{start:%Y-%m-%d %H:%M:%S}", "end": f"{end:%Y-%m-%d %H:%M:%S}"}
    if is_database(url):
        return pull_database(run, kind, url, statement, values, target)
    relations = relations_of(read_contract(folder, kind))
    if run.settings.require_checksums and not relations:
        raise BadInput(
            f"TREASURE_HUNT_REQUIRE_CHECKSUMS is set, but source {run.settings.source} has no contract that says which "
            f"files {kind} are read from; write {folder / 'contract.csv'}."
        )
    files = open_folder(run, url, relations, start, end, scratch or target.parent)
    return pull_files(run, kind, files, name_files(relations, start, end), statement, values, target)


def explain_absence(run: Run, kind: str, scratch: Path) -> str:
    """Which file of the hour is not there, in half a sentence, where the source is of files that say their hour; or nothing.

    Of a bucket it is told from what was fetched to `scratch`.
    """
    url = source_url(run.settings)
    if is_database(url):
        return ""
    folder = scratch / "fetched" if is_bucket(url) else Path(url).expanduser().resolve()
    return say_absent(folder, relations_of(read_contract(SOURCES / run.settings.source, kind)), run.hour, run.end, url)


def compare_with_contract(run: Run, kind: str, start: datetime, end: datetime, scratch: Path) -> Difference | None:
    """How what the source has for these hours differs from its contract; None when it has none."""
    return check_contract(run, SOURCES / run.settings.source, kind, source_url(run.settings), start, end, scratch)
