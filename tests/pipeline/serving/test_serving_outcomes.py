"""How attempts end that meet others: one version is live, and what became of each attempt is recorded."""

import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from serving_world import (
    count_rows,
    describe,
    live_id,
    moves,
    publish_after_sleep,
    publish_rounds,
    small_version,
    write_tables,
)
from sqlalchemy import Engine, select, update
from tcp_proxy import proxy, socket_of, url_through

from pipeline.errors import AuditFailed, Unreachable
from pipeline.serving import publish as publishing
from pipeline.serving.database import connect, reading, writing
from pipeline.serving.outcome import explain_outcome
from pipeline.serving.pointer import take_token
from pipeline.serving.publish import publish_version
from pipeline.serving.schema import PUBLISHED, attempts, live_history, versions

Publish = Callable[..., str]
SPAWN = multiprocessing.get_context("spawn")
SOME = 4
ROUNDS = 50 if os.environ.get("FAULTS") else SOME


def outcomes(engine: Engine) -> dict[int, tuple[str | None, str | None]]:
    """Version and outcome of every attempt that was for publishing, by token."""
    with reading(engine) as connection:
        rows = connection.execute(select(attempts).order_by(attempts.c.token)).all()
    assert all((row.outcome is None) == (row.ended_at is None) for row in rows)
    return {row.token: (row.version, row.outcome) for row in rows}


def status_of(engine: Engine, version: str) -> str | None:
    with reading(engine) as connection:
        return connection.scalar(select(versions.c.status).where(versions.c.version == version))


def test_a_sleeper_is_superseded_leaves_no_rows_and_is_recorded(engine: Engine, publish: Publish) -> None:
    sleeper = take_token(engine, "the sleeper")
    publish(0, content="later", token=(later := take_token(engine, "the later one")))
    assert publish(0, content="sleeper", token=sleeper) == "superseded"
    lost, won = describe(0, "sleeper").version, describe(0, "later").version
    assert outcomes(engine) == {sleeper: (lost, "superseded"), later: (won, "live")}
    assert (status_of(engine, lost), live_id(engine)) == ("superseded", won)
    if engine.dialect.name == "sqlite":
        assert count_rows(engine, "user_recommendations", lost) == 0
    sentence = explain_outcome(engine, describe(0, "sleeper"), "superseded")
    assert sentence == f"version {lost} is superseded: a later attempt of 2026-01-01T13 has published {won} meanwhile"


def test_a_sleeper_of_an_old_hour_is_superseded_too(engine: Engine, publish: Publish) -> None:
    publish(5)
    sleeper = take_token(engine, "the sleeper")
    assert publish(0, content="later") == "history"
    assert publish(0, content="sleeper", token=sleeper) == "superseded"


def test_a_sleeper_is_superseded_by_an_attempt_that_found_its_version_published(
    engine: Engine, publish: Publish
) -> None:
    publish(0, content="first")
    sleeper = take_token(engine, "the sleeper")
    assert publish(0, content="first") == "unchanged"
    assert publish(0, content="sleeper", token=sleeper) == "superseded"
    assert live_id(engine) == describe(0, "first").version


def test_a_sleeper_with_the_content_of_its_retry_has_nothing_to_do(engine: Engine, publish: Publish) -> None:
    sleeper = take_token(engine, "the sleeper")
    publish(0)
    assert publish(0, token=sleeper) == "unchanged"
    assert len(moves(engine)) == 1


def test_a_superseded_version_goes_live_when_a_new_attempt_publishes_it(engine: Engine, publish: Publish) -> None:
    sleeper = take_token(engine, "the sleeper")
    publish(0, content="later")
    publish(0, content="sleeper", token=sleeper)
    assert publish(0, content="sleeper") == "live"
    assert status_of(engine, describe(0, "sleeper").version) == "published"


def test_an_attempt_that_failed_supersedes_nobody(engine: Engine, publish: Publish, tmp_path: Path) -> None:
    sleeper = take_token(engine, "the sleeper")
    broken = small_version()
    broken["popular_items"]["rank"] = [1, 2, 4, 1]
    with pytest.raises(AuditFailed):
        publish_version(engine, describe(0, "broken"), write_tables(tmp_path / "broken", broken))
    assert outcomes(engine)[sleeper + 1] == (describe(0, "broken").version, "failed")
    assert publish(0, token=sleeper) == "live"


def test_an_attempt_of_another_source_supersedes_nobody(
    engine: Engine, files: dict[str, Path], publish: Publish
) -> None:
    sleeper = take_token(engine, "the sleeper")
    publish_version(engine, describe(0, "later", arm="other"), files)
    assert publish(0, token=sleeper) == "live"


