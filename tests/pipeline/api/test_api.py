"""The read API: every well-formed read is answered from one version, the rest is refused with one sentence."""

import contextlib
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from serving_world import describe, small_version, write_tables
from sqlalchemy import text
from starlette.testclient import TestClient
from tcp_proxy import proxy

from pipeline.api import metrics
from pipeline.api.app import make_app
from pipeline.api.guards import KNOWN_CALLERS, RateLimit
from pipeline.errors import Unreachable
from pipeline.serving.contract import LONGEST_TEXT
from pipeline.serving.database import connect
from pipeline.serving.lists import ListReader, busy
from pipeline.serving.pipelined import Lines
from pipeline.serving.pooled import connect_readers
from pipeline.serving.publish import publish_version
from pipeline.serving.steps import Steps
from pipeline.settings import Settings, load_settings

Publish = Callable[[int], None]
Open = Callable[..., TestClient]


@pytest.fixture
def publish(serving_url: str, tmp_path: Path) -> Publish:
    """Publishes the small version as that of an hour."""
    files = write_tables(tmp_path / "draft", small_version())

    def publish_small(hours_later: int = 0) -> None:
        engine = connect(serving_url)
        publish_version(engine, describe(hours_later), files)
        engine.dispose()

    return publish_small


@pytest.fixture
def open_api(serving_url: str, tmp_path: Path) -> Iterator[Open]:
    """Opens the API on this database, with settings."""
    with contextlib.ExitStack() as opened:

        def open_one(**settings: Any) -> TestClient:
            chosen: Settings = load_settings(**{"home": tmp_path / "var", "serving_url": serving_url, **settings})
            return opened.enter_context(TestClient(make_app(chosen)))

        yield open_one


def test_lists_are_answered_with_reason_version_and_age(publish: Publish, open_api: Open) -> None:
    publish(0)
    api = open_api()
    misspelt = "/v1/search-recommendations?q=War+of+Gaers"
    wait_for(lambda: api.get(misspelt).json()["served_reason"] == "nearest")
    for path, reason in {
        "/v1/recommendations/u1": "personal",
        "/v1/recommendations/nobody": "popular",
        "/v1/recommendations/nobody?query=Gears%20%20of%20WAR": "searches",
        "/v1/recommendations/nobody?segment=games": "segment",
        "/v1/search-recommendations?q=GEARS+of+war": "query",
        misspelt: "nearest",
        "/v1/search-recommendations?q=rare": "popular",
        "/v1/similar/a": "similar",
        "/v1/similar/gone": "similar",
        "/v1/similar/unknown": "popular",
    }.items():
        answer = api.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        body = answer.json()
        assert (body["served_reason"], body["version"]) == (reason, describe().version)
        assert (body["is_stale"], body["is_degraded"]) == (True, False)
        assert body["age_seconds"] > 0
        assert [row["rank"] for row in body["rows"]] == list(range(1, len(body["rows"]) + 1))
        assert reason in {row["source"] for row in body["rows"]}
        assert "x-degraded" not in answer.headers
        assert body["answered_query"] == ("gears of war" if reason == "nearest" else None)
    assert len(api.get("/v1/recommendations/u1?k=1").json()["rows"]) == 1


def test_queries_that_cannot_be_learnt_degrade_nothing(
    publish: Publish, open_api: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: object) -> Steps[None]:
        yield from ()
        raise Unreachable("no queries today.")

    monkeypatch.setattr(ListReader, "learning", failing)
    publish(0)
    api = open_api()
    wait_for(lambda: "no queries today. Queries without a list get what is popular" in caplog.text)
    answers = [
        api.get("/v1/search-recommendations", params={"q": typed}).json() for typed in ("gears of war", "gaers of war")
    ]
    assert [(one["served_reason"], one["is_degraded"]) for one in answers] == [("query", False), ("popular", False)]


def test_the_next_read_after_a_publish_is_of_the_new_version(publish: Publish, open_api: Open) -> None:
    api = open_api()
    assert api.get("/v1/recommendations/u1").status_code == 503
    for hour in range(3):
        publish(hour)
        wait_for(lambda: api.get("/ready").status_code == 200)
        assert api.get("/v1/recommendations/u1").json()["version"] == describe(hour).version


