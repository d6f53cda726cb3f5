"""The plugin that shows the report pages in Airflow's UI: to who is logged in, and nothing but pages."""

import importlib.util
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.comparison.places import page_of

PAGE = "<!doctype html><title>a page</title>"
COMPARED = "/run?dag_id=treasure_hunt_comparison&run_id=b"


@pytest.fixture
def plugin() -> Any:
    """The plugin's module, as Airflow loads it."""
    path = Path(__file__).parents[2] / "plugins" / "treasure_hunt_reports.py"
    spec = importlib.util.spec_from_file_location("treasure_hunt_reports", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A page of an hour and the index; beside the reports, what nobody may get."""
    folder = tmp_path / "reports" / "shop"
    (folder / "2025-03-01").mkdir(parents=True)
    (folder / "2025-03-01" / "10.html").write_text(PAGE)
    (folder / "2025-03-01" / "10.json").write_text("{}")
    (folder / "index.html").write_text(PAGE)
    (tmp_path / "secret.html").write_text("secret")
    (folder / "linked.html").symlink_to(tmp_path / "secret.html")
    return folder


@pytest.fixture
def outside(plugin: Any, airflow_database: None) -> Any:
    """A browser that is not logged in."""
    from fastapi.testclient import TestClient

    return TestClient(plugin.answer, follow_redirects=False)


@pytest.fixture
def inside(plugin: Any, outside: Any) -> Iterator[Any]:
    """A browser that is logged in."""
    from airflow.api_fastapi.core_api.security import get_user

    app = plugin.make_app()
    app.dependency_overrides[get_user] = lambda: "somebody"
    yield outside
    app.dependency_overrides.clear()


@pytest.mark.parametrize(
    "path", ["/", "/shop/index.html", "/shop/2025-03-01/10.html", "/run?dag_id=a&run_id=b", "/no", COMPARED]
)
def test_nobody_gets_a_page_without_a_login(outside: Any, reports: Path, path: str) -> None:
    assert outside.get(path).status_code == 401


def test_who_is_logged_in_gets_the_pages_and_they_can_load_nothing(inside: Any, reports: Path) -> None:
    assert inside.get("/").headers["location"] == "/treasure-hunt-reports/shop/index.html"
    for path in ("/shop/index.html", "/shop/2025-03-01/10.html"):
        got = inside.get(path)
        assert (got.status_code, got.text) == (200, PAGE)
        assert got.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.html",
        "/%2e%2e/secret.html",
        "/shop/..%2f..%2fsecret.html",
        "/shop/linked.html",
        "/shop/2025-03-01/10.json",
        "/shop/2025-03-01",
        "//etc/passwd",
        "/openapi.json",
        "/docs",
    ],
)
def test_nothing_but_pages_of_reports_is_given_out(inside: Any, reports: Path, path: str) -> None:
    got = inside.get(path)
    assert got.status_code == 404
    assert "secret" not in got.text


def test_a_run_leads_to_the_page_of_its_hour(inside: Any, plugin: Any, reports: Path) -> None:
    from airflow.api_fastapi.common.db.common import _get_session

    class Session:
        """Knows the logical date of every run."""

        def scalar(self, asked: Any) -> datetime:
            return datetime(2025, 3, 1, 10, 20, tzinfo=UTC)

    plugin.make_app().dependency_overrides[_get_session] = Session
    got = inside.get("/run", params={"dag_id": "treasure_hunt_hourly", "run_id": "backfill__2025"})
    assert got.headers["location"] == "/treasure-hunt-reports/shop/2025-03-01/10.html"
    assert inside.get("/run", params={"dag_id": "another", "run_id": "x"}).status_code == 404
    (reports / "2025-03-01" / "10.html").unlink()
    got = inside.get("/run", params={"dag_id": "treasure_hunt_hourly", "run_id": "x"})
    assert (got.status_code, "has no report yet" in got.text) == (404, True)


def test_a_comparison_shows_its_own_page_and_nothing_else_of_its_folder(
    inside: Any, plugin: Any, tmp_path: Path
) -> None:
    from airflow.api_fastapi.common.db.common import _get_session

    run = "manual__2026-01-05T10:00:00+00:00"
    page = page_of(tmp_path, run)
    others = [
        tmp_path / "comparisons" / name for name in ("judgement.html", "judged/judgement.html", "logs/a/log.html")
    ]
    for path in (page, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGE if path == page else "secret")
    plugin.make_app().dependency_overrides[_get_session] = lambda: None
    asked = {"dag_id": "treasure_hunt_comparison", "run_id": run}
    got = inside.get("/run", params=asked)
    assert (got.status_code, got.text) == (200, PAGE)
    assert got.headers["content-security-policy"].startswith("default-src 'none'")
    for other in ("another", "..", "../logs/a", f"../judged/{run}"):
        got = inside.get("/run", params=asked | {"run_id": other})
        assert (got.status_code, "has no page yet" in got.text) == (404, True)
    for path in ("/comparisons/logs/a/log.html", "/..%2fcomparisons%2flogs%2fa%2flog.html"):
        assert inside.get(path).status_code == 404


def test_loading_the_plugin_imports_no_web_framework(plugin: Any) -> None:
    """Every task process loads it."""
    source = Path(plugin.__file__).read_text()
    top = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert [line for line in top if "airflow" in line] == ["from airflow.plugins_manager import AirflowPlugin"]
    assert not [line for line in top if "fastapi" in line or "pipeline" in line]
