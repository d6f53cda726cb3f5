"""Processes that publish at once, die half-way, or read while others publish."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from serving_world import (
    count_rows,
    describe,
    everything,
    live_id,
    moves,
    publish_at_barrier,
    publish_until_killed,
    small_version,
    write_tables,
)
from sqlalchemy import Engine, func, inspect, select, text

from pipeline.serving.database import connect, create_schema, lock_erasures, reading, writing
from pipeline.serving.publish import publish_version
from pipeline.serving.schema import run_stages, versions

SPAWN = multiprocessing.get_context("spawn")


def _race(url: str, files: dict[str, Path], contents: list[str]) -> list[str]:
    barrier, outcomes = SPAWN.Barrier(len(contents)), SPAWN.Queue()
    processes = [
        SPAWN.Process(target=publish_at_barrier, args=(url, content, files, barrier, outcomes)) for content in contents
    ]
    for process in processes:
        process.start()
    found = sorted(outcomes.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    return found


@pytest.mark.timeout(120)
def test_two_processes_publish_the_same_version_and_one_of_them_loads_it(
    engine: Engine, serving_url: str, files: dict[str, Path]
) -> None:
    assert _race(serving_url, files, ["same", "same"]) == ["live", "unchanged"]
    version = describe(0, "same").version
    assert [count_rows(engine, table, version) for table in ("items", "user_recommendations")] == [4, 3]
    assert moves(engine) == [(version, "publish")]
    with reading(engine) as connection:
        assert len(connection.execute(select(run_stages)).all()) == 1


@pytest.mark.timeout(120)
def test_what_a_failed_attempt_left_is_not_taken_away_while_somebody_erases(
    postgres_url: str, files: dict[str, Path]
) -> None:
    """Whoever erases has listed the tables, and would find one gone."""
    engine, version = connect(postgres_url), describe(0)
    create_schema(engine)
    with writing(engine) as connection:
        connection.execute(select(func.create_part("items", version.version)))
    with ThreadPoolExecutor(1) as pool, writing(engine) as connection:
        lock_erasures(connection, shared=False)
        attempt = pool.submit(publish_version, engine, version, files)
        waiting = text("select exists (select from pg_locks where locktype = 'advisory' and not granted)")
        while not attempt.done() and not connection.scalar(waiting):
            time.sleep(0.01)
        assert inspect(connection).has_table(f"items_{version.version}")
        connection.commit()
        assert attempt.result(60) == "live"
    engine.dispose()


@pytest.mark.timeout(120)
def test_two_versions_of_one_hour_published_at_once_leave_the_later_attempt_live(
    engine: Engine, serving_url: str, files: dict[str, Path]
) -> None:
    _race(serving_url, files, ["one", "two"])
    with reading(engine) as connection:
        latest = connection.scalar(select(versions.c.version).order_by(versions.c.token.desc()).limit(1))
        # The earlier attempt has published before, or gives way.
        assert set(connection.scalars(select(versions.c.status))) <= {"published", "superseded"}
    assert live_id(engine) == latest


@pytest.mark.timeout(120)
@pytest.mark.parametrize("where", ["load_table", "audit_version", "attach_rows"])
def test_a_killed_attempt_leaves_no_rows_and_the_next_one_publishes(
    where: str, engine: Engine, serving_url: str, files: dict[str, Path]
) -> None:
    publish_version(engine, describe(0), files)
    before = everything(engine)
    reached = SPAWN.Event()
    process = SPAWN.Process(target=publish_until_killed, args=(serving_url, files, reached, where))
    process.start()
    assert reached.wait(60)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert live_id(engine) == describe(0).version
    after = everything(engine)
    assert {table for table in before if after[table] != before[table]} == {"versions"}  # the row that says loading
    assert publish_version(engine, describe(1), files) == "live"
    assert count_rows(engine, "user_recommendations", describe(1).version) == 3


@pytest.mark.timeout(120)
def test_a_reader_during_ten_publishes_sees_whole_versions_only(
    engine: Engine, serving_url: str, tmp_path: Path
) -> None:
    """Version n gives every user n items with score n: any mixture, and any half, shows."""
    users, sizes = [f"u{number}" for number in range(200)], range(1, 11)
    drafts = []
    for size in sizes:
        tables = small_version()
        names = [f"i{number}" for number in range(size)]
        tables["items"] = {name: values[:1] * size for name, values in tables["items"].items()} | {"item_id": names}
        tables["user_recommendations"] = {
            "user_id": [user for user in users for _ in names],
            "rank": list(range(1, size + 1)) * len(users),
            "item_id": names * len(users),
            "score": [float(size)] * size * len(users),
            "reason": ['["popular"]'] * size * len(users),
        }
        for table in ("query_recommendations", "similar_items", "popular_items"):
            tables[table] = {name: values[:1] for name, values in tables[table].items()}
            for column in {"item_id", "similar_item_id"} & set(tables[table]):
                tables[table][column] = ["i0"]
        drafts.append(write_tables(tmp_path / str(size), tables))

    seen: list[int] = []
    wrong: list[object] = []
    done = threading.Event()

    def read() -> None:
        reader = connect(serving_url)
        query = text(
            "select count(*) as n, count(distinct user_id) as users, min(score) as low, max(score) as high, "
            "count(distinct version) as versions from live_user_recommendations"
        )
        while not done.is_set() or not seen:
            with reading(reader) as connection:
                row = connection.execute(query).one()
            if row.n:
                seen.append(int(row.low))
                if (row.n, row.users, row.high, row.versions) != (200 * row.low, 200, row.low, 1):
                    wrong.append(tuple(row))
        reader.dispose()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for hour, draft in enumerate(drafts):
            assert publish_version(engine, describe(hour), draft) == "live"
    finally:
        done.set()
        thread.join()
    assert wrong == []
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