def test_a_file_that_is_damaged_replaced_or_gone_is_noticed(tmp_path: Path, open_api: Open, caplog: Any) -> None:
    files, path = write_tables(tmp_path / "draft", small_version()), tmp_path / "serving.db"
    for hour in range(2):
        engine = connect(f"sqlite:///{tmp_path / f'{hour}.db'}")
        publish_version(engine, describe(hour), files)
        engine.dispose()
    path.write_bytes(b"garbage" * 1000)
    api = open_api(serving_url=f"sqlite:///{path}")
    for where in ("/v1/recommendations/u1", "/ready"):
        assert (said := api.get(where)).status_code == 503
        assert "is damaged, or is no SQLite file" in said.json()["detail"]
    assert "Readers get 503, since nothing was seen yet." in caplog.text
    misspelt = "/v1/search-recommendations?q=War+of+Gaers"
    for hour in range(2):  # put in its place without a word to the API, which looks each second
        (tmp_path / f"{hour}.db").rename(path)
        wait_for(lambda hour=hour: api.get(misspelt).json().get("version") == describe(hour).version)
        wait_for(lambda: api.get(misspelt).json()["served_reason"] == "nearest")
    path.rename(tmp_path / "away.db")
    wait_for(lambda: api.get("/ready").status_code == 503)
    answer = api.get("/v1/recommendations/u1").json()
    assert (answer["version"], answer["is_degraded"]) == (describe(1).version, True)
    (tmp_path / "away.db").rename(path)
    wait_for(lambda: api.get("/v1/recommendations/u1").json()["is_degraded"] is False)


def test_a_defect_in_a_look_ends_no_looking_and_no_read(
    publish: Publish, open_api: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    publish(0)
    api = open_api()
    wait_for(lambda: api.get("/ready").status_code == 200)

    def failing(*_: object) -> Steps[None]:
        yield from ()
        raise ZeroDivisionError("u1 typed gears of war")

    with monkeypatch.context() as broken:
        broken.setattr(ListReader, "refreshing", failing)
        wait_for(lambda: "a read failed: ZeroDivisionError at " in caplog.text)
        wait_for(lambda: api.get("/v1/recommendations/u1").json()["is_degraded"])
    wait_for(lambda: api.get("/v1/recommendations/u1").json()["is_degraded"] is False)
    assert "gears of war" not in caplog.text


def wait_for(truth: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/v1/recommendations/", "user: should have at least 1 character."),
        ("/v1/recommendations/" + "u" * (LONGEST_TEXT + 1), "user: should have at most 512 characters."),
        ("/v1/recommendations/a%00b", "user holds a NUL character, which no id and no query does; leave it out."),
        ("/v1/recommendations/%ff", "the path is not text in UTF-8"),
        ("/v1/recommendations/u1?k=0", "k: should be greater than or equal to 1."),
        ("/v1/recommendations/u1?k=1001", "k: should be less than or equal to 1000."),
        ("/v1/recommendations/u1?k=x", "k: should be a valid integer"),
        ("/v1/recommendations/u1?query=" + "q" * 513, "query: has 513 characters; at most 512 are looked at."),
        ("/v1/recommendations/u1?query=%00", "query holds a NUL character"),
        ("/v1/recommendations/u1?segment=", "segment: should have at least 1 character."),
        ("/v1/search-recommendations", "q: field required."),
        ("/v1/search-recommendations?q=", "q: should have at least 1 character."),
        ("/v1/search-recommendations?q=%20%20", "q: is empty; give what somebody typed."),
        ("/v1/search-recommendations?q=%ed%a0%80", "the query string is not text in UTF-8"),
        ("/v1/similar/%00", "item holds a NUL character"),
    ],
)
def test_malformed_input_is_422_with_one_sentence(publish: Publish, open_api: Open, path: str, sentence: str) -> None:
    publish(0)
    answer = open_api().get(path)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(sentence)


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=LONGEST_TEXT)


@pytest.fixture(scope="module")
def small_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("api")
    engine = connect(f"sqlite:///{folder / 'serving.db'}")
    publish_version(engine, describe(), write_tables(folder / "draft", small_version()))
    engine.dispose()
    with TestClient(make_app(load_settings(home=folder))) as api:
        yield api


