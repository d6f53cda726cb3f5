"""A small demonstration shop for tests that run the whole line, and what it has published."""

from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.hours import HOUR, format_hour
from pipeline.serving import database, pointer
from pipeline.settings import Settings, load_settings
from pipeline.shop.simulate import simulate


def open_small_shop(home: Path, first: datetime, hours: int, **knobs: Any) -> Settings:
    """Settings of a home of its own, in which a shop has traded the given hours."""
    settings = load_settings(home=home, factors=16, iterations=3, **knobs)
    home.mkdir(parents=True, exist_ok=True)
    simulate(settings.shop_url, first, first + (hours - 1) * HOUR, users=300, items=200, events_per_hour=800)
    return settings


def published(settings: Settings) -> list[dict[str, Any]]:
    """All versions in the order in which they were published: hour, status and whether it is live."""
    engine = database.connect(settings.serving)
    try:
        rows = pointer.list_versions(engine, settings.source, settings.arm)
    finally:
        engine.dispose()
    rows.sort(key=lambda row: row["token"])
    return [
        {"hour": format_hour(row["interval_start"]), "status": row["status"], "is_live": bool(row["is_live"])}
        for row in rows
    ]
