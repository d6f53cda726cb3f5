"""A live database: one snapshot however long it takes to read, and a server that dies or hangs ends in one sentence."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from handmade_shop import FIRST, event, fill_shop, item, lake_files
from tcp_proxy import Line, proxy, socket_of, url_through

from pipeline.errors import BadInput, Unreachable
from pipeline.line import run_stage
from pipeline.manifests import landed_hours
from pipeline.run import Run
from pipeline.settings import Settings, load_settings
from pipeline.sources import database
from pipeline.sources.read import pull

ROWS = 2000


@pytest.fixture
def shop_url(postgres_url: str) -> str:
    """A shop of ROWS clicks in one hour, in PostgreSQL."""
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    fill_shop(url, [item("a")], [event("click", f"u{place}", "a", position=1) for place in range(ROWS)])
    return url


@pytest.fixture
def line(postgres_url: str) -> Iterator[Line]:
    with proxy(socket_of(postgres_url)) as there:
        yield there


def pulled(settings: Settings) -> list[dict[str, Any]]:
    settings.home.mkdir(exist_ok=True, parents=True)
    pull(Run(FIRST, settings), "events", settings.home / "events.parquet")
    return list(pq.read_table(settings.home / "events.parquet").to_pylist())


@pytest.mark.parametrize("way", ["copied", "row by row"])
def test_rows_changed_while_they_are_read_are_read_as_they_were(
    tmp_path: Path, shop_url: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Each round of the updater moves every row and adds one; a reader that sees two rounds has seen no moment."""
    if way == "row by row":
        monkeypatch.setattr(database, "BATCH_ROWS", 50)
        monkeypatch.setattr(database, "_copy_out", database._stream_rows)
    plain = shop_url.replace("+psycopg", "")
    over = threading.Event()

    def update() -> None:
        with psycopg.connect(plain) as connection:
            for round_number in range(2, 10_000):
                if over.is_set():
                    return
                connection.execute("update events set position = %s", (round_number,))
                connection.execute(
                    "insert into events select max(row_id) + 1, 'new', 'u', 's', 'click', null, 'a', null, %s, "
                    "max(occurred_at), max(ingested_at) from events",
                    (round_number,),
                )
                connection.commit()

    updater = threading.Thread(target=update)
    updater.start()
    try:
        seen = []
        for _ in range(4):
            rows = pulled(load_settings(home=tmp_path, source_url=shop_url))
            (position,) = {row["position"] for row in rows}
            assert len({row["locator"] for row in rows}) == len(rows) == ROWS + int(position) - 1
            seen.append(position)
    finally:
        over.set()
        updater.join()
    assert len(set(seen)) > 1


def test_a_second_statement_sees_the_same_moment(tmp_path: Path, shop_url: str) -> None:
    run = Run(FIRST, load_settings(home=tmp_path))
    with database.open_snapshot(run, shop_url) as connection:
        counted = sa.text("select count(*) from events")
        before = connection.scalar(counted)
        with psycopg.connect(shop_url.replace("+psycopg", "")) as other:
            other.execute("delete from events")
        assert connection.scalar(counted) == before == ROWS


def test_a_source_cannot_be_written_to(tmp_path: Path, shop_url: str) -> None:
    run = Run(FIRST, load_settings(home=tmp_path))
    with (
        pytest.raises(BadInput, match="cannot execute DELETE in a read-only transaction"),
        database.open_snapshot(run, shop_url) as connection,
    ):
        connection.execute(sa.text("delete from events"))


def test_a_server_that_dies_while_it_is_read_leaves_nothing_and_the_next_try_gives_the_same_bytes(
    tmp_path: Path, shop_url: str, line: Line
) -> None:
    settings = load_settings(home=tmp_path / "faulty", source_url=url_through(line, shop_url))
    faultless = load_settings(home=tmp_path / "faultless", source_url=shop_url)
    run_stage("ingest_events", FIRST, faultless)
    line.reset()
    pulled(settings)
    whole = line.passed
    for cut in (0, 1, 200, whole // 3, whole // 2, whole - 40):
        line.reset(limit=cut)
        with pytest.raises(Unreachable, match=r"source shop: postgresql.* does not answer: ") as error:
            run_stage("ingest_events", FIRST, settings)
        assert "\n" not in str(error.value)
        assert landed_hours(settings.lake, "ingest_events", FIRST, FIRST) == []
    line.reset()
    run_stage("ingest_events", FIRST, settings)
    landed = {path: data for path, data in lake_files(settings).items() if "failed" not in path}
    assert landed == lake_files(faultless)


@pytest.mark.timeout(60, method="thread")  # a wait within the driver hears no signal
@pytest.mark.parametrize("silent_after", [0, 300, 100_000])
def test_a_server_that_goes_silent_is_given_up_in_time(
    tmp_path: Path, shop_url: str, line: Line, silent_after: int
) -> None:
    settings = load_settings(
        home=tmp_path, source_url=url_through(line, shop_url), source_connect_seconds=2, source_timeout_seconds=1
    )
    line.reset(limit=silent_after, is_cut=False)
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"did not finish within 1 seconds|timeout") as error:
        run_stage("ingest_events", FIRST, settings)
    assert time.monotonic() - began < 20
    assert "\n" not in str(error.value)
    assert landed_hours(settings.lake, "ingest_events", FIRST, FIRST) == []


def test_a_statement_that_takes_too_long_is_cancelled_at_the_server(
    tmp_path: Path, shop_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(home=tmp_path, source_url=shop_url, source_timeout_seconds=1)
    with (
        pytest.raises(Unreachable, match="canceling statement due to statement timeout"),
        database.open_snapshot(Run(FIRST, settings), shop_url) as connection,
    ):
        connection.execute(sa.text("select pg_sleep(30)"))


def test_a_row_longer_than_a_block_is_read_all_the_same(
    tmp_path: Path, shop_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BLOCK_BYTES", 1000)
    with psycopg.connect(shop_url.replace("+psycopg", "")) as connection:
        connection.execute("update events set query = %s where row_id = 7", ("x" * 5000,))
    rows = pulled(load_settings(home=tmp_path, source_url=shop_url))
    assert len(rows) == ROWS
    assert rows[7]["query"] == "x" * 5000


def test_a_copy_that_is_given_up_is_read_by_nobody_else() -> None:
    class Copy:
        reads = 0

        def read(self) -> bytes:
            at_work.set()
            time.sleep(0.2)
            self.reads += 1
            return b"row"

    copy, at_work = Copy(), threading.Event()
    with database.Chunks(copy) as chunks:  # type: ignore[arg-type]
        ahead = threading.Thread(target=chunks.readinto, args=(bytearray(10),))
        ahead.start()
        at_work.wait()
    assert copy.reads == 1  # who was at it has ended
    assert chunks.readinto(bytearray(10)) == 0
    assert copy.reads == 1
    ahead.join()


def test_copied_text_is_what_it_was(tmp_path: Path, postgres_url: str) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    texts = [
        "",
        " ",
        "a,b",
        'say "no"',
        "two\nlines",
        "r\r\nn",
        "\\N",
        "NULL",
        "null",
        "é\u202e\ufeff",
        "\\.",
        "1e5",
        None,
    ]
    fill_shop(url, [item("a")], [event("search", "u", text) for text in texts])
    rows = pulled(load_settings(home=tmp_path, source_url=url))
    assert [row["query"] for row in rows] == texts
