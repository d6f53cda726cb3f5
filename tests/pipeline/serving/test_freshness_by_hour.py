"""The view `freshness_by_hour` and the burn: which hours are judged, and which of them missed the objective."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from serving_world import HOUR as START
from serving_world import describe
from sqlalchemy import Engine, insert, update

from pipeline.serving.database import reading, writing
from pipeline.serving.freshness import Burn, count_versions, published_moments, read_burn
from pipeline.serving.quality import record_hours
from pipeline.serving.schema import ingest_ledger, versions

STEP = timedelta(hours=1)
AGES = {"events": 10, "p50_seconds": 2000.0, "p95_seconds": 3900.0, "p99_seconds": 4000.0, "worst_seconds": 9000.0}


def report(
    engine: Engine,
    hours_later: int = 0,
    published: timedelta | None = timedelta(minutes=5),
    share_late: float = 0.0,
    reported: timedelta = timedelta(minutes=9),
    arm: str = "batch",
    events: int = 10,
    outcome: str = "landed",
) -> None:
    """An hour is published (None: not) and reported so long after its end."""
    start, end = START + hours_later * STEP, START + (hours_later + 1) * STEP
    steps: dict[str, Any] = {}
    if events:
        steps["landed"] = AGES | {"share_late": 0.0}
    if published is not None:
        version = describe(hours_later, arm=arm)
        row = {
            name: getattr(version, name)
            for name in ("version", "source", "arm", "interval_start", "interval_end", "data_cutoff", "content_hash")
        }
        with writing(engine) as connection:
            status = {"status": "published", "code_version": "c", "token": 1, "published_at": end + published}
            connection.execute(insert(versions), [row | status])
        if events:
            late = published.total_seconds()
            steps["published"] = AGES | {"p50_seconds": 1800.0 + late, "share_late": share_late}
    fates = {"delivered": events, "accepted": events, "quarantined": 0, "excluded": 0, "duplicate": 0}
    ledger = {"outcome": outcome, **fates, "other": {}, "rules": {}}
    account = {
        "source": "shop",
        "hour": f"{start:%Y-%m-%dT%H}",
        "ledgers": {"events": ledger},
        "quality": [],
        "prequential": [],
        "freshness": {"steps": steps},
    }
    record_hours(engine, arm, [account])
    with writing(engine) as connection:
        mine = (ingest_ledger.c.interval_start == start, ingest_ledger.c.arm == arm)
        connection.execute(update(ingest_ledger).where(*mine).values(recorded_at=end + reported))


def rows(engine: Engine) -> Iterator[tuple[Any, ...]]:
    with reading(engine) as connection:
        asked = (
            "select arm, is_backfilled, is_missed, version is null from freshness_by_hour order by arm, interval_start"
        )
        for arm, *flags in connection.exec_driver_sql(asked).all():
            yield arm, *(None if flag is None else bool(flag) for flag in flags)


def judged(engine: Engine) -> tuple[Any, ...]:
    """Whether the one reported hour is backfilled, and whether it missed the objective."""
    ((_, is_backfilled, is_missed, _),) = rows(engine)
    return is_backfilled, is_missed


@pytest.mark.parametrize(("share", "expected"), [(0.0, False), (0.05, False), (0.0501, True), (1.0, True)])
def test_an_hour_with_more_than_5_late_events_in_100_missed_it(engine: Engine, share: float, expected: bool) -> None:
    report(engine, share_late=share)
    assert judged(engine) == (False, expected)


def test_an_hour_published_more_than_a_day_after_its_end_is_not_judged(engine: Engine) -> None:
    report(engine, published=timedelta(hours=24, minutes=1), share_late=1.0)
    assert judged(engine) == (True, None)


def test_an_hour_published_just_within_a_day_is(engine: Engine) -> None:
    report(engine, published=timedelta(hours=23, minutes=59), share_late=1.0)
    assert judged(engine) == (False, True)


def test_an_hour_that_readers_had_in_time_stays_so_when_it_is_made_again_days_later(engine: Engine) -> None:
    report(engine)
    version = describe(0, content="again")
    with writing(engine) as connection:
        row = {
            name: getattr(version, name)
            for name in ("version", "source", "arm", "interval_start", "interval_end", "data_cutoff", "content_hash")
        }
        status = {"status": "published", "code_version": "c", "token": 2, "published_at": START + 100 * STEP}
        connection.execute(insert(versions), [row | status])
    assert judged(engine) == (False, False)


def test_an_hour_of_which_nothing_was_published_missed_it(engine: Engine) -> None:
    report(engine, published=None, outcome="blocked")
    assert list(rows(engine)) == [("batch", False, True, True)]


def test_unless_it_was_tried_more_than_a_day_after_its_end(engine: Engine) -> None:
    report(engine, published=None, reported=timedelta(hours=24, minutes=1))
    assert judged(engine) == (True, None)


def test_an_hour_without_events_is_not_judged(engine: Engine) -> None:
    report(engine, events=0)
    assert judged(engine) == (False, None)


def test_the_burn_counts_the_judged_hours_of_seven_days_and_of_one_arm(engine: Engine) -> None:
    assert read_burn(engine, "shop", "batch") == Burn(0, 0)
    assert read_burn(engine, "shop", "batch").share == 0.0
    report(engine, 0, share_late=1.0)  # a week and an hour before the newest: over
    report(engine, 1, share_late=1.0)
    report(engine, 2)
    report(engine, 3, published=timedelta(days=2), share_late=1.0)
    report(engine, 4, published=None)
    report(engine, 168)
    report(engine, 169, arm="stream", share_late=1.0)
    assert read_burn(engine, "shop", "batch") == Burn(hours=4, missed=2)
    assert read_burn(engine, "shop", "stream") == Burn(hours=1, missed=1)
    assert read_burn(engine, "bestbuy", "batch") == Burn(0, 0)


def test_every_moment_at_which_an_hour_was_published_is_known_and_versions_are_counted(engine: Engine) -> None:
    report(engine, 0)
    report(engine, 1, published=None)
    report(engine, 2, arm="stream")
    hours = [START, START + STEP, START + 2 * STEP]
    expected: dict[str, list[datetime]] = {"2026-01-01T13": [START + STEP + timedelta(minutes=5)]}
    assert published_moments(engine, "shop", "batch", hours) == expected
    assert count_versions(engine, "shop", "batch") == {"published": 1}
