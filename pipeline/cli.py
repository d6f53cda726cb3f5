"""The command line: the same stages as in Airflow, without Airflow. Hours are written 2026-01-01T13, UTC."""

import sys
from datetime import UTC, datetime
from statistics import median
from typing import Annotated

import typer

from pipeline import (
    cli_benchmark,
    cli_compare,
    cli_demo,
    cli_lake,
    cli_lists,
    cli_probe,
    cli_quarantine,
    cli_record,
    cli_rules,
    cli_schema,
    cli_serve,
    cli_tune,
    cli_versions,
    history,
    show,
)
from pipeline.backfill import backfill_hours
from pipeline.cli_lists import readable
from pipeline.errors import BadInput, NotLanded, TreasureHuntError, Unreachable
from pipeline.gates import GATES
from pipeline.hours import HOUR, format_hour, hours_between, parse_hour
from pipeline.lake_copy.follow import follow_or_say, waiting
from pipeline.line import choose_stages, run_stages
from pipeline.manifests import ALL
from pipeline.prices import HOURS_A_MONTH, dollars
from pipeline.run import Run
from pipeline.serving import database, read
from pipeline.serving.rollback import list_pins
from pipeline.settings import load_settings
from pipeline.sources.read import source_url

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
app.add_typer(cli_quarantine.app, name="quarantine")
app.add_typer(cli_rules.app, name="rules")
app.add_typer(cli_lake.app, name="lake")
app.add_typer(cli_lists.app)
app.add_typer(cli_schema.app)
app.add_typer(cli_versions.app)
app.add_typer(cli_serve.app)
app.add_typer(cli_demo.app)
app.add_typer(cli_probe.app)
app.add_typer(cli_benchmark.app)
app.add_typer(cli_compare.app)
app.add_typer(cli_record.app)
app.add_typer(cli_tune.app)
Only = Annotated[str | None, typer.Option(help="Comma-separated stages to run instead of all.")]
Repull = Annotated[bool, typer.Option("--repull", help="Take the hour from the source again, also when it has landed.")]
Hour = Annotated[str, typer.Argument(help="Hour like 2026-01-01T13, UTC.")]


def ended_hour(text: str) -> datetime:
    """The hour that text names; raises `BadInput` when it is not over yet: a half hour must never be taken for whole."""
    hour = parse_hour(text)
    if hour + HOUR > datetime.now(UTC):
        raise BadInput(
            f"{text} is not over yet; the newest hour that can run is {format_hour(datetime.now(UTC) - HOUR)}."
        )
    return hour


@app.command()
def run(
    hour: Hour,
    only: Only = None,
    repull: Repull = False,
    accept: Annotated[
        str,
        typer.Option(
            metavar="WHY",
            help="Publish a model that is refused beside its predecessor; why is kept, and holds for this model alone.",
        ),
    ] = "",
) -> None:
    """Run the stages of one hour."""
    settings, stages, moment = load_settings(), choose_stages(only), ended_hour(hour)
    for result in run_stages(stages, moment, settings, repull, readable(accept)):
        show.stage_line(result)


@app.command()
def backfill(
    first: Annotated[str, typer.Argument(metavar="FROM", help="First hour, like 2026-01-01T00.")],
    last: Annotated[str, typer.Argument(metavar="TO", help="Last hour, included.")],
    only: Only = None,
    repull: Repull = False,
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            help="At most so many processes side by side, one more for every 4 hours; each may hold the largest stage.",
        ),
    ] = 2,
) -> None:
    """Run the stages of every hour from FROM to TO, oldest first."""
    settings, stages = load_settings(), choose_stages(only)
    hours = hours_between(parse_hour(first), ended_hour(last))
    ledger = backfill_hours(settings, hours, stages, repull, processes)
    show.console.print(f"{len(hours)} hours, {len(stages)} stages each; see `treasure-hunt status`")
    for name, rows in ledger.items():
        show.console.print(f"  events {name:<32} {rows:>12,}")


@app.command()
def status(hours: Annotated[int, typer.Option(help="How many hours to look back over.", min=1)] = 12) -> None:
    """What is live and how old it is, how the last hours went, and what failed."""
    settings = load_settings()
    source_url(settings)  # an unknown source is named here too
    show.sentence(f"source {settings.source}, arm {settings.arm}; lake {settings.lake}")
    engine = database.connect(settings.serving)
    try:
        show.sentence(f"serving database {database.name_database(engine.url)}")
        rows = read.freshness(engine)
        if not rows:
            show.sentence("nothing is published yet")
        for pinned in list_pins(engine):
            show.sentence(pinned, style="yellow")
        for row in rows:
            show.sentence(
                f"live: {row['source']}/{row['arm']} {row['version']}, tier {row['tier'] or 'unknown'}, "
                f"data to {row['data_cutoff']:%Y-%m-%d %H:%M} UTC, {show.age(row['age_seconds'])} old"
            )
    except NotLanded as error:
        show.sentence(str(error))
    except Unreachable as error:  # how the hours went is told by the lake all the same
        show.sentence(str(error), style="red")
    finally:
        engine.dispose()
    newest = history.newest_hour(settings)
    if newest is None:
        show.sentence(f"nothing has landed yet for source {settings.source}; run `treasure-hunt run HOUR`.")
        return
    states = history.hour_states(settings, newest, hours)
    show.console.print(show.hours(states))
    if states and states[0]["unpriced"]:
        show.sentence(f"cost: not known, {states[0]['unpriced']}", style="yellow")
    elif published := [state["usd"] for state in states if state["version"]]:
        hourly = median(published)
        month = dollars(HOURS_A_MONTH * hourly)
        show.sentence(
            f"cost: {dollars(hourly)} an hour at the median, {month} a month of such hours (docs/performance.md)"
        )
    for state in states:
        catalog = state["catalog"]
        if catalog and not catalog["is_captured"]:
            age = f"{catalog['age_hours']:.1f} h old at its end"
            said = f"catalog: {state['hour']} uses that of {catalog['snapshot_hour']}, {age} ({catalog['reason']})"
            show.sentence(said, style="yellow" if catalog["reason"] in GATES else None)
        for failure in state["failures"]:
            show.sentence(f"failed: {state['hour']} {failure}", style="red")
        for warning in state["warnings"]:
            show.sentence(f"warned: {state['hour']} {warning}", style="yellow")
    if settings.lake_copy and (behind := waiting(settings.lake)):
        said = "everything" if ALL in behind else f"{len(behind):,} hours or inboxes"
        show.sentence(
            f"the copy of the lake has {said} to follow; `treasure-hunt lake push` does it now", style="yellow"
        )
    show.sentence(f"pages of these hours: {settings.reports / 'index.html'}")


