"""Backfilling: hours oldest first, a day at a time, and a sum of their ledgers."""

from collections import Counter

import pytest
from handmade_shop import FIRST, event, fill_shop, item, lake_files, ledger, open_shop

from pipeline import backfill
from pipeline.backfill import backfill_hours, how_to_go_on
from pipeline.errors import AuditFailed
from pipeline.hours import HOUR, hours_between
from pipeline.line import STAGES
from pipeline.manifests import landed_hours
from pipeline.settings import Settings

INGEST = ["ingest_events", "ingest_catalog"]


def test_the_ledgers_of_all_hours_are_added_up(traded: Settings) -> None:
    total = backfill_hours(traded, hours_between(FIRST, FIRST + 3 * HOUR), INGEST)
    each: Counter[str] = Counter()
    for step in range(4):
        counted = ledger(traded, step)
        each.update({name: counted[name] for name in ("delivered", "accepted", "quarantined", "duplicate")})
        each.update({f"rule {rule}": count for rule, count in counted["by_rule"].items()})
    assert total == each
    assert total["delivered"] == total["accepted"] + total["quarantined"] + total["duplicate"]


def test_hours_of_several_days_are_the_same_as_hours_one_by_one(
    traded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = hours_between(FIRST, FIRST + 2 * HOUR)
    stages = [*INGEST, "prepare"]
    monkeypatch.setattr(backfill, "DAY", 2)
    backfill_hours(traded, hours, stages)
    apart = traded.model_copy(update={"home": traded.home.parent / "apart", "source_url": traded.shop_url})
    for hour in hours:
        backfill_hours(apart, [hour], stages)
    assert lake_files(apart) == lake_files(traded)


def test_a_backfill_goes_on_where_it_was_stopped(tmp_path: object, traded: Settings) -> None:
    backfill_hours(traded, hours_between(FIRST, FIRST + HOUR), INGEST)
    before = lake_files(traded)
    total = backfill_hours(traded, hours_between(FIRST, FIRST + 2 * HOUR), INGEST)
    assert total["delivered"] == sum(ledger(traded, step)["delivered"] for step in range(3))
    assert before.items() <= lake_files(traded).items()


def test_a_refused_hour_ends_a_backfill_and_leaves_the_hours_before_it(traded: Settings) -> None:
    fill_shop(
        traded.shop_url,
        [],
        [event("veiw", "u", "a", hour=2, row_id=10**9 + place, event_id=f"bad {place}") for place in range(2000)],
    )
    with pytest.raises(AuditFailed, match=r"2026-01-05T12: events: .* rows are malformed") as refused:
        backfill_hours(traded, hours_between(FIRST, FIRST + 4 * HOUR), [*INGEST, "prepare"])
    for stage in (*INGEST, "prepare"):
        assert landed_hours(traded.lake, stage, FIRST, FIRST + 9 * HOUR) == [FIRST, FIRST + HOUR]
    only = " --only ingest_events,ingest_catalog,prepare"
    assert str(refused.value).endswith(
        " 2026-01-05T10 to 2026-01-05T11 are done, 2026-01-05T13 to 2026-01-05T14 not finished; once it is mended, go on "
        f"with `treasure-hunt backfill 2026-01-05T12 2026-01-05T14{only}`, or without it with "
        f"`treasure-hunt backfill 2026-01-05T13 2026-01-05T14{only}`."
    )


def test_the_last_hour_and_the_first_are_told_apart() -> None:
    hours = hours_between(FIRST, FIRST + HOUR)
    assert how_to_go_on(hours, 1, list(STAGES), repull=True) == (
        "2026-01-05T10 to 2026-01-05T10 are done; once it is mended, go on with "
        "`treasure-hunt backfill 2026-01-05T11 2026-01-05T11 --repull`."
    )
    assert how_to_go_on(hours, 0, list(STAGES), repull=False).startswith("No hour before it is done, 2026-01-05T11 to ")


def test_whole_hours_can_be_backfilled_up_to_the_serving_database(tmp_path: object, traded: Settings) -> None:
    hours = hours_between(FIRST, FIRST + HOUR)
    stages = [*INGEST, "prepare", "train", "evaluate", "recommend", "publish"]
    backfill_hours(traded, hours, stages)
    assert landed_hours(traded.lake, "publish", FIRST, FIRST + HOUR) == hours


def test_an_empty_shop_with_a_catalog_can_be_backfilled(tmp_path: object, traded: Settings) -> None:
    settings = open_shop(traded.home / "empty", [item("a")], [])
    assert backfill_hours(settings, hours_between(FIRST, FIRST + 25 * HOUR), INGEST)["delivered"] == 0
    assert len(landed_hours(settings.lake, "ingest_catalog", FIRST, FIRST + 40 * HOUR)) == 26
