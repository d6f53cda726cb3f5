"""A comparison from the form of Airflow's UI to the page in the tab of its run, in a real browser, by day and by night.

Leaves the pictures that the documentation shows.
"""

import os
import shutil
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pipeline.demo import airflow_server
from pipeline.demo.airflow_server import Login
from pipeline.settings import load_settings

PICTURES = Path(__file__).parents[2] / "docs" / "img"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
ASKED = {"hours": "12", "users": "60", "log_seed": "1", "horizon": "4"}
ARMS = ("batch 1h", "batch 4h", "stream (reference on batch 1h)", "popular only (batch 1h)", "do nothing (batch 1h)")
LONGEST = 900  # seconds

pytestmark = [pytest.mark.ui, pytest.mark.timeout(LONGEST + 300)]


def open_page(browser: Browser, login: Login, path: str, scheme: str) -> Page:
    """A page of the UI, logged in."""
    page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme=scheme, timezone_id="UTC")
    page.set_default_timeout(60_000)
    page.goto(f"{login.url}{path}")
    page.fill("input[name=username]", login.user)
    page.fill("input[name=password]", login.password)
    page.get_by_role("button", name="Sign in").click()
    return page


def test_a_comparison_is_asked_for_by_the_form_and_its_page_stands_in_the_tab(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "var")
    with airflow_server.airflow_running(settings), sync_playwright() as playwright:
        login = airflow_server.login(settings)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = open_page(browser, login, "/dags/treasure_hunt_comparison", "light")
        page.get_by_test_id("trigger-dag-button").first.click()
        for name, value in ASKED.items():
            page.locator(f"input[name=element_{name}]").fill(value)
            page.keyboard.press("Tab")
        page.get_by_role("button", name="Trigger").last.click()
        page.wait_for_url("**/runs/manual__*")
        path = page.url.removeprefix(login.url)

        page.get_by_role("link", name="Report", exact=True).click()
        expect(page.frame_locator("iframe").get_by_text("this comparison has no page yet")).to_be_visible()
        deadline = time.monotonic() + LONGEST
        while not page.get_by_text("Success", exact=True).count():
            assert not page.get_by_text("Failed", exact=True).count() and time.monotonic() < deadline
            page.wait_for_timeout(2000)

        for scheme in ("light", "dark"):
            page = open_page(browser, login, path, scheme)
            expect(page.get_by_text("stream-of-batch-1h-0")).to_be_visible()
            page.get_by_role("link", name="Report", exact=True).click()
            report = page.frame_locator("iframe")
            expect(report.get_by_role("heading", name="5 arms on the log shop")).to_be_visible()
            for arm in ARMS:
                expect(report.get_by_role("cell", name=arm, exact=True).first).to_be_visible()
            page.screenshot(path=PICTURES / "comparison-tab.png" if scheme == "light" else tmp_path / "dark.png")
        browser.close()
    folders = [path.name for path in (settings.home / "comparisons" / "judged").iterdir()]
    assert folders == [path.rpartition("/")[2].replace("%3A", ":").replace("%2B", "+")]
