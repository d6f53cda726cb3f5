"""Readers while versions are published: none errs, is short, mixes two versions or goes back, and none waits.

`make test-faults` reads 50,000 times and holds the longest read to 100 ms; the ordinary run shares its machine with others,
reads as often as it comes to, and only notices a reader that was locked out for seconds.
"""

import os
import time
from pathlib import Path

import pytest
from serving_world import describe, draft_lists
from watching import watching

from pipeline.serving.database import connect, create_schema, reading
from pipeline.serving.publish import publish_version

pytestmark = [pytest.mark.alone, pytest.mark.xdist_group("faults")]
READS = int(os.environ.get("SWAP_READS", "0"))
USERS, LENGTH, SWAPS = (20_000, 10, 30) if READS else (100, 5, 30)
WORST_MS = 100 if READS else 5_000
MANNERS = ["plain", "prepared", "plain repeatable", "prepared repeatable"] * 2


@pytest.mark.timeout(1800)
def test_no_reader_notices_that_versions_are_swapped(serving_url: str, tmp_path: Path) -> None:
    engine = connect(serving_url)
    create_schema(engine)
    drafts = [draft_lists(tmp_path / str(number), float(number), USERS, LENGTH) for number in range(2)]
    publish_version(engine, describe(0), drafts[0])
    keys = [f"u{number}" for number in range(0, USERS, max(1, USERS // 50))]
    url = serving_url.replace("postgresql+psycopg://", "postgresql://")
    swaps, began = 0, time.monotonic()
    with reading(engine) as analyst, watching(url, "user_recommendations", "user_id", keys, MANNERS) as seen:
        analyst.exec_driver_sql("select count(*) from user_recommendations").scalar()  # and keeps the transaction open
        while swaps < SWAPS or (READS and time.monotonic() - began < 60):
            swaps += 1
            assert publish_version(engine, describe(swaps), drafts[swaps % 2]) == "live"
    engine.dispose()
    reads, worst = sum(one.reads for one in seen), max(one.worst_ms for one in seen)
    print(f"{reads:,} reads by {len(seen)} readers during {swaps} swaps, the longest took {worst:.0f} ms")
    assert [wrong for one in seen for wrong in one.wrong] == []
    found = {
        version: {rows for (at, _), rows in one.lists.items() if at == version}
        for one in seen
        for version, _ in one.lists
    }
    assert all(len(lists) == 1 and len(next(iter(lists))) == LENGTH for lists in found.values())
    assert len(found) > SWAPS // 3
    assert reads >= max(READS, 500)
    assert worst <= WORST_MS


def test_a_reader_that_is_given_half_a_version_says_so(tmp_path: Path) -> None:
    """The readers above are no use if they would not notice: rows of a published version are taken away meanwhile."""
    url = f"sqlite:///{tmp_path / 'serving.db'}"
    engine = connect(url)
    publish_version(engine, describe(0), draft_lists(tmp_path / "draft", 1.0, USERS, LENGTH))
    with watching(url, "user_recommendations", "user_id", ["u0"], ["plain"]) as seen:
        time.sleep(0.5)
        with engine.connect() as connection:
            connection.exec_driver_sql("delete from user_recommendations where rank = 2")
            connection.commit()
        time.sleep(0.5)
    engine.dispose()
    assert "changed between two looks" in seen[0].wrong[0]
