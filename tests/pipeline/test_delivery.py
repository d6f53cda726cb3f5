"""Look-back: a row that becomes visible after its hour was pulled is delivered by the next one; none is lost or doubled."""

import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from handmade_shop import FIRST, event, fill_shop, is_conserved, item, landed, ledger, open_shop, rows

from pipeline.hours import HOUR, hours_between
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.manifests import hour_folder, read_manifest, stage_facts
from pipeline.run import Run, StageResult
from pipeline.settings import Settings, load_settings
from pipeline.shop.database import EVENTS
from pipeline.verify import verify_hour

ITEMS = [item("a")]


def insert(settings: Settings, *logged: dict[str, Any]) -> None:
    """Rows become visible now, whatever hour they are stamped with."""
    engine = sa.create_engine(settings.shop_url)
    with engine.begin() as connection:
        count = connection.scalar(sa.select(sa.func.count()).select_from(EVENTS)) or 0
        numbered = [
            {"row_id": count + place, "event_id": f"e{count + place}"} | row for place, row in enumerate(logged)
        ]
        connection.execute(sa.insert(EVENTS), numbered)
    engine.dispose()


def pull(settings: Settings, hour: int, repull: bool = False) -> StageResult:
    return run_stage("ingest_events", FIRST + hour * HOUR, settings, repull)


def users(settings: Settings, *hours: int) -> list[list[str]]:
    """Who stands in the events of each hour."""
    return [sorted(user for (user,) in rows(settings, "events", "user_id", hour=hour)) for hour in hours]


def click(user: str, hour: int = 0, **other: Any) -> dict[str, Any]:
    return event("click", user, "a", hour, **other)


def test_a_late_row_of_a_landed_hour_is_delivered_by_the_next_and_counted(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [click("on time")])
    pull(settings, 0)
    before = landed(settings, "events")
    insert(settings, click("late"), click("next", 1), click("late and bad", event_type="veiw"))
    result = pull(settings, 1)
    assert users(settings, 0, 1) == [["on time"], ["late", "next"]]
    assert landed(settings, "events").equals(before)
    assert (ledger(settings, 1)["delivered"], ledger(settings, 1)["quarantined"]) == (3, 1)
    assert is_conserved(ledger(settings, 1))
    assert result.facts["late"] == 2
    late, refused = result.notes
    assert late == "2 rows of hours that had landed before became visible since then and are delivered now"
    assert refused.startswith("events: 1 of 3 rows are malformed (33.3%)")
    assert rows(settings, "delivered_rows", "locator", "is_late", hour=1) == [
        ("events/1", True),
        ("events/2", False),
        ("events/3", True),
    ]
    assert pull(settings, 2).facts["late"] == 0


def test_the_naive_way_without_look_back_loses_the_late_row(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [click("on time")], pull_lookback_hours=0)
    pull(settings, 0)
    insert(settings, click("late"), click("next", 1))
    pull(settings, 1)
    assert users(settings, 0, 1) == [["on time"], ["next"]]


def test_the_look_back_ends_where_it_is_set_to(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [click(f"u{hour}", hour) for hour in range(3)], pull_lookback_hours=2)
    for hour in range(3):
        pull(settings, hour)
    insert(settings, click("too old", 0), click("just in", 1), click("u3", 3))
    pull(settings, 3)
    assert users(settings, 3) == [["just in", "u3"]]


def test_hours_that_never_landed_are_left_to_their_own_run(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [click(f"u{hour}", hour) for hour in range(3)])
    pull(settings, 2)
    pull(settings, 1)
    pull(settings, 0)
    assert users(settings, 0, 1, 2) == [["u0"], ["u1"], ["u2"]]
    assert [ledger(settings, hour)["delivered"] for hour in range(3)] == [1, 1, 1]


def test_an_hour_that_landed_without_saying_what_it_delivered_counts_as_not_landed(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [click("u0"), click("u1", 1)])
    pull(settings, 0)
    manifest = hour_folder(settings.lake, FIRST) / "ingest_events.json"
    told = json.loads(manifest.read_text())
    del told["tables"]["delivered_rows"]
    manifest.write_text(json.dumps(told))
    insert(settings, click("late"))
    pull(settings, 1)
    assert users(settings, 1) == [["u1"]]


def test_an_hour_pulled_again_does_not_take_back_what_a_later_one_delivered(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [click("on time")])
    pull(settings, 0)
    insert(settings, click("late"), click("next", 1))
    pull(settings, 1)
    insert(settings, click("later"))
    pull(settings, 0, repull=True)
    assert users(settings, 0, 1) == [["later", "on time"], ["late", "next"]]
    assert pull(settings, 2).facts["late"] == 0
    pull(settings, 1, repull=True)
    assert users(settings, 1) == [["late", "next"]]


