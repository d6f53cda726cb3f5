"""Connections of an event loop: few, kept, replaced when they break, never waited for longer than the patience."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import psycopg
import pytest
import uvloop
from sqlalchemy import text

from pipeline.errors import Crowded, NotLanded, Unreachable
from pipeline.serving.database import connect
from pipeline.serving.pipelined import DEPTH, Lines, numbered
from pipeline.serving.pooled import connect_readers
from pipeline.serving.steps import Turn

SERVER_PATIENCE_MS = 20_000  # far longer than that of the lines, so that these give up first


def asking(statement: str) -> Generator[tuple[str, Any], Any, Any]:
    """One question."""
    return (yield statement, {})


def crowd(lines: Lines, seconds: float) -> "asyncio.Future[Any]":
    """As many questions as one connection takes, the first of which is answered after so long."""
    asked = [f"select pg_sleep({seconds})", *["select 1"] * (DEPTH - 1)]
    return asyncio.gather(*[lines.follow(asking(statement)) for statement in asked])


async def warm(lines: Lines, patience: float = 20) -> None:
    """All connections are open."""
    asked = [lines.follow(asking("select pg_sleep(0.1)"), patience=patience) for _ in lines.lines]
    await asyncio.gather(*asked)
    assert all(line is not None for line in lines.lines)


async def end_connections(postgres_url: str) -> int:
    """How many connections of readers there were; the server has ended them."""
    engine = connect(postgres_url)
    others = "select pg_terminate_backend(pid) from pg_stat_activity"
    others += " where application_name = :us and datname = :here"
    here = {"us": "treasure-hunt serve", "here": engine.url.database}
    with engine.begin() as connection:
        ended = connection.execute(text(others), here).all()
    engine.dispose()
    return ended.count((True,))


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

        return uvloop.run(with_lines())  # as `treasure-hunt serve` does; the tests of the API have asyncio's own loop

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


def test_whoever_asks_alone_takes_a_connection_that_is_open(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> bool:
        await warm(lines)
        first, second = lines.lines
        assert first is not None and second is not None
        first.drop()
        return await lines.follow(asking("select pg_backend_pid()")) == [(second.end.backend_pid,)]

    assert run(ask, patience=5)


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
        sleepers = crowd(lines, 0.5)
        await asyncio.sleep(0.1)
        lines.patience = 0.1
        with pytest.raises(Unreachable, match="is busy: no connection became free in time"):
            await lines.follow(asking("select 1"))
        lines.patience = 5
        await sleepers
        return await lines.follow(asking("select 1"))

    assert run(ask, connections=1) == [(1,)]


def test_whoever_may_queue_for_a_moment_only_does_not_wait_for_the_whole_patience(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> Any:
        sleepers = crowd(lines, 1)
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        with pytest.raises(Crowded, match="is busy: no connection became free in time"):
            await lines.follow(asking("select 1"), queueing=0.05)
        waited = time.monotonic() - begun
        assert await lines.follow(asking("select 2")) == [(2,)]  # waits its turn
        await sleepers
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

        others = crowd(lines, 0.1)
        await asyncio.gather(note("often", asking_often()), note("once", asking("select 1")))
        await others

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


def test_connections_that_broke_while_nobody_asked_cost_nobody_an_answer(
    run: Callable[..., Any], postgres_url: str
) -> None:
    async def ask(lines: Lines) -> Any:
        await asyncio.gather(*[lines.follow(asking("select pg_sleep(0.1)")) for _ in range(4)])
        assert await end_connections(postgres_url) == 4
        await asyncio.sleep(0.2)
        return await asyncio.gather(*[lines.follow(asking("select 1 from pg_sleep(0.1)")) for _ in range(4)])

    assert run(ask, connections=4, patience=5) == [[(1,)]] * 4


def test_what_was_asked_when_a_connection_broke_is_asked_again(run: Callable[..., Any], postgres_url: str) -> None:
    async def ask(lines: Lines) -> Any:
        await warm(lines)
        asked = asyncio.gather(*[lines.follow(asking(f"select {number} from pg_sleep(0.1)")) for number in range(8)])
        await asyncio.sleep(0.2)
        assert await end_connections(postgres_url) == 2
        return await asked

    assert run(ask, patience=10) == [[(number,)] for number in range(8)]


def test_a_question_that_breaks_its_connection_is_asked_twice_and_no_more(run: Callable[..., Any]) -> None:
    asked = ["select pg_terminate_backend(pg_backend_pid())", *[f"select {number}" for number in range(7)]]

    async def ask(lines: Lines) -> Any:
        return await asyncio.gather(*[lines.follow(asking(one)) for one in asked], return_exceptions=True)

    broken, *others = run(ask, connections=1, patience=10)
    assert isinstance(broken, Unreachable)
    assert others == [[(number,)] for number in range(7)]


def test_one_connection_has_several_questions_on_their_way(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> int:
        await warm(lines)
        asked = crowd(lines, 0.3)
        await asyncio.sleep(0.2)
        line = lines.lines[0]
        assert line is not None
        under_way = sum(answer is not None for answer in line.asked)
        await asked
        return under_way

    assert run(ask, connections=1, patience=5) == DEPTH


def test_a_question_that_fails_takes_no_other_with_it(run: Callable[..., Any]) -> None:
    asked = ["select 1", "select 1 / 0", "select 2", "select a from none_such", "select b from none_such", "select 3"]

    async def ask(lines: Lines) -> Any:
        return await asyncio.gather(*[lines.follow(asking(one)) for one in asked], return_exceptions=True)

    one, by_zero, two, *missing, three = run(ask, connections=1, patience=10)
    assert (one, two, three) == ([(1,)], [(2,)], [(3,)])
    assert isinstance(by_zero, psycopg.errors.DivisionByZero)
    assert [type(error) for error in missing] == [NotLanded, NotLanded]


def test_whoever_stands_behind_a_question_that_is_given_up_is_answered(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> Any:
        await warm(lines)
        stuck = asyncio.create_task(lines.follow(asking("select pg_sleep(30)"), patience=0.3))
        await asyncio.sleep(0.1)
        behind = await asyncio.gather(*[lines.follow(asking(f"select {number}"), patience=8) for number in range(3)])
        with pytest.raises(TimeoutError):
            await stuck
        return behind

    assert run(ask, connections=1) == [[(0,)], [(1,)], [(2,)]]


def test_whoever_is_late_on_a_connection_that_answers_is_late_alone(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> Any:
        pid = "select pg_backend_pid() from pg_sleep(0.1)"
        await warm(lines)
        asked = []
        for _ in range(DEPTH - 1):
            asked.append(asyncio.create_task(lines.follow(asking(pid))))
            await asyncio.sleep(0.005)  # what is asked together is answered together
        await asked[0]
        with pytest.raises(TimeoutError):
            await lines.follow(asking(pid), patience=0.25)
        assert {one.done() for one in asked} == {True, False}
        return {rows[0][0] for rows in await asyncio.gather(*asked)}

    assert len(run(ask, connections=1, patience=5)) == 1


def test_nobody_is_sent_behind_what_takes_long_when_there_is_another_connection(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> float:
        await warm(lines)
        long = asyncio.create_task(lines.follow(asking("select pg_sleep(2)"), is_long=True))
        await asyncio.sleep(0.2)
        begun = time.monotonic()
        await asyncio.gather(*[lines.follow(asking("select 1")) for _ in range(DEPTH)])
        took = time.monotonic() - begun
        await long
        return took

    assert run(ask, patience=5) < 1.5


def test_a_connection_that_answers_those_who_left_is_given_up(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> float:
        await warm(lines, patience=5)
        slow = []
        for _ in range(DEPTH):
            slow.append(asyncio.create_task(lines.follow(asking("select 0 from pg_sleep(0.4)"), patience=0.6)))
            await asyncio.sleep(0.005)  # what is asked together is answered together
        answers = await asyncio.gather(*slow, return_exceptions=True)
        assert answers[0] == [(0,)] and isinstance(answers[-1], TimeoutError)
        begun = time.monotonic()
        assert await lines.follow(asking("select 1"), patience=5) == [(1,)]
        return time.monotonic() - begun

    assert run(ask, connections=1, patience=20) < 1.5  # the others would take 2.4


def test_who_is_late_behind_a_question_of_longer_patience_ends_that_connection(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> float:
        await warm(lines, patience=5)
        begun = time.monotonic()
        long = asyncio.create_task(lines.follow(asking("select pg_sleep(3)"), patience=20))
        await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            await lines.follow(asking("select 1"), patience=0.5)
        await long  # which is asked again
        return time.monotonic() - begun

    assert run(ask, connections=1, patience=0.4) > 3.4


def test_readers_who_go_away_leave_nothing_behind(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> Any:
        await warm(lines)
        leaving = [asyncio.create_task(lines.follow(asking("select pg_sleep(0.2)"))) for _ in range(2 * DEPTH + 5)]
        await asyncio.sleep(0.1)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        assert lines.load == [0, 0] and not lines.queue.locked()
        return await asyncio.gather(*[lines.follow(asking("select 1")) for _ in range(2 * DEPTH)])

    assert run(ask, patience=20) == [[(1,)]] * 2 * DEPTH


def test_values_of_each_kind_arrive_as_what_they_are(run: Callable[..., Any]) -> None:
    def steps() -> Generator[tuple[str, Any], Any, Any]:
        given = {"no": None, "number": 7, "truth": True, "text": "o'ne \\ %(x)s 'ü'"}
        return (
            yield "select %(no)s::text, %(number)s::bigint + 1, %(truth)s::boolean, %(text)s::text, 0.1::float8", given
        )

    async def ask(lines: Lines) -> Any:
        return await lines.follow(steps())

    assert run(ask, connections=1, patience=5) == [(None, 8, True, "o'ne \\ %(x)s 'ü'", 0.1)]


def test_text_is_text_whatever_the_environment_says_it_is_encoded_in(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "latin1")

    def steps() -> Generator[tuple[str, Any], Any, Any]:
        return (yield "select %(typed)s::text, length(%(typed)s)", {"typed": "für"})

    async def ask(lines: Lines) -> Any:
        return await lines.follow(steps())

    assert run(ask, connections=1, patience=5) == [("für", 3)]


def test_a_value_that_cannot_be_read_is_an_error_of_its_own_question(run: Callable[..., Any]) -> None:
    asked = ["select 1", "select 'infinity'::timestamptz", "select 2"]

    async def ask(lines: Lines) -> Any:
        return await asyncio.gather(*[lines.follow(asking(one)) for one in asked], return_exceptions=True)

    one, endless, two = run(ask, connections=1, patience=5)
    assert (one, two) == ([(1,)], [(2,)])
    assert isinstance(endless, psycopg.DataError) and "cannot be read" in str(endless)


def test_a_connection_with_many_statements_is_replaced(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.serving.pipelined.MOST_PREPARED", 3)

    async def ask(lines: Lines) -> list[int]:
        asked = [f"select pg_backend_pid(), {number}" for number in (1, 2, 3, 1, 4)]
        return [(await lines.follow(asking(one)))[0][0] for one in asked]

    pids = run(ask, connections=1, patience=5)
    assert len(set(pids)) == 2
    assert len(set(pids[:3])) == 1


def test_a_question_of_megabytes_goes_out_whole(run: Callable[..., Any]) -> None:
    def steps() -> Generator[tuple[str, Any], Any, Any]:
        return (yield "select length(%(typed)s::text), %(typed)s::text = %(typed)s", {"typed": "ü" * 5_000_000})

    async def ask(lines: Lines) -> Any:
        return await lines.follow(steps())

    assert run(ask, connections=1, patience=20) == [(5_000_000, True)]


def test_a_statement_without_rows_is_answered_with_none(run: Callable[..., Any]) -> None:
    async def ask(lines: Lines) -> Any:
        asked = ["set work_mem = '5MB'", "show work_mem"]
        return await asyncio.gather(*[lines.follow(asking(one)) for one in asked])

    assert run(ask, connections=1, patience=5) == [[], [("5MB",)]]


def test_values_stand_where_their_names_do() -> None:
    assert numbered("select %(b)s, %(a)s, %(b)s, 10 %% 3") == ("select $1, $2, $1, 10 % 3", ("b", "a"))


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
