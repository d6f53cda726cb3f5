"""A blocked hour in a real Airflow: the run is red, its report is written all the same, and its tab shows the page."""

import os
import shutil
import sqlite3
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright
from small_shop import open_small_shop

from pipeline.demo import airflow_server
from pipeline.hours import HOUR, parse_hour

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FIRST = parse_hour("2025-06-01T10")

pytestmark = [pytest.mark.ui, pytest.mark.timeout(600)]


def test_a_blocked_hour_is_red_and_its_report_stands_in_its_tab(tmp_path: Path) -> None:
    settings = open_small_shop(tmp_path / "var", FIRST, 2, gate_min_rows=100)
    with sqlite3.connect(settings.shop_url.removeprefix("sqlite:///")) as shop:
        shop.execute("update events set event_type = 'veiw' where ingested_at >= '2025-06-01 11' and row_id % 5 = 0")
    with airflow_server.airflow_running(settings) as client:
        runs = client.wait(client.backfill(FIRST, FIRST + HOUR))
        assert [run.state for run in runs] == ["success", "failed"]
        states = [{task.stage: task.state for task in run.tasks} for run in runs]
        assert (states[1]["ingest_events"], states[1]["publish"]) == ("failed", "upstream_failed")
        assert [state["report"] for state in states] == ["success", "success"]

        login = airflow_server.login(settings)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{login.url}/treasure-hunt-reports/shop/index.html")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme="light", timezone_id="UTC")
            page.set_default_timeout(30_000)
            page.goto(f"{login.url}/dags/treasure_hunt_hourly/runs/{runs[1].run_id}")
            page.fill("input[name=username]", login.user)
            page.fill("input[name=password]", login.password)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("link", name="Report", exact=True).click()
            report = page.frame_locator("iframe")
            expect(report.get_by_role("heading", name="ingest_events failed")).to_be_visible()
            expect(report.get_by_text("The last good version keeps serving")).to_be_visible()
            page.screenshot(path=tmp_path / "tab.png")
            report.get_by_role("link", name="all hours").click()
            expect(report.get_by_text("Events by hour")).to_be_visible()
            browser.close()
