"""The look-up page in a real browser: log in, look a user up beside an older version, follow links, log out."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright
from small_shop import open_small_shop
from sqlalchemy import select

from pipeline.hours import HOUR, parse_hour
from pipeline.line import choose_stages, run_stages
from pipeline.serving.database import connect, reading
from pipeline.serving.schema import live, user_recommendations

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FIRST = parse_hour("2025-06-01T10")
PASSWORD = "correct horse battery"
MOST_MILLISECONDS = 200

pytestmark = [pytest.mark.ui, pytest.mark.timeout(300)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address of `treasure-hunt serve` over two hours of a small shop, and a user with a list that rests on a search."""
    settings = open_small_shop(tmp_path / "var", FIRST, 2, data_docs=False)
    for hour in (FIRST, FIRST + HOUR):
        list(run_stages(choose_stages(None), hour, settings))
    engine = connect(settings.serving)
    with reading(engine) as connection:
        user = connection.scalar(
            select(user_recommendations.c.user_id)
            .join(live, live.c.version == user_recommendations.c.version)
            .where(user_recommendations.c.reason.like('["searched",%'))
            .order_by(user_recommendations.c.user_id)
        )
    engine.dispose()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings_of_it = {"TREASURE_HUNT_HOME": str(settings.home), "TREASURE_HUNT_LOOKUP_PASSWORD": PASSWORD}
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, **settings_of_it})
    try:
        for _ in range(600):
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2).close()
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", user
    finally:
        process.terminate()
        process.wait(20)


def test_somebody_of_the_shop_looks_up_a_user_and_follows_what_they_did(
    served: tuple[str, str], tmp_path: Path
) -> None:
    address, user = served
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, color_scheme="light")
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.set_default_timeout(20_000)
        page.goto(f"{address}/look?kind=user&of={user}")
        page.get_by_label("Password").fill("not this one")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_label("Id or text").fill(user)
        page.get_by_label("beside").select_option(index=2)  # no other, the live one, the one before
        page.get_by_role("button", name="Look", exact=True).click()
        expect(page.get_by_role("heading", name="What they did")).to_be_visible()
        expect(page.get_by_role("heading", name="What is shown")).to_be_visible()
        expect(page.get_by_role("heading", name="What this version holds")).to_be_visible()
        expect(page.get_by_text("because you searched for").first).to_be_visible()
        page.screenshot(path=tmp_path / "user.png")

        took = []
        for _ in range(10):
            begun = time.perf_counter()
            assert page.request.get(page.url).ok
            took.append((time.perf_counter() - begun) * 1000)
        assert sorted(took)[len(took) // 2] <= MOST_MILLISECONDS

        page.get_by_role("row").filter(has_text="searched").get_by_role("link").first.click()
        expect(page.get_by_role("heading", name="Query ")).to_be_visible()
        page.get_by_role("table").get_by_role("link").first.click()
        expect(page.get_by_role("heading", name="In the catalog")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        page.goto(f"{address}/look?kind=user&of={user}")
        expect(page.get_by_label("Password")).to_be_visible()
        assert [text for text in said if "401" not in text] == []  # the wrong password is one
        browser.close()
