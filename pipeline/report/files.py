"""The pages on disk: one for each hour, one of the last hours, each replaced in one step.

<home>/reports/<source>/index.html            the last seven days of hours that have run
<home>/reports/<source>/2026-01-01/13.html    the page of an hour; .json beside it: what the index shows of it
"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pipeline.failpoints import reach
from pipeline.files import alone_in, move_into_place, write_json
from pipeline.hours import HOUR, format_hour, parse_hour
from pipeline.report.account import Account
from pipeline.report.briefs import NOTHING, Brief, fill_hours, shorten
from pipeline.report.index import WEEK_HOURS, index_page
from pipeline.report.page import hour_page

INDEX_HOURS = WEEK_HOURS
DAY_HOURS = 24


def page_path(folder: Path, hour: datetime) -> Path:
    """Where the page of an hour lies below the folder of a source's reports."""
    return folder / f"{hour:%Y-%m-%d}" / f"{hour:%H}.html"


def datadocs_path(folder: Path, hour: str) -> Path:
    """Where the first of Great Expectations' own pages of an hour lies, where they were made."""
    return folder / "datadocs" / hour / "index.html"


def write_pages(folder: Path, accounts: Sequence[Account], staging: Path) -> list[Path]:
    """The pages of these hours and the index are there; what it costs follows these hours, not those before."""
    paths = []
    for account in accounts:
        hour = parse_hour(account["hour"])
        path = page_path(folder, hour)
        write_json(path.with_suffix(".json"), shorten(account), staging)
        write_text(path, hour_page(account, day_before(folder, hour)), staging)
        paths.append(path)
    reach("report.page_written")
    with alone_in(folder):  # two hours that report at once must both be in the index
        write_text(folder / "index.html", index_page(accounts[0]["source"], last_briefs(folder)), staging)
    return paths


def write_text(path: Path, text: str, staging: Path) -> None:
    """The file is replaced in one step."""
    staging.mkdir(parents=True, exist_ok=True)
    draft = staging / f"{path.parent.name}-{path.name}"
    draft.write_text(text, encoding="utf-8")
    move_into_place(draft, path)


def last_briefs(folder: Path) -> list[Brief]:
    """The hours that have a page, oldest first, from a week before the newest one on."""
    days = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0].isdigit())[-8:]
    hours = sorted(f"{day}T{path.stem}" for day in days for path in (folder / day).iterdir() if path.suffix == ".json")
    if not hours:
        return []
    first = format_hour(parse_hour(hours[-1]) - (INDEX_HOURS - 1) * HOUR)
    chosen = [page_path(folder, parse_hour(hour)).with_suffix(".json") for hour in hours if hour >= first]
    return [read_brief(path) for path in chosen]


def day_before(folder: Path, hour: datetime) -> list[Brief]:
    """The 24 hours up to this one, oldest first, those that have no page as well."""
    paths = [page_path(folder, hour - step * HOUR).with_suffix(".json") for step in range(DAY_HOURS)]
    return fill_hours([read_brief(path) for path in paths if path.exists()], hour, DAY_HOURS)


def read_brief(path: Path) -> Brief:
    """What is kept of an hour beside its page; what an earlier release did not keep is empty."""
    return {**NOTHING, **json.loads(path.read_text(encoding="utf-8"))}