@app.command()
def datadocs(hour: Hour) -> None:
    """Make Great Expectations' own pages of what the rules found in an hour; they need no network."""
    from pipeline.report.datadocs import make_datadocs

    show.sentence(f"Data Docs: {make_datadocs(Run(parse_hour(hour), load_settings()))}")


@app.command()
def erase(
    user: Annotated[str | None, typer.Argument(help="User id of somebody who asks to be forgotten.")] = None,
    request: Annotated[bool, typer.Option("--request", help="Only file the request, for the DAG that erases.")] = False,
    number: Annotated[int | None, typer.Option(help="Carry out the request of this number.", min=1)] = None,
) -> None:
    """Forget a user: in the lakes, every kept version, and whatever is delivered later."""
    from pipeline.privacy.erase import erase_request
    from pipeline.privacy.requests import file_request
    from pipeline.retelling import NOBODY, retell_hours

    settings = load_settings()
    if (user is None) == (number is None):
        raise BadInput("give either the user id or the --number of a request that was filed.")
    if number is None:
        number = file_request(database.connect(settings.serving), settings, readable(user or ""))
        show.console.print(f"request {number} is filed")
    if request:
        show.console.print(
            f"nothing is erased yet: the DAG treasure_hunt_erase does it, or `treasure-hunt erase --number {number}`",
            style="yellow",
        )
        return
    places = erase_request(settings, number)
    for place, rows in sorted(places.items()):
        show.console.print(f"  {place:<48} {rows:>12,}", markup=False)
    if not places:
        show.console.print(NOBODY, style="yellow", markup=False)
    show.console.print(f"request {number} is done: {sum(places.values()):,} rows; the receipt stands in table erasures")
    reported, troubles = retell_hours(settings, number)
    if reported:
        show.console.print(f"{reported:,} hours are reported again, with what is left of their rows")
    for trouble in troubles:
        show.console.print(trouble, style="yellow", markup=False)


@app.command()
def forget(
    before: Annotated[str | None, typer.Option(metavar="HOUR", help="Hours before this one, however new.")] = None,
) -> None:
    """Take what was typed out of every hour that is older than the settings keep it; each run does so by itself."""
    from pipeline.privacy.forget import forget_all

    settings = load_settings()
    newest = history.newest_hour(settings, with_failed=False)
    if newest is None:
        raise NotLanded(f"nothing has landed yet for source {settings.source}; run `treasure-hunt run HOUR`.")
    done = forget_all(settings, newest, parse_hour(before) if before else None) or ["nothing to forget"]
    for sentence in [*done, *follow_or_say(settings, settings.lake)]:
        show.console.print(sentence, markup=False)


@app.command()
def verify(hour: Hour) -> None:
    """Compute a landed hour again elsewhere and compare its bytes."""
    from pipeline.verify import verify_hour

    results, remarks = verify_hour(parse_hour(hour), load_settings())
    for remark in remarks:
        show.sentence(remark, style="yellow")
    rows = show.table(f"Verified {hour}", "table", "landed", "again", "")
    for result in results:
        rows.add_row(result.table, result.landed[:12], result.again[:12], result.verdict)
    show.console.print(rows)
    different = [result.table for result in results if result.is_broken]
    if different:
        raise TreasureHuntError(
            f"{hour}: {len(different)} of {len(results)} tables differ or are damaged: {', '.join(different)}; "
            "docs/runbook.md says what that may mean."
        )
    rewritten = [result.table for result in results if not result.is_same]
    if rewritten:
        show.sentence(
            f"{len(rewritten)} tables had rows or words taken out since, or were made from such (`erasures` in the "
            f"manifests), so they cannot be compared: {', '.join(rewritten)}"
        )
    same = len(results) - len(rewritten)
    show.console.print(
        f"all {same} tables are byte-identical" if not rewritten else f"{same} tables are byte-identical"
    )


def main() -> None:
    """Entry point: what a person can mend is one sentence on standard error and exit code 1, never a traceback."""
    show.log_plainly()
    try:
        app()
    except TreasureHuntError as error:
        print(f"treasure-hunt: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if not error.filename:
            raise
        print(f"treasure-hunt: {error.filename} cannot be used: {error.strerror}.", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("treasure-hunt: interrupted; what had landed stays, run the same command to go on", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
