"""The look-up page: behind its login, what a version shows and what a user did, and nothing for anybody else."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from handmade_shop import FIRST, event, ingest, item, landed_path, open_shop
from serving_world import HOUR as PUBLISHED_HOUR
from serving_world import describe, small_version, write_tables
from starlette.testclient import TestClient

from pipeline.api.app import make_app
from pipeline.api.lookup import login as logins
from pipeline.api.lookup import recent
from pipeline.cli_serve import serve
from pipeline.errors import BadInput, Unreachable
from pipeline.hours import HOUR
from pipeline.serving.database import connect
from pipeline.serving.publish import publish_version
from pipeline.settings import load_settings

PASSWORD = "correct horse battery"


@pytest.fixture
def client(serving_url: str, tmp_path: Path) -> Iterator[TestClient]:
    """The API with a look-up page, over two versions: in the older one u1's two items stand the other way round."""
    older = small_version()
    older["user_recommendations"]["item_id"] = ["b", "a", "c"]
    engine = connect(serving_url)
    publish_version(engine, describe(0), write_tables(tmp_path / "older", older))
    publish_version(engine, describe(1), write_tables(tmp_path / "newer", small_version()))
    engine.dispose()
    settings = load_settings(home=tmp_path / "var", serving_url=serving_url, lookup_password=PASSWORD)
    with TestClient(make_app(settings), follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def inside(client: TestClient) -> TestClient:
    """The same, logged in."""
    assert client.post("/look/login", data={"password": PASSWORD}).status_code == 303
    return client


def test_without_a_password_in_the_settings_there_is_no_page(serving_url: str, tmp_path: Path) -> None:
    with TestClient(make_app(load_settings(home=tmp_path / "var", serving_url=serving_url))) as api:
        assert api.get("/look").status_code == api.get("/look/login").status_code == 404


def test_a_password_that_can_be_guessed_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="shorter than 12 characters"):
        make_app(load_settings(home=tmp_path / "var", lookup_password="guess me"))


def test_serve_says_before_it_serves_that_a_password_can_be_guessed_or_a_port_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TREASURE_HUNT_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadInput, match=r"cannot be used: .*--port"):
        serve("127.0.0.1", taken.getsockname()[1], 1)
    monkeypatch.setenv("TREASURE_HUNT_LOOKUP_PASSWORD", "guess me")
    with pytest.raises(BadInput, match="shorter than 12 characters"):
        serve("127.0.0.1", 1, 2)
    assert capsys.readouterr().out == ""


def test_nobody_sees_anything_before_the_password(client: TestClient) -> None:
    for path in ("/look", "/look?kind=user&of=u1", "/look?kind=query&of=gears+of+war"):
        answer = client.get(path)
        assert answer.status_code == 303 and answer.headers["location"].startswith("/look/login?where=%2Flook")
        assert not answer.content
    assert "HALO" not in client.get("/look/login").text


@pytest.mark.parametrize("given", ["", "correct horse batterz", PASSWORD + " ", "x" * 5000])
def test_a_wrong_password_opens_nothing(client: TestClient, given: str) -> None:
    answer = client.post("/look/login", data={"password": given})
    assert answer.status_code == 401 and "That is not the password." in answer.text
    assert "set-cookie" not in answer.headers and client.get("/look").status_code == 303


def test_passwords_cannot_be_tried_in_a_row(client: TestClient) -> None:
    for _ in range(logins.TRIES_AT_ONCE):
        assert "not the password" in client.post("/look/login", data={"password": "wrong"}).text
    answer = client.post("/look/login", data={"password": PASSWORD})
    assert "Too many tries; wait 2 s." in answer.text
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")


@pytest.mark.parametrize("cookie", ["in", "in.AAAA.BBBB", ""])
def test_a_made_up_cookie_opens_nothing(client: TestClient, cookie: str) -> None:
    client.cookies.set(logins.COOKIE, cookie, path="/look")
    assert client.get("/look").status_code == 303


