"""An engineer's way: a backfill of six hours through the dialog of Airflow's UI, in a real browser.

Run by `make test-ui`; needs Debian's Chromium (`apt-get install chromium`, or CHROMIUM naming another).
Leaves the pictures that the documentation shows.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from small_shop import open_small_shop, published

from pipeline.demo import airflow_server
from pipeline.demo.airflow_client import AirflowClient
from pipeline.demo.airflow_server import Login
from pipeline.hours import HOUR, format_hour, hours_between, parse_hour
from pipeline.settings import Settings

PICTURES = Path(__file__).parents[2] / "docs" / "img"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FIRST, LAST = parse_hour("2025-06-01T02"), parse_hour("2025-06-01T07")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
]

pytestmark = [pytest.mark.ui, pytest.mark.timeout(600)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return open_small_shop(tmp_path / "var", FIRST - 2 * HOUR, 8)


@pytest.fixture
def airflow(settings: Settings) -> Iterator[tuple[AirflowClient, Login]]:
    with airflow_server.airflow_running(settings) as client:
        yield client, airflow_server.login(settings)


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme="light", timezone_id="UTC")
        page.set_default_timeout(30_000)
        yield page
        browser.close()


def test_dialog_recomputes_six_hours_in_order(
    page: Page, settings: Settings, airflow: tuple[AirflowClient, Login]
) -> None:
    client, login = airflow
    page.goto(f"{login.url}/dags/treasure_hunt_hourly")
    page.fill("input[name=username]", login.user)
    page.fill("input[name=password]", login.password)
    page.get_by_role("button", name="Sign in").click()

    page.get_by_test_id("trigger-dag-button").first.click()
    page.get_by_text("Run this Dag for a range of dates").click()
    for hour in (FIRST, LAST):
        page.get_by_text(
            "Select date and time"
        ).first.click()  # the other calendar may still be fading: the last is ours
        page.get_by_placeholder("YYYY/MM/DD").locator("visible=true").last.fill(f"{hour:%Y/%m/%d}")
        page.get_by_placeholder("HH:mm").locator("visible=true").last.fill(f"{hour:%H:%M}")
        page.keyboard.press("Tab")
        page.get_by_text("Date Range").click()  # closes the calendar
        expect(page.get_by_text(f"{hour:%b %d, %Y %H:%M}")).to_be_visible()
    page.get_by_text("All Runs", exact=True).click()
    expect(page.get_by_text("6 runs will be triggered.")).to_be_visible()
    page.screenshot(path=PICTURES / "backfill-dialog.png")
    page.get_by_role("button", name="Run Backfill").click()

    deadline = time.monotonic() + 60
    while not any(client.runs(one) for one in client.open_backfills()) and time.monotonic() < deadline:
        time.sleep(0.2)  # it is there before its runs are
    (backfill,) = client.open_backfills()
    runs = client.wait(backfill)
    hours = [format_hour(hour) for hour in hours_between(FIRST, LAST)]
    assert [(run.hour, run.state) for run in runs] == [(hour, "success") for hour in hours]
    assert published(settings) == [
        {"hour": hour, "status": "published", "is_live": hour == hours[-1]} for hour in hours
    ]

    page.goto(f"{login.url}/dags/treasure_hunt_hourly")
    show_finished(page)
    page.screenshot(path=PICTURES / "run-grid.png")
    page.goto(f"{login.url}/dags/treasure_hunt_hourly/runs/{runs[-1].run_id}")
    page.get_by_label("Show Graph (Press g)").click()
    show_finished(page)
    page.screenshot(path=PICTURES / "run-graph.png")


def show_finished(page: Page) -> None:
    """The page has drawn the stages and has come to rest."""
    expect(page.get_by_text("publish").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(2000)  # charts and graphs are animated
