"""What readers got when: periods out of the moves of the pointer, and the lists that go with them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from serving_world import HOUR, describe, small_version, write_tables
from sqlalchemy import Engine, text, update

from pipeline.serving.database import reading, writing
from pipeline.serving.publish import Outcome, publish_version
from pipeline.serving.rollback import pin, rollback, unpin
from pipeline.serving.schema import live_history, query_recommendations, rows_of, versions

FIRST, SECOND = describe(0).version, describe(1).version
START = datetime(2026, 1, 1, 14, 10, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.fixture
def served(engine: Engine, tmp_path: Path, publish: Callable[..., Outcome]) -> Engine:
    """The first version from minute 0, the second from 60, a rollback at 70; pinned and unpinned at 80 and 90."""
    publish(0)
    second = small_version()
    second["user_recommendations"]["item_id"] = ["c", "a", "b"]
    publish_version(engine, describe(1), write_tables(tmp_path / "second", second))
    rollback(engine, "shop", "batch", why="the second one was bad")
    pin(engine, "shop", "batch")
    unpin(engine, "shop", "batch")
    with writing(engine) as connection:
        for place, minutes in enumerate((0, 60, 70, 80, 90), start=1):
            connection.execute(update(live_history).where(live_history.c.id == place).values(moved_at=at(minutes)))
        connection.execute(update(versions).where(versions.c.version == FIRST).values(published_at=at(0)))
    return engine


def ask(engine: Engine, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """The rows, moments as minutes since START."""
    with reading(engine) as connection:
        return [tuple(map(minutes_of, row)) for row in connection.execute(text(statement), values)]


def minutes_of(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("2026-01-01 "):
        value = datetime.fromisoformat(value).replace(tzinfo=UTC)
    return (value - START) / timedelta(minutes=1) if isinstance(value, datetime) else value


def moment(engine: Engine, minutes: float) -> Any:
    return at(minutes) if engine.dialect.name == "postgresql" else f"{at(minutes):%Y-%m-%d %H:%M:%S.%f}"


def test_every_move_begins_a_period_and_a_pin_none(served: Engine) -> None:
    rows = ask(served, "select version, served_from, served_to, cause, note from served_periods order by served_from")
    assert rows == [
        (FIRST, 0, 60, "publish", None),
        (SECOND, 60, 70, "publish", None),
        (FIRST, 70, None, "rollback", "the second one was bad"),
    ]


@pytest.mark.parametrize(
    ("minutes", "version", "items"),
    [
        (-0.01, None, []),
        (0, FIRST, ["a", "b"]),
        (59.99, FIRST, ["a", "b"]),
        (60, SECOND, ["c", "a"]),
        (69.99, SECOND, ["c", "a"]),
        (70, FIRST, ["a", "b"]),
        (85, FIRST, ["a", "b"]),
        (9999, FIRST, ["a", "b"]),
    ],
)
def test_what_a_user_was_shown_at_a_moment(
    minutes: float, version: str | None, items: list[str], served: Engine
) -> None:
    rows = ask(
        served,
        "select version, item_id from user_recommendations_history where source = 'shop' and arm = 'batch' "
        "and user_id = 'u1' and served_from <= :at and (served_to > :at or served_to is null) order by rank",
        at=moment(served, minutes),
    )
    assert rows == [(version, item) for item in items]


def test_the_history_of_searches_leaves_out_what_few_typed(served: Engine) -> None:
    asked = "select query, version from query_recommendations_history order by served_from"
    assert ask(served, asked) == [("gears of war", version) for version in (FIRST, SECOND, FIRST)]
    with writing(served) as connection:
        part = rows_of(query_recommendations, SECOND, served.dialect.name)
        connection.execute(update(part).where(part.c.version == SECOND).values(is_common=False))
    assert ask(served, asked) == [("gears of war", FIRST)] * 2


def test_how_old_the_data_of_every_version_were(served: Engine) -> None:
    rows = ask(
        served,
        "select version, status, published_lag_seconds, first_served_from, periods, oldest_served_seconds "
        "from version_freshness order by interval_start",
    )
    first, second = rows
    cutoff = (HOUR + timedelta(hours=1) - START) / timedelta(minutes=1)  # the end of its hour, ten minutes before
    assert first[:2] == (FIRST, "published") and first[2] == pytest.approx(-cutoff * 60, abs=0.01)
    assert first[3:5] == (0, 2) and first[5] > 70 * 60  # it is live: it ages on
    assert second[0] == SECOND and second[3:5] == (60, 1)
    assert second[5] == pytest.approx((70 - cutoff - 60) * 60, abs=0.01)


def test_a_version_that_was_never_live_has_no_period(served: Engine, tmp_path: Path) -> None:
    assert publish_version(served, describe(-1), write_tables(tmp_path / "old", small_version())) == "history"
    rows = ask(
        served,
        "select periods, oldest_served_seconds from version_freshness where version = :version",
        version=describe(-1).version,
    )
    assert rows == [(0, None)]
