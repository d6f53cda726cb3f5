"""The command line: the same stages as in Airflow, without Airflow. Hours are written 2026-01-01T13, UTC."""

import logging
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline import cli_quarantine, history, show
from pipeline.backfill import backfill_hours
from pipeline.errors import BadInput, NotLanded, TreasureHuntError
from pipeline.hours import HOUR, floor_hour, format_hour, hours_between, parse_hour
from pipeline.line import choose_stages, run_stages
from pipeline.run import Run
from pipeline.serving import database, read
from pipeline.settings import load_settings
from pipeline.sources.read import source_url

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
app.add_typer(cli_quarantine.app, name="quarantine")
Only = Annotated[str | None, typer.Option(help="Comma-separated stages to run instead of all.")]
Repull = Annotated[bool, typer.Option("--repull", help="Take the hour from the source again, also when it has landed.")]
Hour = Annotated[str, typer.Argument(help="Hour like 2026-01-01T13, UTC.")]


def readable(text: str) -> str:
    """The argument itself; raises `BadInput` for bytes that are no text, which no database takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{text!a} is not text in UTF-8.") from None
    return text


def ended_hour(text: str) -> datetime:
    """The hour that text names; raises `BadInput` when it is not over yet: a half hour must never be taken for whole."""
    hour = parse_hour(text)
    if hour + HOUR > datetime.now(UTC):
        raise BadInput(
            f"{text} is not over yet; the newest hour that can run is {format_hour(datetime.now(UTC) - HOUR)}."
        )
    return hour


@app.command()
def run(hour: Hour, only: Only = None, repull: Repull = False) -> None:
    """Run the stages of one hour."""
    settings, stages, moment = load_settings(), choose_stages(only), ended_hour(hour)
    for result in run_stages(stages, moment, settings, repull):
        show.stage_line(result)


@app.command()
def backfill(
    first: Annotated[str, typer.Argument(metavar="FROM", help="First hour, like 2026-01-01T00.")],
    last: Annotated[str, typer.Argument(metavar="TO", help="Last hour, included.")],
    only: Only = None,
    repull: Repull = False,
) -> None:
    """Run the stages of every hour from FROM to TO, oldest first."""
    settings, stages = load_settings(), choose_stages(only)
    hours = hours_between(parse_hour(first), ended_hour(last))
    ledger = backfill_hours(settings, hours, stages, repull)
    show.console.print(f"{len(hours)} hours, {len(stages)} stages each; see `treasure-hunt status`")
    for name, rows in ledger.items():
        show.console.print(f"  events {name:<32} {rows:>12,}")


@app.command()
def status(hours: Annotated[int, typer.Option(help="How many hours to look back over.", min=1)] = 12) -> None:
    """What is live and how old it is, how the last hours went, and what failed."""
    settings = load_settings()
    source_url(settings)  # an unknown source is named here too
    show.console.print(f"source {settings.source}, arm {settings.arm}; lake {settings.lake}")
    engine = database.connect(settings.serving)
    try:
        show.console.print(f"serving database {database.name_database(engine.url)}")
        rows = read.freshness(engine)
        if not rows:
            show.console.print("nothing is published yet", markup=False)
        for row in rows:
            show.console.print(
                f"live: {row['source']}/{row['arm']} {row['version']}, tier {row['tier'] or 'unknown'}, "
                f"data to {row['data_cutoff']:%Y-%m-%d %H:%M} UTC, {show.age(row['age_seconds'])} old"
            )
    except NotLanded as error:
        show.console.print(str(error), markup=False)
    finally:
        engine.dispose()
    newest = history.newest_hour(settings)
    if newest is None:
        show.console.print(f"nothing has landed yet for source {settings.source}; run `treasure-hunt run HOUR`.")
        return
    states = history.hour_states(settings, newest, hours)
    show.console.print(show.hours(states))
    for state in states:
        catalog = state["catalog"]
        if catalog and not catalog["is_captured"]:
            age = f"{catalog['age_hours']:.1f} h old at its end"
            said = f"catalog: {state['hour']} uses that of {catalog['snapshot_hour']}, {age} ({catalog['reason']})"
            show.console.print(said, style="yellow", markup=False)
        for failure in state["failures"]:
            show.console.print(f"failed: {state['hour']} {failure}", style="red", markup=False)
        for warning in state["warnings"]:
            show.console.print(f"warned: {state['hour']} {warning}", style="yellow", markup=False)
    show.console.print(f"pages of these hours: {settings.reports / 'index.html'}", markup=False)


@app.command()
def datadocs(hour: Hour) -> None:
    """Make Great Expectations' own pages of what the rules found in an hour; they need no network."""
    from pipeline.report.datadocs import make_datadocs

    show.console.print(
        f"Data Docs: {make_datadocs(Run(parse_hour(hour), load_settings()))}", markup=False, soft_wrap=True
    )


