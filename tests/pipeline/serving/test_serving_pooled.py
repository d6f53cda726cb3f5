"""Connections of an event loop: few, kept, replaced when they break, never waited for longer than the patience."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest
from sqlalchemy import text

from pipeline.errors import Crowded, Unreachable
from pipeline.serving.database import connect
from pipeline.serving.pooled import Lines, connect_readers
from pipeline.serving.steps import Turn

SERVER_PATIENCE_MS = 20_000  # far longer than that of the lines, so that these give up first


def asking(statement: str) -> Generator[tuple[str, Any], Any, Any]:
    """One question."""
    return (yield statement, {})


@pytest.fixture
def run(postgres_url: str) -> Callable[..., Any]:
    """Runs a function that is given so many lines."""

    def run_with(function: Callable[[Lines], Awaitable[Any]], connections: int = 2, patience: float = 0.3) -> Any:
        async def with_lines() -> Any:
            engine = connect_readers(postgres_url, 1, SERVER_PATIENCE_MS)
            lines = Lines(engine, connections, patience)
            try:
                return await function(lines)
            finally:
                lines.close()
                engine.dispose()

        return asyncio.run(with_lines())

    return run_with


def test_connections_are_opened_when_needed_kept_and_never_more(run: Callable[..., Any]) -> None:
    pid = "select pg_backend_pid() from pg_sleep(0.02)"

    async def ask(lines: Lines) -> tuple[set[int], set[int]]:
        alone = [(await lines.follow(asking(pid)))[0][0] for _ in range(3)]
        together = await asyncio.gather(*[lines.follow(asking(pid)) for _ in range(6)])
        return set(alone), {rows[0][0] for rows in together}

    alone, together = run(ask, patience=5)
    assert len(alone) == 1
    assert alone < together and len(together) == 2


def test_a_question_past_the_patience_is_given_up_and_the_next_one_answered(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> Any:
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            await lines.follow(asking("select pg_sleep(30)"))
        assert time.monotonic() - begun < 5
        lines.patience = 5
        return await lines.follow(asking("select 1"))

    assert run(ask, connections=1) == [(1,)]


def test_several_questions_of_one_read_have_one_patience(run: Callable[..., Any]) -> None:
    def asking_often() -> Generator[tuple[str, Any], Any, None]:
        for _ in range(100):
            yield "select pg_sleep(0.1)", {}

    async def ask(lines: Lines) -> None:
        with pytest.raises(TimeoutError):
            await lines.follow(asking_often())

    run(ask)


def test_whoever_gets_no_connection_in_time_is_told_so(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> Any:
        lines.patience = 5
        sleeper = asyncio.create_task(lines.follow(asking("select pg_sleep(0.5)")))
        await asyncio.sleep(0.1)
        lines.patience = 0.1
        with pytest.raises(Unreachable, match="is busy: no connection became free in time"):
            await lines.follow(asking("select 1"))
        await sleeper
        return await lines.follow(asking("select 1"))

    assert run(ask, connections=1) == [(1,)]


def test_whoever_may_queue_for_a_moment_only_does_not_wait_for_the_whole_patience(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> Any:
        sleeper = asyncio.create_task(lines.follow(asking("select pg_sleep(1)")))
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        with pytest.raises(Crowded, match="is busy: no connection became free in time"):
            await lines.follow(asking("select 1"), queueing=0.05)
        waited = time.monotonic() - begun
        assert await lines.follow(asking("select 2")) == [(2,)]  # waits its turn
        await sleeper
        return waited

    assert run(ask, connections=1, patience=5) < 0.8


def test_who_waits_longest_gets_the_next_connection(run: Callable[..., Any]) -> None:
    ended: list[str] = []

    def asking_often() -> Generator[tuple[str, Any], Any, None]:
        for _ in range(10):
            yield "select pg_sleep(0.02)", {}

    async def ask(lines: Lines) -> None:
        async def note(name: str, steps: Any) -> None:
            await lines.follow(steps)
            ended.append(name)

        await asyncio.gather(note("often", asking_often()), note("once", asking("select 1")))

    run(ask, connections=1, patience=5)
    assert ended == ["once", "often"]


def test_whoever_waits_for_what_somebody_else_asks_waits_no_longer_than_the_patience(run: Callable[..., Any]) -> None:
    turn: Turn = Turn()

    def waiting() -> Generator[Turn, None, str]:
        yield turn
        return "told"

    async def ask(lines: Lines) -> str:
        with pytest.raises(TimeoutError):
            await lines.follow(waiting())
        lines.patience = 5
        asyncio.get_running_loop().call_later(0.1, turn.set_result, None)
        return await lines.follow(waiting())

    assert run(ask) == "told"


def test_steps_that_are_given_up_are_closed(run: Callable[..., Any]) -> None:
    closed: list[bool] = []

    def steps() -> Generator[tuple[str, Any], Any, None]:
        try:
            yield "select pg_sleep(30)", {}
        finally:
            closed.append(True)

    async def ask(lines: Lines) -> None:
        kept = steps()  # so that nothing else closes it
        with pytest.raises(TimeoutError):
            await lines.follow(kept)
        assert closed == [True]

    run(ask)


def test_when_one_connection_broke_idle_ones_are_replaced_too(run: Callable[..., Any], postgres_url: str) -> None:
    async def ask(lines: Lines) -> Any:
        await asyncio.gather(*[lines.follow(asking("select pg_sleep(0.1)")) for _ in range(4)])
        engine = connect(postgres_url)
        with engine.begin() as connection:
            others = "select pg_terminate_backend(pid) from pg_stat_activity"
            others += " where application_name = :us and datname = :here"
            here = {"us": "treasure-hunt serve", "here": engine.url.database}
            assert connection.execute(text(others), here).all() == [(True,)] * 4
        engine.dispose()
        await asyncio.sleep(0.2)
        with pytest.raises(Unreachable, match="does not answer"):
            await lines.follow(asking("select 1"))
        return await asyncio.gather(*[lines.follow(asking("select 1 from pg_sleep(0.1)")) for _ in range(4)])

    assert run(ask, connections=4, patience=5) == [[(1,)]] * 4


def test_lines_cannot_write(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> None:
        with pytest.raises(Exception, match="read-only transaction"):
            await lines.follow(asking("create table mine (a integer)"))

    run(ask)


def test_a_server_that_is_not_there_is_one_sentence_without_the_password() -> None:
    async def ask() -> None:
        lines = Lines(connect_readers("postgresql://nobody:secret@127.0.0.1:1/none", 1, 300), 1, 5)
        for _ in range(2):
            with pytest.raises(Unreachable, match="does not answer") as error:
                await lines.follow(asking("select 1"))
            assert "secret" not in str(error.value)

    asyncio.run(ask())
