"""Old versions lose their rows, and nothing else does."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from serving_world import count_rows, describe, live_id, small_version, write_tables
from sqlalchemy import Engine, inspect, select, update

from pipeline.errors import AuditFailed, BadInput
from pipeline.privacy.serving import erase_rows, vacuum
from pipeline.privacy.versions import forget_versions
from pipeline.serving.database import connect, reading, writing
from pipeline.serving.load import load_table
from pipeline.serving.pointer import list_versions, measure_versions
from pipeline.serving.publish import publish_version
from pipeline.serving.retention import remove_old_versions
from pipeline.serving.rollback import pin, rollback, unpin
from pipeline.serving.schema import PUBLISHED, attempts, user_recommendations, versions
from pipeline.settings import load_settings

Publish = Callable[..., str]
SHOP = ("shop", "batch")


def age(engine: Engine, days: float) -> None:
    """Everything that was published or begun is this many days older."""
    then = datetime.now(UTC) - timedelta(days=days)
    with writing(engine) as connection:
        connection.execute(update(versions).where(versions.c.published_at.is_not(None)).values(published_at=then))
        connection.execute(update(attempts).values(taken_at=then))


def clean(engine: Engine, keep_versions: int = 3, keep_days: float = 3) -> list[str]:
    return remove_old_versions(engine, *SHOP, keep_versions, keep_days)


def statuses(engine: Engine) -> dict[str, str]:
    return {row["version"]: row["status"] for row in list_versions(engine, *SHOP)}


def kept(engine: Engine) -> set[str]:
    return {version for version, status in statuses(engine).items() if status == "published"}


def rows_left(engine: Engine, version: str) -> int:
    """Rows of a version in any table; its partitions are gone when they are removed."""
    with reading(engine) as connection:
        there = inspect(connection)
        if engine.dialect.name == "postgresql" and not there.has_table(f"items_{version}"):
            assert not any(there.has_table(f"{table.name}_{version}") for table in PUBLISHED)
            return 0
    return sum(count_rows(engine, table.name, version) for table in PUBLISHED)


def test_old_versions_past_the_count_lose_their_rows_and_their_row_says_when(engine: Engine, publish: Publish) -> None:
    for hour in range(6):
        publish(hour)
    age(engine, 4)
    assert clean(engine, keep_versions=4) == ["2 old versions have lost their rows"]
    assert kept(engine) == {describe(hour).version for hour in range(2, 6)}
    for hour in range(6):
        assert rows_left(engine, describe(hour).version) == (0 if hour < 2 else 14)
    for row in list_versions(engine, *SHOP):
        assert (row["status"] == "removed") == (row["removed_at"] is not None)
        assert row["published_at"] is not None
    assert clean(engine, keep_versions=4) == []


@pytest.mark.parametrize(("days", "left"), [(2.9, 6), (3.1, 3)])
def test_versions_past_the_count_stay_as_long_as_they_are_young(
    engine: Engine, publish: Publish, days: float, left: int
) -> None:
    for hour in range(6):
        publish(hour)
    age(engine, days)
    clean(engine)
    assert len(kept(engine)) == left


def test_what_is_live_or_pinned_the_one_before_it_and_three_hours_always_stay(engine: Engine, publish: Publish) -> None:
    for hour in range(8):
        publish(hour)
    rollback(engine, *SHOP, describe(2).version, pin=True)
    age(engine, 400)
    clean(engine, keep_days=0)
    assert kept(engine) == {describe(hour).version for hour in (1, 2, 5, 6, 7)}
    assert live_id(engine) == describe(2).version
    assert rollback(engine, *SHOP) == describe(1).version


def test_all_versions_of_the_newest_hours_stay(engine: Engine, publish: Publish) -> None:
    for hour in range(4):
        publish(hour, content="first")
        publish(hour, content="second")
    age(engine, 400)
    clean(engine, keep_days=0)
    assert kept(engine) == {describe(hour, content).version for hour in (1, 2, 3) for content in ("first", "second")}


@pytest.mark.parametrize(("days", "status"), [(0.9, "failed"), (2.9, "failed"), (3.1, "removed")])
def test_a_failed_version_can_be_looked_at_until_it_is_old(
    engine: Engine, publish: Publish, tmp_path: Path, days: float, status: str
) -> None:
    publish(0)
    broken = small_version()
    broken["popular_items"]["rank"] = [1, 2, 4, 1]
    with pytest.raises(AuditFailed):
        publish_version(engine, describe(1), write_tables(tmp_path / "broken", broken))
    age(engine, days)
    clean(engine)
    assert statuses(engine)[describe(1).version] == status
    assert rows_left(engine, describe(1).version) == (0 if status == "removed" else 14)
    assert kept(engine) == {describe(0).version}


@pytest.mark.parametrize(("days", "status"), [(0.9, "loading"), (1.1, "removed")])
def test_what_a_killed_attempt_left_goes_when_nobody_can_be_loading_it_any_more(
    engine: Engine, files: dict[str, Path], publish: Publish, days: float, status: str
) -> None:
    publish(0)
    publish(1)
    lost = describe(1).version
    with writing(engine) as connection:
        connection.execute(update(versions).where(versions.c.version == lost).values(status="loading"))
    rollback(engine, *SHOP)
    age(engine, days)
    clean(engine)
    assert statuses(engine)[lost] == status
    assert rows_left(engine, lost) == (0 if status == "removed" else 14)


def test_a_removed_version_cannot_be_gone_back_to_and_is_there_again_when_its_hour_runs(
    engine: Engine, publish: Publish
) -> None:
    for hour in range(5):
        publish(hour)
    age(engine, 4)
    clean(engine)
    gone = describe(0).version
    with pytest.raises(BadInput, match=f"the rows of {gone} were removed .*Kept are: {describe(4).version}, .*"):
        rollback(engine, *SHOP, gone)
    assert publish(0) == "history"
    row = next(row for row in list_versions(engine, *SHOP) if row["version"] == gone)
    assert (row["status"], row["removed_at"]) == ("published", None)
    assert rows_left(engine, gone) == 14
    assert rollback(engine, *SHOP, gone) == gone


def test_other_arms_are_left_alone(engine: Engine, files: dict[str, Path], publish: Publish) -> None:
    for hour in range(5):
        publish_version(engine, describe(hour, arm="other"), files)
    age(engine, 400)
    assert clean(engine) == []


def test_a_version_that_goes_live_while_old_ones_are_looked_for_stays(
    engine: Engine, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.serving import retention

    for hour in range(5):
        publish(hour)
    age(engine, 4)
    find = retention.find_old

    def find_then_roll_back(*arguments: Any) -> Any:
        found = find(*arguments)
        rollback(engine, *SHOP, describe(0).version)
        return found

    monkeypatch.setattr(retention, "find_old", find_then_roll_back)
    clean(engine)
    assert live_id(engine) == describe(0).version
    assert rows_left(engine, describe(0).version) == 14


def test_a_version_that_is_loaded_again_while_it_is_being_emptied_keeps_its_rows(
    engine: Engine, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.serving import retention

    for hour in range(4):
        publish(hour)
    age(engine, 4)
    mark = retention._mark

    def mark_then_publish(*arguments: Any) -> bool:
        done = mark(*arguments)
        assert publish(0) == "history"
        return done

    monkeypatch.setattr(retention, "_mark", mark_then_publish)
    clean(engine)
    assert rows_left(engine, describe(0).version) == 14
    assert describe(0).version in kept(engine)


@pytest.mark.timeout(60)
def test_removing_waits_for_no_reader_and_is_made_up_for_later(postgres_url: str, files: dict[str, Path]) -> None:
    """An analyst's transaction has read the lists of users: these stay, nobody waits, and the next time they go."""
    engine, analyst, reader = (connect(postgres_url) for _ in range(3))
    for hour in range(4):
        publish_version(engine, describe(hour), files)
    age(engine, 4)
    with reading(analyst) as connection:
        connection.execute(select(user_recommendations)).all()
        begun = time.monotonic()
        assert clean(engine) == ["1 old version will lose rows later: somebody is reading"]
        assert time.monotonic() - begun < 5
        begun = time.monotonic()
        with reading(reader) as other:
            assert len(other.execute(select(user_recommendations)).all()) >= 9
        assert time.monotonic() - begun < 1
    assert statuses(engine)[describe(0).version] == "removed"
    with pytest.raises(BadInput, match="were removed"):
        rollback(engine, *SHOP, describe(0).version)
    assert clean(engine) == ["1 old version has lost its rows"]
    assert rows_left(engine, describe(0).version) == 0
    for one in (engine, analyst, reader):
        one.dispose()