@tries(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["recommendations", "similar"]),
    texts,
    st.lists(texts, max_size=3),
    st.none() | st.integers(1, 1000),
)
def test_any_text_is_answered(small_api: TestClient, route: str, key: str, queries: list[str], k: int | None) -> None:
    hints = {"query": queries} if route == "recommendations" else {}
    answer = small_api.get(f"/v1/{route}/{quote(key, safe='')}", params={**hints, **({"k": k} if k else {})})
    assert answer.status_code == 200, answer.text
    rows = answer.json()["rows"]
    assert min(k or 3, 3) - (route == "similar") <= len({row["item_id"] for row in rows}) == len(rows)
    searched = small_api.get("/v1/search-recommendations", params={"q": f"{key}x"})
    assert (searched.status_code, len(searched.json()["rows"])) == (200, 3)


@pytest.mark.parametrize("key", ["\n", "u1\n", "a\nb", "a/b", "/", "u1/", "..", "a?b#c", "%", " "])
def test_an_id_may_hold_any_character_and_names_nobody_else(small_api: TestClient, key: str) -> None:
    answer = small_api.get(f"/v1/recommendations/{quote(key, safe='').replace('.', '%2E')}")
    assert (answer.status_code, answer.json()["served_reason"]) == (200, "popular")


def test_the_path_says_whose_list_it_is(publish: Publish, open_api: Open) -> None:
    publish(0)
    api = open_api()
    assert api.get("/v1/recommendations/nobody?user=u1").json()["served_reason"] == "popular"
    assert api.get("/v1/similar/unknown?item=a&q=x").json()["served_reason"] == "popular"
    assert len(api.get("/v1/recommendations/u1?k=3&k=1").json()["rows"]) == 1  # of what is given twice the last counts


def test_nothing_live_is_503_with_what_to_do_and_when_to_come_again(open_api: Open) -> None:
    api = open_api()
    for path in ("/v1/recommendations/u1", "/v1/similar/a", "/v1/search-recommendations?q=a", "/ready"):
        answer = api.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["detail"].startswith("nothing is published yet")
    assert api.get("/health").json() == {"status": "ok"}


def test_key_is_asked_for_when_one_is_set(publish: Publish, open_api: Open) -> None:
    publish(0)
    api = open_api(api_key="a key of sixteen+")
    path = "/v1/recommendations/u1"
    assert api.get(path).status_code == 401
    assert api.get(path, headers={"X-API-Key": "a key of sixteen-"}).json() == {"detail": "the API key is wrong."}
    assert api.get(path, headers={"X-API-Key": "a key of sixteen+"}).status_code == 200
    assert [api.get(route).status_code for route in ("/health", "/ready", "/metrics")] == [200] * 3


def test_rate_is_limited_for_each_caller(publish: Publish, open_api: Open) -> None:
    publish(0)
    api = open_api(api_requests_per_second=3)
    answers = [api.get("/v1/recommendations/u1") for _ in range(8)]
    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "more than 3 requests a second; wait" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    assert api.get("/health").status_code == 200
    wait_for(lambda: api.get("/v1/recommendations/u1").status_code == 200)


def test_buckets_fill_up_evenly_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("pipeline.api.guards.time.monotonic", lambda: clock[0])
    limit = RateLimit(2)
    assert [limit.seconds_to_wait("a") for _ in range(3)] == [0, 0, 0.5]
    assert limit.seconds_to_wait("b") == 0
    clock[0] = 0.5
    assert [limit.seconds_to_wait("a") for _ in range(2)] == [0, 0.5]
    clock[0] = 100
    assert [limit.seconds_to_wait("a") for _ in range(3)] == [0, 0, 0.5]
    for number in range(KNOWN_CALLERS + 5):
        limit.seconds_to_wait(str(number))
    assert len(limit.buckets) == KNOWN_CALLERS


