"""The guided tour behind `make run` and `make up`: the demonstration shop, real Airflow, and what a person wants to see.

The only places that look at the clock, to choose the hours; what those hours hold depends on the hours alone.
"""

from datetime import UTC, datetime

import pyarrow.parquet as pq
from sqlalchemy import Engine, select

from pipeline import history, show
from pipeline.backfill import backfill_hours
from pipeline.demo import airflow_server
from pipeline.demo.airflow_client import AirflowClient, RunState
from pipeline.demo.trade import WEEK, trade, world_of
from pipeline.errors import BadInput, TreasureHuntError
from pipeline.hours import HOUR, floor_hour, format_hour, hours_between, parse_hour
from pipeline.line import STAGES
from pipeline.manifests import find_table, landed_hours, read_manifest
from pipeline.run import Run
from pipeline.serving import database, read
from pipeline.serving.schema import user_recommendations
from pipeline.settings import Settings
from pipeline.shop.database import read_world
from pipeline.shop.truth import TruthReport, truth_report

AIRFLOW_HOURS = 2
SHOWN_USERS = 3
SHOWN_ITEMS = 3


def run_demo(settings: Settings) -> None:
    """A week of the shop is in the lake, its newest hours have run in Airflow, and the outcome is on the screen."""
    if settings.source != "shop" or settings.source_url:
        raise BadInput("the demonstration is about the shop; unset TREASURE_HUNT_SOURCE and TREASURE_HUNT_SOURCE_URL.")
    newest = floor_hour(datetime.now(UTC)) - HOUR
    trade_and_land(settings, newest)
    show.console.print(f"Airflow runs the hours {format_hour(newest - HOUR)} and {format_hour(newest)} …")
    with airflow_server.airflow_running(settings) as client:
        run_in_airflow(client, newest - (AIRFLOW_HOURS - 1) * HOUR, newest)
    show.console.print()
    show_outcome(settings, newest)


def trade_and_land(settings: Settings, newest: datetime) -> None:
    """The week up to the newest hour is traded, and all of it but the hours left to Airflow has landed in the lake."""
    first = newest - (WEEK - 1) * HOUR
    trade(settings, first, newest, **world_of(settings))
    last = newest - AIRFLOW_HOURS * HOUR
    stages = ["ingest_events", "ingest_catalog"]
    landed = set(landed_hours(settings.lake, "ingest_catalog", first, last))
    missing = [hour for hour in hours_between(first, last) if hour not in landed]
    if missing:
        backfill_hours(settings, missing, stages)


def run_in_airflow(client: AirflowClient, first: datetime, last: datetime) -> None:
    """Airflow has run the hours from first to last; raises with the failed stage's own sentence when one failed."""
    told: set[tuple[str, str]] = set()

    def tell(runs: list[RunState]) -> None:
        for run in runs:
            for task in run.tasks:
                if task.state in ("success", "failed", "up_for_retry") and (run.hour, task.stage) not in told:
                    told.add((run.hour, task.stage))
                    show.console.print(f"  {run.hour}  {task.stage:<15} {task.state}", style="dim")

    client.unpause()
    for run in client.wait(client.backfill(first, last), tell):
        for task in run.tasks:
            if task.state == "failed":
                said = client.errors(run.run_id, task) or ["see its log"]
                raise TreasureHuntError(f"{run.hour}: {task.stage} failed in Airflow: {said[0]}")
        if run.state != "success":
            raise TreasureHuntError(f"{run.hour}: the run ended as {run.state} in Airflow.")