def test_a_login_ends_after_its_time_with_another_password_and_by_hand(
    inside: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = inside.cookies[logins.COOKIE]
    assert inside.get("/look").status_code == 200
    monkeypatch.setattr(logins, "SECONDS", -1)
    assert inside.get("/look").status_code == 303
    monkeypatch.undo()
    assert not logins.Login("another long password").signer.validate(cookie)
    assert logins.Login(PASSWORD).signer.validate(cookie)
    inside.post("/look/out")
    assert inside.get("/look").status_code == 303


def test_the_cookie_is_kept_from_scripts_and_other_sites(client: TestClient) -> None:
    said = client.post("/look/login", data={"password": PASSWORD}).headers["set-cookie"]
    assert "HttpOnly" in said and "SameSite=strict" in said and "Path=/look" in said


@pytest.mark.parametrize("where", ["https://elsewhere.example/", "//elsewhere.example", "/look.example", "/v1"])
def test_the_login_leads_nowhere_else(client: TestClient, where: str) -> None:
    answer = client.post("/look/login", data={"password": PASSWORD, "where": where})
    assert answer.headers["location"] == "/look"


def test_the_login_leads_on_to_what_was_asked_for(client: TestClient) -> None:
    asked = client.get("/look?kind=user&of=u1").headers["location"]
    form = client.get(asked).text
    assert 'name="where" value="/look?kind=user&amp;of=u1"' in form
    again = client.post("/look/login", data={"password": "mistyped", "where": "/look?kind=user&of=u1"}).text
    assert 'name="where" value="/look?kind=user&amp;of=u1"' in again
    answer = client.post("/look/login", data={"password": PASSWORD, "where": "/look?kind=user&of=u1"})
    assert answer.headers["location"] == "/look?kind=user&of=u1"


def test_nothing_is_loaded_framed_or_kept_by_the_browser(inside: TestClient) -> None:
    headers = inside.get("/look?of=u1").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_a_users_list_stands_with_its_reasons(inside: TestClient) -> None:
    text = inside.get("/look?kind=user&of=u1").text
    assert "What is shown" in text and "HALO 3" in text and "because you searched for &#x27;gears of war&#x27;" in text
    assert "because you bought HALO 3" in text and "19.99 USD" in text
    assert "No hour&#x27;s events are on this machine" in text


def test_an_unknown_user_gets_what_everybody_gets(inside: TestClient) -> None:
    text = inside.get("/look?kind=user&of=nobody").text
    assert text.count("popular right now") == 3 and "own list" not in text


def test_an_item_stands_with_its_facts_and_what_goes_with_it(inside: TestClient) -> None:
    text = inside.get("/look?kind=item&of=gone").text
    assert "<td>no</td>" in text and "5.00 USD" in text and "HALO 3" in text
    assert "does not know the item" in inside.get("/look?kind=item&of=nothing").text


def test_a_query_is_found_in_any_spelling(inside: TestClient) -> None:
    text = inside.get("/look", params={"kind": "query", "of": " GEARS  of War"}).text
    assert "Query gears of war" in text and "of this search" in text


def test_two_versions_stand_side_by_side_with_what_moved(inside: TestClient) -> None:
    older, newer = describe(0).version, describe(1).version
    text = inside.get("/look", params={"of": "u1", "version": newer, "beside": older}).text
    assert text.index("What is shown") < text.index("What this version holds")
    assert text.count("▲ 1") == text.count("▼ 1") == 1 and f"3 of 3 items stood in {older} too" in text
    alone = inside.get("/look", params={"of": "u1", "version": older}).text
    assert "What this version holds" in alone and "What is shown" not in alone and "▲" not in alone


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"of": "u1", "version": "2026-01-01T13-000000000000"}, "there is no version"),
        ({"of": "u1", "beside": "'; drop table live"}, "there is no version"),
        ({"of": "x" * 513}, "at most 512 are looked at"),
        ({"of": "nul\0"}, "NUL character"),
        ({"of": "u1", "kind": "sock"}, "choose a user, an item or a query"),
    ],
)
def test_what_cannot_be_looked_up_is_said_in_one_sentence(
    inside: TestClient, asked: dict[str, str], sentence: str
) -> None:
    answer = inside.get("/look", params=asked)
    assert answer.status_code == 422 and sentence in answer.text
    assert "<select" in answer.text  # and what there is to choose


def test_what_is_typed_is_text_and_nothing_else(inside: TestClient) -> None:
    for kind in ("user", "item", "query"):
        text = inside.get("/look", params={"kind": kind, "of": "<b>bold</b>"}).text
        assert "&lt;b&gt;bold&lt;/b&gt;" in text and "<b>bold" not in text


def test_before_anything_is_published_the_page_says_so(serving_url: str, tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "var", serving_url=serving_url, lookup_password=PASSWORD)
    with TestClient(make_app(settings)) as api:
        answer = api.post("/look/login", data={"password": PASSWORD})
        assert answer.status_code == 503 and "nothing is published yet" in answer.text


def test_events_of_a_user_are_read_newest_first_and_as_far_back_as_time_allows(tmp_path: Path) -> None:
    log = [event("search", "u1", "halo 3", 0), event("click", "u1", "a", 0, 2), event("click", "u2", "a", 0, 3)]
    log += [event("purchase", "u1", "a", 13), event("click", "u2", "b", 13)]
    settings = open_shop(tmp_path / "var", [item("a"), item("b")], log)
    ingest(settings, 14)
    newest = FIRST + 13 * HOUR
    found = recent.read_recent(settings, "u1", newest, patience=60)
    assert [(one["event_type"], one["query"] or one["item_id"]) for one in found.events] == [
        ("purchase", "a"),
        ("click", "a"),
        ("search", "halo 3"),
    ]
    assert found.hours == 14 and found.since is not None and found.since <= FIRST
    short = recent.read_recent(settings, "u1", newest, patience=0)
    assert [one["event_type"] for one in short.events] == ["purchase"]
    assert (short.hours, short.since, short.is_cut) == (recent.TOGETHER, newest - 11 * HOUR, True)
    assert not found.is_cut
    assert recent.read_recent(settings, "nobody", newest, patience=60).events == []
    assert recent.read_recent(settings, "u1", PUBLISHED_HOUR - timedelta(days=400)) == recent.Recent([], None, 0)


def test_events_that_cannot_be_read_are_named_in_one_sentence(tmp_path: Path) -> None:
    settings = open_shop(tmp_path / "var", [item("a")], [event("click", "u1", "a")])
    ingest(settings)
    landed_path(settings, "events").write_bytes(b"no parquet")
    with pytest.raises(Unreachable, match="an hour's events cannot be read"):
        recent.read_recent(settings, "u1", FIRST)