@app.command()
def recommend(user: Annotated[str, typer.Argument(help="User id.", callback=readable)]) -> None:
    """The live list of a user, or the popular one for somebody unknown."""
    settings = load_settings()
    engine = database.connect(settings.serving)
    found = read.read_user(engine, settings.source, settings.arm, user)
    unknown = found.served_reason != "personal"
    show.answer(f"For user {user}", found, f"user {user!r} is not known: the popular list" if unknown else "")


@app.command()
def search(query: Annotated[str, typer.Argument(help="What somebody types.", callback=readable)]) -> None:
    """The live list of a query, or the popular one for a rare query."""
    from pipeline.queries import normalize_query

    settings, spelling = load_settings(), normalize_query(query)
    if not spelling:
        raise BadInput("the query is empty; give what somebody would type.")
    engine = database.connect(settings.serving)
    found = read.read_query(engine, settings.source, settings.arm, spelling)
    rare = found.served_reason != "query"
    show.answer(
        f"After {spelling!r}",
        found,
        f"{spelling!r} is too rare for a list of its own: the popular list" if rare else "",
    )


@app.command()
def similar(item: Annotated[str, typer.Argument(help="Item id.", callback=readable)]) -> None:
    """The live list of items that go with an item."""
    settings = load_settings()
    engine = database.connect(settings.serving)
    found = read.read_similar(engine, settings.source, settings.arm, item)
    unknown = found.served_reason != "similar"
    show.answer(f"Like item {item}", found, f"item {item!r} is not in the catalog: the popular list" if unknown else "")


@app.command()
def item(
    item_id: Annotated[str, typer.Argument(metavar="ITEM", help="Item id.", callback=readable)],
    at: Annotated[str | None, typer.Option(metavar="HOUR", help="Only what was true in this hour.")] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days to look back.")] = 30,
) -> None:
    """Price and availability of an item over time, as the catalogs said that hours captured."""
    from pipeline.item_history import read_item_history

    settings = load_settings()
    last = parse_hour(at) if at else history.newest_hour(settings, "ingest_catalog")
    if last is None:
        raise NotLanded(f"nothing has landed yet for source {settings.source}; run `treasure-hunt run HOUR`.")
    first = last - days * 24 * HOUR
    found = read_item_history(settings, first, last, item_id).to_pylist()
    chosen = [row for row in found if row["valid_to"] is None] if at else found  # nothing after that hour was read
    if not chosen:
        where = at or f"{format_hour(first)} to {format_hour(last)}"
        gone = f"; it was until {format_hour(found[-1]['valid_to'])}" if found else ""
        raise NotLanded(f"item {item_id!r} is not in the catalog of {where}{gone}.")
    show.console.print(show.item(item_id, chosen))


@app.command()
def versions() -> None:
    """The versions in the serving database, newest hour first."""
    settings = load_settings()
    rows = show.table("Versions", "version", "status", "published", "live")
    for row in read.list_versions(database.connect(settings.serving), settings.source, settings.arm):
        published = f"{row['published_at']:%Y-%m-%d %H:%M:%S}" if row["published_at"] else ""
        rows.add_row(row["version"], row["status"], published, "live" if row["is_live"] else "")
    show.console.print(rows)


@app.command()
def rollback(
    version: Annotated[str | None, typer.Argument(help="Default: the one before the live one.")] = None,
) -> None:
    """Serve an earlier version again; the next newer hour publishes as ever."""
    settings = load_settings()
    moved = read.rollback(database.connect(settings.serving), settings.source, settings.arm, version)
    show.console.print(f"{moved} is live")