def show_outcome(settings: Settings, hour: datetime) -> None:
    """Stages, lists of a few users with their searches, the measured worth of the lists, ages, places, next steps."""
    show_stages(settings, hour)
    engine = database.connect(settings.serving)
    try:
        show_lists(settings, engine, hour)
        lists: dict[str, list[str]] = {}
        version = read.live_version(engine, settings.source, settings.arm)
        with database.reading(engine) as connection:
            columns = user_recommendations.c
            statement = select(columns.user_id, columns.item_id).where(columns.version == version.version)
            for user, item in connection.execute(statement.order_by(columns.user_id, columns.rank)):
                lists.setdefault(user, []).append(item)
        truth = measure_truth(settings, parse_hour(version.version[:13]), lists)
    finally:
        engine.dispose()
    show.console.print(
        f"recall@{truth.k} against the shop's truth, {truth.users} users: ours {truth.ours:.3f}, "
        f"popular list {truth.popular:.3f} (ours is {truth.ours / max(truth.popular, 1e-9):.1f} x), "
        f"oracle that knows the tastes {truth.oracle:.3f}"
    )
    show.console.print(f"live version {version.version}; its data is {show.age(version.age_seconds)} old")
    show.console.print(f"serving database {settings.serving}")
    show.console.print(f"lake {settings.lake}")
    show.console.print(
        "\nTry next, with .venv/bin/ before it:\n"
        "  treasure-hunt status\n"
        f"  treasure-hunt recommend {next(iter(lists), 'USER')}\n"
        '  treasure-hunt search "running shoes"\n'
        f"  treasure-hunt verify {format_hour(hour)}\n"
        "or `make up` for Airflow's UI with the shop trading on, and README.md for all the rest."
    )


def show_stages(settings: Settings, hour: datetime) -> None:
    """A table of the hour's stages: seconds and rows."""
    numbers = ("seconds", "CPU s", "peak MB", "rows in", "rows out")
    rows = show.table(f"Stages of {format_hour(hour)}", "stage", *numbers, right=numbers)
    run = Run(hour=hour, settings=settings)
    for stage in STAGES:
        manifest = read_manifest(run, stage)
        if manifest:
            timings = manifest["timings"]
            figures = [f"{timings[name]:,.1f}" for name in ("seconds", "cpu_seconds", "peak_rss_mb")]
            rows.add_row(stage, *figures, f"{manifest['rows_in']:,}", f"{manifest['rows_out']:,}")
    show.console.print(rows)
    show.console.print()


def show_lists(settings: Settings, engine: Engine, hour: datetime) -> None:
    """The first recommendations of a few users beside what they searched for lately."""
    rows = show.table("Recommendations", "user", "searched lately", "is shown", "why")
    for user, queries in history.recent_searches(settings, hour, SHOWN_USERS).items():
        found = read.read_user(engine, settings.source, settings.arm, user)
        for place, row in enumerate(found.rows[:SHOWN_ITEMS]):
            who = (user, ", ".join(queries)) if place == 0 else ("", "")
            rows.add_row(*who, row.title or row.item_id, row.reason)
    show.console.print(rows)
    show.console.print()


def measure_truth(settings: Settings, hour: datetime, lists: dict[str, list[str]]) -> TruthReport:
    """Recall of the hour's lists, the popular list and an oracle against what the users would pick in the hour after."""
    run = Run(hour=hour, settings=settings)
    bought_file, popular_file = find_table(run, "bought"), find_table(run, "popular_items")
    if not bought_file or not popular_file:
        raise TreasureHuntError(f"{format_hour(hour)} is live but has not landed in {settings.lake}.")
    owned: dict[str, set[str]] = {}
    bought = pq.read_table(bought_file[0])
    for user, item in zip(bought["user_id"].to_pylist(), bought["item_id"].to_pylist(), strict=True):
        owned.setdefault(user, set()).add(item)
    popular = pq.read_table(popular_file[0], filters=[("segment", "=", "all")]).sort_by("rank")["item_id"].to_pylist()
    return truth_report(read_world(settings.shop_url), run.end, lists, popular, owned, k=settings.k)


def start_airflow(settings: Settings, port: int) -> None:
    """Airflow runs with its UI, the shop trades on, and how to get in is on the screen."""
    if settings.source == "shop" and not settings.source_url:
        now = floor_hour(datetime.now(UTC))
        trade_and_land(settings, now - HOUR)
        # Hours missed while it was down are about to be caught up; the current one must be whole when it ends.
        trade(settings, airflow_server.first_hour(settings), now, **world_of(settings))
    login = airflow_server.up(settings, port)
    show.console.print(f"Airflow runs at {login.url}, user {login.user}, password {login.password}")
    show.console.print("Every hour that ends from now on runs by itself. `make down` stops Airflow and the shop.")
