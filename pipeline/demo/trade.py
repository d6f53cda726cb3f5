"""Letting the demonstration shop trade: hours of the past at once, or hour after hour as the clock goes."""

import time
from datetime import UTC, datetime, timedelta

from pipeline.backfill import progress_bar
from pipeline.errors import BadInput
from pipeline.hours import HOUR, floor_hour, format_hour, hours_between
from pipeline.settings import Settings
from pipeline.shop.database import read_world
from pipeline.shop.simulate import simulate

WEEK = 168
CHECK_SECONDS = 20


def world_of(settings: Settings) -> dict[str, int]:
    """Seed, users, items and drift of the shop that there is; empty before its first hour."""
    try:
        world = read_world(settings.shop_url)
    except BadInput:
        return {}
    return {"seed": world.seed, "users": world.users, "items": world.items, "drift": world.drift}


def trade(settings: Settings, first: datetime, last: datetime, **arguments: float) -> int:
    """The shop has traded every hour from first to last, with a progress bar; returns the event rows written."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        task = progress.add_task("the shop trades", total=len(hours_between(first, last)))

        def tell(hour: datetime, rows: int) -> None:
            progress.update(task, advance=1, description=f"the shop trades {format_hour(hour)}")

        return simulate(settings.shop_url, first, last, report=tell, **arguments)  # type: ignore[arg-type]


def follow_clock(settings: Settings) -> None:
    """The shop trades every new hour until this process is stopped.

    An hour's rows are written when it begins, so that they are all there when it is over and the pipeline pulls them.
    """
    world = world_of(settings)
    done = datetime.min.replace(tzinfo=UTC)
    while True:
        hour = floor_hour(datetime.now(UTC))
        if hour > done:
            first = max(done + timedelta(hours=1), hour - WEEK * HOUR) if done.year > 1 else hour
            simulate(settings.shop_url, first, hour, **world)  # type: ignore[arg-type]
            done = hour
        time.sleep(CHECK_SECONDS)
