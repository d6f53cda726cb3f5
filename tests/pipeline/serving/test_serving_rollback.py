"""What people do to the pointer holds: pins, what is recorded of them, and how long a rollback takes."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from serving_world import describe, live_id, moves
from sqlalchemy import Engine, select

from pipeline.errors import BadInput, NotLanded
from pipeline.serving import publish as publishing
from pipeline.serving.database import connect, reading
from pipeline.serving.outcome import explain_outcome
from pipeline.serving.publish import publish_version
from pipeline.serving.rollback import pin, read_pin, rollback, unpin
from pipeline.serving.schema import live_history, versions

Publish = Callable[..., str]
SHOP = ("shop", "batch")


def notes(engine: Engine) -> list[tuple[str, str | None]]:
    with reading(engine) as connection:
        rows = connection.execute(select(live_history.c.cause, live_history.c.note).order_by(live_history.c.id))
        return [(row.cause, row.note) for row in rows]


def test_a_pinned_version_is_not_undone_by_the_next_hour_until_it_is_unpinned(engine: Engine, publish: Publish) -> None:
    publish(0)
    publish(1)
    rollback(engine, *SHOP, pin=True, why="prices are wrong")
    assert publish(2) == "pinned"
    assert live_id(engine) == describe(0).version
    said = explain_outcome(engine, describe(2), "pinned")
    assert said.startswith(f"version {describe(2).version} is kept as history: {describe(0).version} is pinned since ")
    assert said.endswith(" UTC (prices are wrong)")
    assert publish(2) == "unchanged"
    assert unpin(engine, *SHOP) == describe(0).version
    assert publish(3) == "live"
    assert live_id(engine) == describe(3).version


def test_the_hour_of_the_pinned_version_does_not_replace_it_either(engine: Engine, publish: Publish) -> None:
    publish(0)
    pin(engine, *SHOP)
    assert publish(0, content="repaired") == "pinned"
    assert live_id(engine) == describe(0).version


def test_a_version_published_meanwhile_is_kept_and_goes_live_at_once_when_asked(
    engine: Engine, publish: Publish
) -> None:
    publish(0)
    pin(engine, *SHOP, why="a sale")
    publish(1)
    publish(2)
    assert unpin(engine, *SHOP, advance=True, why="over") == describe(2).version
    assert live_id(engine) == describe(2).version
    assert notes(engine) == [("publish", None), ("pin", "a sale"), ("unpin", "over")]


def test_going_back_further_keeps_the_pin_and_its_reason(engine: Engine, publish: Publish) -> None:
    for hour in range(4):
        publish(hour)
    rollback(engine, *SHOP, pin=True, why="bad")
    for hour, why, said in ((1, None, "(bad)"), (0, "worse still", "(worse still)")):
        rollback(engine, *SHOP, why=why)
        with reading(engine) as connection:
            pinned = read_pin(connection, *SHOP) or ""
        assert pinned.startswith(f"{describe(hour).version} is pinned since ") and pinned.endswith(said)
    assert publish(4) == "pinned"


def test_a_pin_of_what_is_pinned_keeps_since_when_and_why_unless_there_is_another_reason(
    engine: Engine, publish: Publish
) -> None:
    publish(0)
    said = []
    for why in ("bad prices", None, "a sale"):
        pin(engine, *SHOP, why=why)
        with reading(engine) as connection:
            said.append(read_pin(connection, *SHOP) or "")
    assert said[0] == said[1] == said[2].replace("(a sale)", "(bad prices)")
    assert [note for cause, note in notes(engine) if cause == "pin"] == ["bad prices", "a sale"]


def test_a_rollback_without_a_pin_is_followed_by_the_next_hour(engine: Engine, publish: Publish) -> None:
    publish(0)
    publish(1)
    rollback(engine, *SHOP, why="just to look")
    with reading(engine) as connection:
        assert read_pin(connection, *SHOP) is None
    assert publish(2) == "live"
    assert notes(engine)[2] == ("rollback", "just to look")


def test_an_hour_means_its_newest_version(engine: Engine, publish: Publish) -> None:
    publish(0)
    publish(0, content="repaired")
    repaired = live_id(engine)
    publish(1)
    assert rollback(engine, *SHOP, "2026-01-01T13") == repaired != describe(0).version
    with pytest.raises(BadInput, match="'2026-01-01T12' is not a version to go back to"):
        rollback(engine, *SHOP, "2026-01-01T12")


def test_what_is_live_already_is_said_to_be(engine: Engine, publish: Publish) -> None:
    publish(0)
    for name in (describe(0).version, "2026-01-01T13"):
        with pytest.raises(BadInput, match=rf"^{describe(0).version} is live already; `treasure-hunt pin` keeps it\.$"):
            rollback(engine, *SHOP, name)


def test_a_mistyped_home_gets_no_database_of_its_own(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'mistyped' / 'serving.db'}")
    for move in (rollback, pin, unpin):
        with pytest.raises(NotLanded, match="nothing is published yet"):
            move(engine, *SHOP)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_pinned_cannot_be_unpinned(engine: Engine, publish: Publish) -> None:
    publish(0)
    with pytest.raises(BadInput, match="which is not pinned; there is nothing to unpin"):
        unpin(engine, *SHOP)
    assert moves(engine) == [(describe(0).version, "publish")]


def test_arms_are_pinned_one_by_one(engine: Engine, files: dict[str, Path], publish: Publish) -> None:
    publish(0)
    publish_version(engine, describe(0, arm="other"), files)
    pin(engine, *SHOP)
    assert publish_version(engine, describe(1, arm="other"), files) == "live"


@pytest.mark.timeout(60)
def test_a_rollback_waits_for_no_load(
    postgres_url: str, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour is being loaded and audited; the rollback is through at once, and so is the hour in the end."""
    engine = connect(postgres_url)
    for hour in range(2):
        publish_version(engine, describe(hour), files)
    loaded, go_on, ask = threading.Event(), threading.Event(), publishing.audit_version

    def audit_slowly(*arguments: object) -> object:
        loaded.set()
        assert go_on.wait(30)
        return ask(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(publishing, "audit_version", audit_slowly)
    ended: list[str] = []
    other = connect(postgres_url)
    thread = threading.Thread(target=lambda: ended.append(publish_version(other, describe(2), files)))
    thread.start()
    try:
        assert loaded.wait(30)
        begun = time.monotonic()
        rollback(engine, *SHOP, pin=True)
        assert time.monotonic() - begun < 10
        assert live_id(engine) == describe(0).version
    finally:
        go_on.set()
        thread.join()
        other.dispose()
    assert ended == ["pinned"]
    assert live_id(engine) == describe(0).version
    with reading(engine) as connection:
        assert set(connection.scalars(select(versions.c.status))) == {"published"}
    engine.dispose()
