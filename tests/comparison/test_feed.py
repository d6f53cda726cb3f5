"""A log laid out as source files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.comparison.feed import Feed, catalog_at
from pipeline.comparison.log import Log, record_shop
from pipeline.hours import HOUR, parse_hour

FIRST = parse_hour("2026-01-05T10")
MOMENT = pa.timestamp("us", "UTC")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = tmp_path_factory.mktemp("feed") / "log"
    return record_shop(folder, FIRST, FIRST + HOUR, seed=1, users=60, items=80, events_per_hour=200, dirt=0.1)


def test_what_the_clock_has_not_reached_is_not_there(log: Log, tmp_path: Path) -> None:
    feed = Feed(log, tmp_path)
    delivered = feed.deliver(FIRST)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == [
        feed.path_of("events", FIRST),
        feed.path_of("items", FIRST),
    ]
    ingested = pq.read_table(feed.path_of("events", FIRST))["ingested_at"].to_pylist()
    assert len(ingested) == delivered > 0
    assert max(ingested) <= "2026-01-05 10:59:59"
    assert delivered + feed.deliver(FIRST + HOUR) == log.counts["events"]


def test_the_catalog_at_a_moment_holds_the_newest_row_of_each_item_known_by_then() -> None:
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    rows = [("a", "1", at - HOUR), ("a", "2", at), ("b", "1", at - HOUR), ("c", "1", at + timedelta(microseconds=1))]
    catalog = pa.table(
        {
            "item_id": [row[0] for row in rows],
            "price": [row[1] for row in rows],
            "valid_from": pa.array([row[2] for row in rows], MOMENT),
        }
    ).sort_by("valid_from")
    assert catalog_at(catalog, at).to_pylist() == [{"item_id": "a", "price": "2"}, {"item_id": "b", "price": "1"}]
    assert catalog_at(catalog, at - 2 * HOUR).num_rows == 0