def test_metrics_count_by_route_and_name_nobody(publish: Publish, open_api: Open) -> None:
    publish(0)
    api = open_api()
    for path in (
        "/v1/recommendations/u1-secret",
        "/v1/search-recommendations?q=secret",
        "/v1/recommendations/u1?k=0",
        "/no",
    ):
        api.get(path)
    said = api.get("/metrics").text
    line = 'treasure_hunt_requests_total{route="/v1/recommendations/{user:text}",served_reason="popular",status="200"}'
    assert line in said
    assert 'served_reason="",status="422"' in said
    assert f'version="{describe().version}"' in said
    assert "treasure_hunt_data_age_seconds" in said and "treasure_hunt_database_up 1.0" in said
    assert "treasure_hunt_request_seconds_bucket" in said
    assert "secret" not in said


def test_openapi_shows_an_example_of_each_answer(open_api: Open) -> None:
    paths = open_api().get("/openapi.json").json()["paths"]
    for path in ("/v1/recommendations/{user}", "/v1/search-recommendations", "/v1/similar/{item}"):
        described = paths[path]["get"]
        assert described["description"] and described["summary"]
        for status in ("200", "401", "422", "429", "503"):
            assert described["responses"][status]["content"]["application/json"]["example"]


def test_connections_cannot_write(serving_url: str, publish: Publish) -> None:
    publish(0)
    engine = connect_readers(serving_url, 1, 500)
    with engine.connect() as connection, pytest.raises(Exception, match=r"(?i)read-?only"):
        connection.execute(text("delete from live"))
    engine.dispose()


def test_statements_end_when_the_patience_does(postgres_url: str) -> None:
    engine = connect_readers(postgres_url, 1, 200)
    with engine.connect() as connection, pytest.raises(Exception, match="statement timeout"):
        connection.execute(text("select pg_sleep(5)"))
    engine.dispose()