@app.command()
def erase(
    user: Annotated[str | None, typer.Argument(help="User id of somebody who asks to be forgotten.")] = None,
    request: Annotated[bool, typer.Option("--request", help="Only file the request, for the DAG that erases.")] = False,
    number: Annotated[int | None, typer.Option(help="Carry out the request of this number.", min=1)] = None,
) -> None:
    """Forget a user: in the lakes, every kept version, and whatever is delivered later."""
    from pipeline.privacy.erase import erase_request
    from pipeline.privacy.requests import file_request

    settings = load_settings()
    if (user is None) == (number is None):
        raise BadInput("give either the user id or the --number of a request that was filed.")
    if number is None:
        number = file_request(database.connect(settings.serving), settings, readable(user or ""))
        show.console.print(f"request {number} is filed")
    if request:
        return
    places = erase_request(settings, number)
    for place, rows in sorted(places.items()):
        show.console.print(f"  {place:<48} {rows:>12,}", markup=False)
    show.console.print(f"request {number} is done: {sum(places.values()):,} rows; the receipt stands in table erasures")


@app.command()
def verify(hour: Hour) -> None:
    """Compute a landed hour again elsewhere and compare its bytes."""
    from pipeline.verify import verify_hour

    results, remarks = verify_hour(parse_hour(hour), load_settings())
    for remark in remarks:
        show.console.print(remark, style="yellow", markup=False)
    rows = show.table(f"Verified {hour}", "table", "landed", "again", "")
    for result in results:
        verdict = "same" if result.is_same else "DIFFERS" if result.is_broken else "rewritten"
        rows.add_row(result.table, result.landed[:12], result.again[:12], verdict)
    show.console.print(rows)
    different = [result.table for result in results if result.is_broken]
    if different:
        raise TreasureHuntError(f"{hour}: {len(different)} of {len(results)} tables differ: {', '.join(different)}.")
    rewritten = [result.table for result in results if not result.is_same]
    if rewritten:
        show.console.print(
            f"{len(rewritten)} tables had rows or words taken out since, or were made from such (`erasures` in the "
            f"manifests), so they cannot be compared: {', '.join(rewritten)}"
        )
    same = len(results) - len(rewritten)
    show.console.print(
        f"all {same} tables are byte-identical" if not rewritten else f"{same} tables are byte-identical"
    )


@app.command()
def simulate(
    first: Annotated[str | None, typer.Option("--from", help="First hour; default: a week before the last.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last hour; default: the newest that is over.")] = None,
    users: Annotated[int, typer.Option(min=1)] = 2000,
    items: Annotated[int, typer.Option(min=1)] = 1000,
    events_per_hour: Annotated[float, typer.Option(min=0)] = 1500.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    dirt: Annotated[float, typer.Option(min=0, max=1, help="Share of rows that are wrong on purpose.")] = 0.03,
    follow: Annotated[bool, typer.Option("--follow", help="Keep trading every new hour until stopped.")] = False,
) -> None:
    """Let the demonstration shop trade: fill its database with the events and catalog of some hours."""
    from pipeline.demo.trade import follow_clock, trade

    settings = load_settings()
    if follow:
        follow_clock(settings)
        return
    end = parse_hour(last) if last else floor_hour(datetime.now(UTC)) - HOUR
    start = parse_hour(first) if first else end - 167 * HOUR
    rows = trade(settings, start, end, seed=seed, users=users, items=items, events_per_hour=events_per_hour, dirt=dirt)
    show.console.print(f"{rows:,} rows traded from {format_hour(start)} to {format_hour(end)} in {settings.shop_url}")


@app.command()
def demo() -> None:
    """The whole thing on the demonstration shop: trade a week, run the newest hours in Airflow, show what came out."""
    from pipeline.demo.tour import run_demo

    run_demo(load_settings())


@app.command()
def up(port: Annotated[int, typer.Option(help="Port of Airflow's UI.")] = 8080) -> None:
    """Start Airflow with its UI, the DAG unpaused and the demonstration shop trading on."""
    from pipeline.demo.tour import start_airflow

    start_airflow(load_settings(), port)


@app.command()
def down() -> None:
    """Stop what `up` started."""
    from pipeline.demo import airflow_server

    stopped = airflow_server.down(load_settings())
    show.console.print("Airflow is stopped" if stopped else "Airflow was not running")


def main() -> None:
    """Entry point: what a person can mend is one sentence on standard error and exit code 1, never a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
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