def test_hours_pulled_together_look_back_once_and_part_the_rest_by_their_hour(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [click(f"u{hour}", hour) for hour in range(6)])
    for hour in (0, 3):
        pull(settings, hour)
    insert(settings, click("late 0"), click("late 3", 3))
    list(run_stage_of_hours("ingest_events", hours_between(FIRST, FIRST + 5 * HOUR), settings))
    assert users(settings, *range(6)) == [["u0"], ["late 0", "u1"], ["u2"], ["u3"], ["late 3", "u4"], ["u5"]]


def test_what_was_looked_back_on_is_an_input_of_the_hour(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [click(f"u{hour}", hour) for hour in range(3)])
    for hour in (0, 2, 1):
        pull(settings, hour)
    manifest = read_manifest(Run(FIRST + HOUR, settings), "ingest_events")
    assert manifest
    assert {"delivered_rows@2026-01-05T10", "delivered_rows@2026-01-05T12"} <= set(manifest["inputs"])


def test_an_hour_verifies_whatever_became_visible_since(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [click(f"u{hour}", hour) for hour in range(3)])
    pull(settings, 0)
    insert(settings, click("late"))
    pull(settings, 1)
    insert(settings, click("not delivered yet 0"), click("not delivered yet 1", 1))
    for hour in (0, 1):
        results, _ = verify_hour(FIRST + hour * HOUR, settings)
        assert {result.table for result in results} == {"events", "quarantined_events", "delivered_rows"}
        assert all(result.is_same for result in results)
    pull(settings, 2)
    assert users(settings, 2) == [["not delivered yet 0", "not delivered yet 1", "u2"]]


class Writers:
    """Threads that log events in a real shop: each stamps its row when its transaction begins, one in ten commits late."""

    def __init__(self, url: str, seed: int) -> None:
        self.url, self.seed = url, seed
        self.hour = 0  # the shop's clock: what a transaction that begins now stamps
        self.row_ids = itertools.count()
        self.written: set[str] = set()
        self.stop = threading.Event()

    def log(self, connection: psycopg.Connection[Any], pause: Callable[[], object]) -> None:
        row_id, moment = next(self.row_ids), FIRST + self.hour * HOUR
        connection.execute(
            "insert into events (row_id, event_id, user_id, event_type, item_id, occurred_at, ingested_at) "
            "values (%s, %s, %s, 'click', 'a', %s, %s)",
            (row_id, f"e{row_id}", f"u{row_id}", f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment:%Y-%m-%d %H:%M:%S}"),
        )
        pause()
        connection.commit()
        self.written.add(f"events/{row_id}")

    def write(self, number: int) -> None:
        dice = random.Random(self.seed + number)
        with psycopg.connect(self.url) as connection:
            while not self.stop.is_set():
                self.log(connection, lambda: time.sleep(dice.uniform(0, 0.6) if dice.random() < 0.1 else 0.01))

    def write_across(self, begun: threading.Event, pulled: threading.Event) -> None:
        """One row that is surely stamped before its hour is pulled and committed after."""
        with psycopg.connect(self.url) as connection:
            self.log(connection, lambda: (begun.set(), pulled.wait(60)))


@contextmanager
def at_work(*threads: threading.Thread) -> Iterator[None]:
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(60)


def test_no_row_is_lost_to_slow_writers_on_postgresql_and_the_naive_way_loses_some(
    tmp_path: Path, postgres_url: str
) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    fill_shop(url, ITEMS, [])
    looking_back = load_settings(home=tmp_path / "looking back", source_url=url)
    naive = load_settings(home=tmp_path / "naive", source_url=url, pull_lookback_hours=0)
    writers = Writers(postgres_url, seed=7)
    polls = 6
    with at_work(*(threading.Thread(target=writers.write, args=(number,)) for number in range(6))):
        for hour in range(polls):
            begun, pulled = threading.Event(), threading.Event()
            with at_work(threading.Thread(target=writers.write_across, args=(begun, pulled))):
                assert begun.wait(60)
                writers.hour += 1
                pull(naive, hour)
                pull(looking_back, hour)
                pulled.set()
        writers.stop.set()
    for hour in (polls, polls + 1):
        pull(looking_back, hour)
        pull(naive, hour)
    delivered = {settings: Counter[str]() for settings in (looking_back, naive)}
    for settings, counted in delivered.items():
        for hour in range(polls + 2):
            counted.update(locator for (locator,) in rows(settings, "delivered_rows", "locator", hour=hour))
            assert is_conserved(ledger(settings, hour))
    assert len(writers.written) > 100
    assert delivered[looking_back] == Counter(writers.written)
    lost = writers.written - set(delivered[naive])
    assert len(lost) >= polls
    facts = [stage_facts(Run(FIRST + hour * HOUR, looking_back), "ingest_events") for hour in range(polls + 2)]
    assert polls <= sum(fact["late"] for fact in facts) <= len(lost)
