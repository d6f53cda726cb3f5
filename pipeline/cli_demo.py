"""The demonstration shop, and Airflow on this machine."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline import show
from pipeline.hours import HOUR, floor_hour, format_hour, parse_hour
from pipeline.settings import load_settings

app = typer.Typer(help=__doc__)


@app.command()
def simulate(
    first: Annotated[str | None, typer.Option("--from", help="First hour; default: a week before the last.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last hour; default: the newest that is over.")] = None,
    users: Annotated[int, typer.Option(min=1)] = 2000,
    items: Annotated[int, typer.Option(min=1)] = 1000,
    events_per_hour: Annotated[float, typer.Option(min=0)] = 1500.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    dirt: Annotated[float, typer.Option(min=0, max=1, help="Share of rows that are wrong on purpose.")] = 0.03,
    drift: Annotated[
        bool, typer.Option("--drift", help="Tastes drift, and items and brands come into fashion and go out of it.")
    ] = False,
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
    shop = {"users": users, "items": items, "events_per_hour": events_per_hour, "dirt": dirt, "drift": drift}
    rows = trade(settings, start, end, seed=seed, **shop)
    show.sentence(f"{rows:,} rows traded from {format_hour(start)} to {format_hour(end)} in {settings.shop_url}")


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