def test_a_crowd_of_readers_is_no_database_that_is_away(
    publish: Publish, open_api: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waited for a connection in vain gets the popular list; the next one asks the database again."""
    publish(0)
    api, reading = open_api(), ListReader.reading

    def crowded(reader: ListReader, asked: Any) -> Steps[Any]:
        monkeypatch.setattr(ListReader, "reading", reading)
        raise busy(reader.engine)

    assert not api.get("/v1/recommendations/u1").json()["is_degraded"]
    monkeypatch.setattr("pipeline.api.desk.LOOK_SECONDS", 60)
    monkeypatch.setattr(ListReader, "reading", crowded)
    answers = [api.get("/v1/recommendations/u1").json() for _ in range(2)]
    assert [answer["is_degraded"] for answer in answers] == [True, False]
    assert [answer["served_reason"] for answer in answers] == ["popular", "personal"]


def test_nobody_is_sent_behind_the_learning_of_queries(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a connection of its own for as long as it takes, and looks and reads share theirs."""
    engine = connect(postgres_url)
    publish_version(engine, describe(), write_tables(tmp_path / "draft", small_version()))
    engine.dispose()
    asked: list[tuple[str, bool]] = []
    follow = Lines.follow

    async def noting(lines: Lines, steps: Any, *rest: Any, is_long: bool = False) -> Any:
        asked.append((steps.gi_code.co_name, is_long))
        return await follow(lines, steps, *rest, is_long=is_long)

    monkeypatch.setattr(Lines, "follow", noting)
    with TestClient(make_app(load_settings(home=tmp_path / "var", serving_url=postgres_url))) as api:
        assert api.get("/v1/recommendations/u1").json()["served_reason"] == "personal"
        wait_for(lambda: any(name == "learning" for name, _ in asked))
    assert {name for name, is_long in asked if is_long} == {"learning"}
    assert {name for name, is_long in asked if not is_long} == {"refreshing", "reading"}


@pytest.fixture
def line_to_postgres(postgres_url: str, tmp_path: Path) -> Iterator[Any]:
    """A line to this test's database that can be cut, and the URL through it."""
    parts = urlsplit(postgres_url)
    folder = parts.query.removeprefix("host=")
    sockets = [str(path) for path in Path(folder).glob(".s.PGSQL.*") if path.suffix != ".lock"]
    with proxy(sockets[0]) as line:
        yield line, f"postgresql://postgres@127.0.0.1:{line.port}{parts.path}"


@pytest.mark.parametrize("is_cut", [True, False], ids=["cut", "silent"])
def test_while_the_database_is_away_the_popular_list_is_served_and_soon_after_all_lists(
    postgres_url: str, line_to_postgres: Any, tmp_path: Path, is_cut: bool, caplog: pytest.LogCaptureFixture
) -> None:
    engine = connect(postgres_url)
    publish_version(engine, describe(), write_tables(tmp_path / "draft", small_version()))
    engine.dispose()
    line, url = line_to_postgres
    settings = load_settings(home=tmp_path / "var", serving_url=url, api_patience_ms=300, api_connections=1)
    with TestClient(make_app(settings)) as api, caplog.at_level(logging.WARNING):
        assert api.get("/v1/recommendations/u1").json()["served_reason"] == "personal"
        line.reset(limit=0, is_cut=is_cut)
        slowest = 0.0
        for _ in range(20):
            begun = time.monotonic()
            answer = api.get("/v1/recommendations/u1")
            slowest = max(slowest, time.monotonic() - begun)
            body = answer.json()
            assert (answer.status_code, body["served_reason"], body["is_degraded"]) == (200, "popular", True)
            assert answer.headers["x-degraded"] == "true"
            assert len(body["rows"]) == 3
            time.sleep(0.05)
        assert slowest < 3
        away = api.get("/ready")
        assert away.status_code == 503
        assert "treasure_hunt_database_up 0.0" in api.get("/metrics").text
        line.reset()
        wait_for(lambda: api.get("/v1/recommendations/u1").json()["served_reason"] == "personal", 20)
        assert api.get("/ready").status_code == 200
    assert "answers again" in caplog.text
    assert "u1" not in caplog.text


@pytest.mark.parametrize("is_own_process", [True, False], ids=["served", "embedded"])
def test_what_a_process_of_its_own_holds_for_a_version_is_looked_through_by_no_later_collection(
    is_own_process: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'serving.db'}"
    monkeypatch.setenv("TREASURE_HUNT_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("TREASURE_HUNT_SERVING_URL", url)
    monkeypatch.setattr("pipeline.api.desk.LOOK_SECONDS", 0.01)
    kept: list[int] = []
    monkeypatch.setattr("pipeline.api.desk.gc.freeze", lambda: kept.append(gc.get_count()[0]))
    engine = connect(url)
    files = write_tables(tmp_path / "draft", small_version())
    publish_version(engine, describe(), files)
    with TestClient(make_app(None if is_own_process else load_settings())):
        wait_for(lambda: bool(kept) or not is_own_process)
        time.sleep(0.1)  # looks go on
        publish_version(engine, describe(1), files)
        wait_for(lambda: len(kept) > 1 or not is_own_process)
        time.sleep(0.1)
    engine.dispose()
    assert len(kept) == (2 if is_own_process else 0)


def test_serve_answers_over_http_and_ends_cleanly(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'serving.db'}")
    publish_version(engine, describe(), write_tables(tmp_path / "draft", small_version()))
    engine.dispose()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**os.environ, "TREASURE_HUNT_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--port", str(port), "--workers", "2"]
    served = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that its workers end with it whatever happens here
    )
    try:
        wait_for(lambda: is_up(f"http://127.0.0.1:{port}/ready"), 60)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/recommendations/canary%2Fuser") as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert "treasure_hunt_requests_total" in answer.read().decode()
        served.send_signal(signal.SIGTERM)
        said, _ = served.communicate(timeout=20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(served.pid, signal.SIGKILL)
    assert "Traceback" not in said and "canary" not in said
    assert f"http://127.0.0.1:{port}/docs" in said


def test_figures_are_read_again_when_a_process_has_just_begun_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "counter_1.db"
    begun.touch()  # as prometheus_client makes it, before it has a length
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    reader = SimpleNamespace(read_without_database=lambda asked: None, seen=None)
    later = Timer(0.05, lambda: begun.write_bytes((8).to_bytes(8, "little").ljust(1024, b"\0")))
    later.start()
    try:
        told = metrics.scrape(SimpleNamespace(trouble=None, reader=reader))  # type: ignore[arg-type]
    finally:
        later.join()
    assert b"treasure_hunt_database_up 1.0" in told


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