def test_in_every_order_of_four_hours_the_newest_is_live_in_the_end(
    engine: Engine, files: dict[str, Path], serving_url: str
) -> None:
    """24 orders, each in an arm of its own: the pointer only moves forward, whatever was older is history."""
    for order in itertools.permutations(range(4)):
        arm = "".join(map(str, order))
        newest = -1
        for hour in order:
            expected = "live" if hour > newest else "history"
            assert publish_version(engine, describe(hour, arm=arm), files) == expected
            newest = max(newest, hour)
        with reading(engine) as connection:
            ours = select(live_history.c.interval_start).where(live_history.c.arm == arm).order_by(live_history.c.id)
            moved = connection.scalars(ours).all()
        assert moved == sorted(set(moved))
        assert moved[-1] == describe(3).interval_start


@pytest.mark.timeout(300 + ROUNDS * 30)
@pytest.mark.parametrize("number", [4] if ROUNDS == SOME else [2, 3, 4])
def test_of_processes_that_publish_one_hour_at_once_one_wins(
    engine: Engine, serving_url: str, files: dict[str, Path], number: int
) -> None:
    """Each round a newer hour; the highest token is live, the others were before it or gave up and left no rows."""
    barrier, ended = SPAWN.Barrier(number), SPAWN.Queue()
    processes = [
        SPAWN.Process(target=publish_rounds, args=(serving_url, str(one), files, barrier, ended, ROUNDS))
        for one in range(number)
    ]
    for process in processes:
        process.start()
    said = sorted(ended.get(timeout=240) for _ in range(number * ROUNDS))
    for process in processes:
        process.join()
    recorded = outcomes(engine)
    for hour in range(ROUNDS):
        names = {describe(hour, str(one)).version for one in range(number)}
        of_hour = {token: end for token, end in recorded.items() if end[0] in names}
        assert sorted((hour, outcome) for _, outcome in of_hour.values()) == [end for end in said if end[0] == hour]
        assert {outcome for _, outcome in of_hour.values()} <= {"live", "history", "superseded"}
        won = [version for _, (version, outcome) in sorted(of_hour.items()) if outcome == "live"]
        assert of_hour[max(of_hour)] == (won[-1], "live")
        assert [version for version, _ in moves(engine) if version in names] == won
        kept = {version for version, outcome in of_hour.values() if outcome != "superseded"}
        for table in PUBLISHED:  # one set of rows for each that won or was passed before its move, none of the others
            with reading(engine) as connection:
                there = connection.scalars(select(table.c.version).distinct().where(table.c.version.in_(names))).all()
            assert set(there) == kept
    assert live_id(engine) == won[-1]


@pytest.mark.timeout(180)
def test_a_process_that_is_stopped_through_its_retry_is_superseded(
    engine: Engine, serving_url: str, files: dict[str, Path]
) -> None:
    """SIGSTOP between its token and its load, then the retry with other content, then SIGCONT."""
    ended = SPAWN.Queue()
    zombie = SPAWN.Process(target=publish_after_sleep, args=(serving_url, files, ended))
    zombie.start()
    assert os.WIFSTOPPED(os.waitpid(zombie.pid or 0, os.WUNTRACED)[1])
    try:
        begun = time.monotonic()
        assert publish_version(engine, describe(0, "retry"), files) == "live"
        assert time.monotonic() - begun < 60
    finally:
        os.kill(zombie.pid or 0, signal.SIGCONT)
    assert ended.get(timeout=60) == "superseded"
    zombie.join()
    assert live_id(engine) == describe(0, "retry").version
    assert len(moves(engine)) == 1
    assert status_of(engine, describe(0, "zombie").version) == "superseded"


def test_the_retry_after_a_commit_whose_reply_was_lost_finds_its_version_live(
    postgres_url: str, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is cut just before the answer to the commit: the attempt fails, its version is live all the same."""
    with proxy(socket_of(postgres_url)) as line:
        engine = connect(url_through(line, postgres_url))
        publish_version(engine, describe(0), files)
        end = publishing.end_attempt

        def end_then_cut(*arguments: object) -> None:
            end(*arguments)  # type: ignore[arg-type]
            line.reset(limit=1)  # of the answer to the commit, which comes next

        monkeypatch.setattr(publishing, "end_attempt", end_then_cut)
        with pytest.raises(Unreachable):
            publish_version(engine, describe(1), files)
        monkeypatch.setattr(publishing, "end_attempt", end)
        line.reset()
        deadline = time.monotonic() + 10  # the server may be a moment behind
        while live_id(engine) != describe(1).version and time.monotonic() < deadline:
            time.sleep(0.05)
        assert live_id(engine) == describe(1).version
        assert publish_version(engine, describe(1), files) == "unchanged"
        assert [end[1] for end in outcomes(engine).values()] == ["live", "live", "unchanged"]
        assert len(moves(engine)) == 2
        engine.dispose()


def test_what_a_version_of_an_older_release_lacks_does_not_matter(engine: Engine, publish: Publish) -> None:
    """Attempts from before outcomes were recorded: the pointer's own token decides."""
    sleeper = take_token(engine, "the sleeper")
    publish(0, content="later")
    with writing(engine) as connection:
        connection.execute(update(attempts).values(version=None, outcome=None, ended_at=None))
    assert publish(0, content="sleeper", token=sleeper) == "superseded"
