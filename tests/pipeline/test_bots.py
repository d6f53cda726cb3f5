"""A bot beside ordinary users: it is counted, and nobody else's list changes."""

import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from handmade_shop import FIRST, lists_of, rows
from small_shop import open_small_shop

from pipeline.hours import HOUR, hours_between
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.manifests import read_manifest, stage_facts
from pipeline.run import Run
from pipeline.settings import Settings, load_settings
from pipeline.shop.database import EVENTS

HOURS = 3
BOT_EVENTS = 6_000
KNOBS: dict[str, Any] = {"factors": 16, "iterations": 3, "max_actor_events": 3_000}
LISTS = {"user_recommendations": "user_id", "query_recommendations": "query", "popular_items": "segment"}


def add_bot(settings: Settings) -> None:
    """In the last hour one user clicks and buys everything, again and again."""
    engine = sa.create_engine(settings.shop_url)
    with engine.begin() as connection:
        things = connection.execute(sa.text("select distinct item_id from catalog order by item_id")).scalars().all()
        last = connection.execute(sa.select(sa.func.max(EVENTS.c.row_id))).scalar_one()
        chosen = np.random.default_rng(0).integers(len(things), size=BOT_EVENTS)
        moment = FIRST + (HOURS - 1) * HOUR
        rows = [
            {
                "row_id": last + 1 + place,
                "event_id": f"bot-{place}",
                "user_id": "bot",
                "session_id": f"bot-{place % 50}",
                "event_type": ("click", "purchase")[place % 2],
                "item_id": things[int(thing)],
                "occurred_at": f"{moment:%Y-%m-%dT%H:%M:%S}Z",
                "ingested_at": f"{moment:%Y-%m-%d %H:%M:%S}",
            }
            for place, thing in enumerate(chosen)
        ]
        connection.execute(sa.insert(EVENTS), rows)
    engine.dispose()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Settings]]:
    """The same hours without and with a bot, run up to the lists."""
    folder = tmp_path_factory.mktemp("bots")
    first = open_small_shop(folder / "without", FIRST, HOURS)
    shutil.copytree(folder / "without", folder / "with")
    without, with_bot = (load_settings(home=folder / name, **KNOBS) for name in ("without", "with"))
    assert first.home == without.home
    add_bot(with_bot)
    hours = hours_between(FIRST, FIRST + (HOURS - 1) * HOUR)
    for settings in (without, with_bot):
        list(run_stage_of_hours("ingest_events", hours, settings))
        for stage in ("ingest_catalog", "prepare", "train", "evaluate", "recommend"):
            run_stage(stage, hours[-1], settings)
    yield without, with_bot
    shutil.rmtree(folder)


@pytest.mark.parametrize("table", LISTS)
def test_the_lists_of_others_overlap_by_95_percent(both: tuple[Settings, Settings], table: str) -> None:
    without, with_bot = (lists_of(settings, table, LISTS[table], hour=HOURS - 1) for settings in both)
    assert set(without) <= set(with_bot)
    shares = [len(set(mine[:10]) & set(with_bot[name][:10])) / len(mine[:10]) for name, mine in without.items()]
    assert len(shares) > 5
    assert np.mean(shares) >= 0.95


def test_a_bot_is_accepted_counted_and_warned_of_without_its_name(both: tuple[Settings, Settings]) -> None:
    last = Run(FIRST + (HOURS - 1) * HOUR, both[1])
    ledger = stage_facts(last, "ingest_events")["ledger"]
    assert ledger["accepted"] > BOT_EVENTS
    assert stage_facts(last, "prepare")["busy_actors"] == {"actors": 1, "events": BOT_EVENTS}
    manifest = read_manifest(last, "prepare")
    assert manifest
    assert [entry["rule"] for entry in manifest["quality"] if not entry["passed"]] == ["actor_too_busy"]
    assert not [note for note in manifest["notes"] if "bot" in note.split("; to do: ")[0]]
    assert "bot" not in {user for (user,) in rows(both[1], "interactions", "user_id", hour=HOURS - 1)}
    assert stage_facts(Run(last.hour, both[0]), "prepare")["busy_actors"] == {"actors": 0, "events": 0}
