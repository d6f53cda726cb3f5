"""Stage `report`: what became of the hour, for people: tables in the serving database and a page that needs no network.

It runs last and also when a stage before it failed, because a blocked hour is the one that people ask about. A serving
database that does not answer fails this stage only after the page has been written.

Running always makes it the place for what every hour owes, whatever became of it: old queries are forgotten here (by a
backfill at its end), old versions lose their rows, and the copy of the lake follows.
"""

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import Engine

from pipeline.errors import NotLanded, TreasureHuntError
from pipeline.failpoints import reach
from pipeline.lake import Work, open_stages
from pipeline.lake_copy.follow import follow_or_say
from pipeline.privacy.forget import forget_old_text
from pipeline.report.account import Account, count_rules, read_account
from pipeline.report.ages import measure_ages
from pipeline.report.files import datadocs_path, write_pages
from pipeline.report.samples import read_samples
from pipeline.report.served import read_figures
from pipeline.run import Run, StageResult
from pipeline.serving.database import connect, create_schema
from pipeline.serving.freshness import count_versions, published_moments, read_burn
from pipeline.serving.quality import record_hours
from pipeline.serving.read import freshness
from pipeline.serving.retention import remove_old_versions
from pipeline.settings import Settings


def report(run: Run) -> StageResult:
    """The hour's rows stand in `ingest_ledger`, `quarantine_summary` and `quality_results`, and its page is written.

    Its Data Docs are made too where Great Expectations is in memory already, as in Airflow and after an audit.
    """
    if "great_expectations" in sys.modules and run.settings.data_docs:
        from pipeline.report.datadocs import make_datadocs

        with suppress(NotLanded):  # nothing of the hour has run: the page says so
            make_datadocs(run)
    return report_of_hours([run])[0]


def report_of_hours(runs: Sequence[Run], forgets: bool = True) -> list[StageResult]:
    """The same for several hours at once; an hour of which nothing has run has nothing to report, and says so.

    Text that is old by now is forgotten by the way, unless told otherwise.
    """
    settings = runs[0].settings
    pages: dict[str, str] = {}
    with open_stages(runs, "report") as works:
        for sentence in forget_old_text(runs) if forgets else ():
            works[-1].note(sentence)
        accounts = [read_account(work.run) for work in works]
        told = [account for account in accounts if account["stages"]]
        at_work = [work for work, account in zip(works, accounts, strict=True) if account["stages"]]
        failure = publish_account(settings, at_work, told) if told else None
        reach("report.recorded")
        for work, account in zip(at_work, told, strict=True):
            account["trouble"] = str(failure) if failure else None
            account["samples"] = samples_of(work, account)
            account["has_datadocs"] = datadocs_path(settings.reports, account["hour"]).exists()
        for sentence in tidy_versions(settings) if told and not failure else []:
            works[-1].note(sentence)
        if told:
            paths = write_pages(settings.reports, told, works[0].folder)
            pages = {account["hour"]: str(path) for account, path in zip(told, paths, strict=True)}
        if failure:
            for sentence in follow_or_say(settings, works[0].run.lake):
                works[-1].note(sentence)
            raise failure
        for work, account in zip(works, accounts, strict=True):
            tell(work, account)
    for sentence in follow_or_say(settings, works[0].run.lake):
        works[-1].note(sentence)
    return [
        replace(work.result(), files={"page": pages[work.run.name]} if work.run.name in pages else {}) for work in works
    ]


def publish_account(settings: Settings, works: Sequence[Work], accounts: Sequence[Account]) -> TreasureHuntError | None:
    """The serving database holds the accounts, and they say how fresh the hours were and what is live now.

    Returns what went wrong with the database; then the accounts say what the lake alone knows.
    """
    known: dict[str, Any] = {"live": None, "live_age_seconds": None, "versions": {}, "burn": None}
    moments: dict[str, list[datetime]] = {}
    engine, failure = None, None
    try:
        engine = connect(settings.serving)
        create_schema(engine)
        moments = published_moments(engine, settings.source, settings.arm, [work.run.hour for work in works])
    except TreasureHuntError as error:
        failure = error
    for work, account in zip(works, accounts, strict=True):
        account |= {"arm": settings.arm, **known, "freshness": ages_of(work, moments.get(account["hour"], []))}
        account["prequential"] = figures_of(work, account)
    try:
        if engine and not failure:
            record_hours(engine, settings.arm, accounts)
            known |= look_around(engine, settings)
    except TreasureHuntError as error:
        failure = error
    finally:
        if engine:
            engine.dispose()
    for account in accounts:
        account |= known
    return failure


def ages_of(work: Work, moments: Sequence[datetime]) -> dict[str, Any]:
    """How old the hour's events were at each step; nothing, and a note, where they cannot be read any more."""
    try:
        return measure_ages(work.run, moments, work.folder)
    except duckdb.Error:
        work.note(f"warning: events of {work.run.name} cannot be read, so that their ages are not known")
        return {"steps": {}}


def figures_of(work: Work, account: Account) -> list[dict[str, Any]]:
    """What served lists were worth in this hour; nothing, and a note, where that cannot be read any more."""
    if any(stage["sentence"] for stage in account["stages"] if stage["stage"] == "review"):
        return []  # what lies there is of an earlier attempt
    try:
        return read_figures(work.run)
    except (pa.ArrowException, OSError):
        work.note(f"warning: prequential of {work.run.name} cannot be read, so that its figures are not shown")
        return []


def samples_of(work: Work, account: Account) -> list[dict[str, Any]]:
    """A look at the lists of a published hour; nothing, and a note, where they cannot be read any more."""
    if account["state"] != "published":
        return []  # what lies there is of an earlier attempt
    try:
        return read_samples(work.run, work.folder)
    except duckdb.Error:
        work.note(f"warning: lists of {work.run.name} cannot be read, so that its page shows none")
        return []


def look_around(engine: Engine, settings: Settings) -> dict[str, Any]:
    """What is live and how old it is, how many versions there are, and how many hours missed the objective."""
    mine = (settings.source, settings.arm)
    rows = [row for row in freshness(engine) if (row["source"], row["arm"]) == mine]
    live = {"live": rows[0]["version"], "live_age_seconds": rows[0]["age_seconds"]} if rows else {}
    burn = read_burn(engine, *mine)
    return {
        **live,
        "versions": count_versions(engine, *mine),
        "burn": {"hours": burn.hours, "missed": burn.missed, "allowance": settings.freshness_allowance},
    }


def tidy_versions(settings: Settings) -> list[str]:
    """Old versions have lost their rows; says how many. What goes wrong is told and left for the next hour."""
    engine = connect(settings.serving)
    try:
        return remove_old_versions(engine, settings.source, settings.arm, settings.keep_versions, settings.keep_days)
    except TreasureHuntError as error:
        return [f"warning: old versions are not removed: {error}"]
    finally:
        engine.dispose()


def tell(work: Work, account: Account) -> None:
    """Note how the hour stands, in counts only."""
    if not account["stages"]:
        work.note("nothing of this hour has run")
        return
    work.rows_in = sum(ledger["delivered"] for ledger in account["ledgers"].values())
    work.rows_out = len(account["quality"])
    counts = count_rules(account)
    work.facts = {"state": account["state"], **counts}
    work.note(
        f"{account['state']}: {counts['failed']} critical rules failed, {counts['warned']} warned, "
        f"{counts['refused']} refused rows, {counts['passed']} passed"
    )