def test_sizes_are_known_of_versions_that_have_rows(engine: Engine, publish: Publish) -> None:
    for hour in range(4):
        publish(hour)
    age(engine, 4)
    clean(engine)
    sizes = measure_versions(engine, list(statuses(engine)))
    assert set(sizes) == kept(engine)
    assert all(1_000 < size < 10_000_000 for size in sizes.values())


def test_a_pin_that_is_taken_away_lets_its_version_age(engine: Engine, publish: Publish) -> None:
    for hour in range(6):
        publish(hour)
    rollback(engine, *SHOP, describe(1).version, pin=True)
    unpin(engine, *SHOP, advance=True)
    age(engine, 4)
    clean(engine)
    assert kept(engine) == {describe(hour).version for hour in (3, 4, 5)}


def test_rows_of_a_version_that_nobody_announced_are_not_touched(
    engine: Engine, files: dict[str, Path], publish: Publish
) -> None:
    publish(0)
    with writing(engine) as connection:
        load_table(connection, user_recommendations, describe(1).version, [files["user_recommendations"]])
    age(engine, 400)
    pin(engine, *SHOP)
    assert clean(engine) == []
    assert count_rows(engine, "user_recommendations", describe(1).version) == 3


def test_forgetting_and_erasing_find_nothing_in_a_removed_version(
    engine: Engine, publish: Publish, serving_url: str, tmp_path: Path
) -> None:
    for hour in range(5):
        publish(hour)
    age(engine, 4)
    clean(engine)
    settings = load_settings(home=tmp_path, serving_url=serving_url)
    assert forget_versions(engine, settings, describe(0).interval_start) == 0
    assert forget_versions(engine, settings, describe(4).interval_start) > 0
    erase_rows(engine, "u1", set(), set(), lambda tables: None)
    vacuum(engine, {"user_recommendations"} if engine.dialect.name == "sqlite" else {f"items_{describe(0).version}"})
    assert {row["status"] for row in list_versions(engine, *SHOP)} == {"removed", "published"}
