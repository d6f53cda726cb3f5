"""The pages on disk: one for each hour, one of the last hours, each replaced in one step.

<home>/reports/<source>/index.html            the last seven days of hours that have run
<home>/reports/<source>/2026-01-01/13.html    the page of an hour; .json beside it: what the index shows of it
"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pipeline.files import alone_in, move_into_place, write_json
from pipeline.hours import HOUR, format_hour, parse_hour
from pipeline.report.account import Account, count_rules
from pipeline.report.index import Brief, index_page
from pipeline.report.page import hour_page

INDEX_HOURS = 168


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
        path = page_path(folder, parse_hour(account["hour"]))
        write_text(path, hour_page(account), staging)
        write_json(path.with_suffix(".json"), shorten(account), staging)
        paths.append(path)
    with alone_in(folder):  # two hours that report at once must both be in the index
        write_text(folder / "index.html", index_page(accounts[0]["source"], last_briefs(folder)), staging)
    return paths


def write_text(path: Path, text: str, staging: Path) -> None:
    """The file is replaced in one step."""
    staging.mkdir(parents=True, exist_ok=True)
    draft = staging / f"{path.parent.name}-{path.name}"
    draft.write_text(text, encoding="utf-8")
    move_into_place(draft, path)


def shorten(account: Account) -> Brief:
    """What the index shows of an hour."""
    return {
        **{name: account[name] for name in ("hour", "state", "version", "ledgers", "live", "lag_seconds")},
        "rules": count_rules(account),
        "gates": [
            {name: found[name] for name in ("stage", "rule", "observed", "limit")}
            for found in account["quality"]
            if found["is_gate"]
        ],
        "seconds": {stage["stage"]: stage["seconds"] for stage in account["stages"]},
        "sentences": [stage["sentence"] for stage in account["stages"] if stage["sentence"]],
    }


def last_briefs(folder: Path) -> list[Brief]:
    """The hours that have a page, oldest first, from a week before the newest one on."""
    days = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0].isdigit())[-8:]
    hours = sorted(f"{day}T{path.stem}" for day in days for path in (folder / day).iterdir() if path.suffix == ".json")
    if not hours:
        return []
    first = format_hour(parse_hour(hours[-1]) - (INDEX_HOURS - 1) * HOUR)
    chosen = [page_path(folder, parse_hour(hour)).with_suffix(".json") for hour in hours if hour >= first]
    return [json.loads(path.read_text(encoding="utf-8")) for path in chosen]
