"""The report pages inside Airflow's UI: the last hours in the menu, and on every run a tab with the page of its hour, or
with that of its comparison.

Airflow mounts such routes without its login, so every request is asked for it here. All of Airflow's processes load this
file; what only its API server needs is imported with the first request.
"""

from functools import cache
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/treasure-hunt-reports"
# A page loads nothing and runs nothing, whatever stands in it.
HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:"}


@cache
def make_app() -> Any:
    """The routes: the pages below `<home>/reports`, a redirect from a run to the page of its hour, and pages of comparisons.

    Of `<home>/comparisons`, where logs and bundles with user ids are, nothing is given out but the page of a run.
    """
    from airflow.api_fastapi.common.db.common import SessionDep
    from airflow.api_fastapi.core_api.security import get_user
    from airflow.models.dagrun import DagRun
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import FileResponse, RedirectResponse, Response
    from sqlalchemy import select

    from pipeline.comparison.places import page_of
    from pipeline.hours import floor_hour
    from pipeline.report.files import page_path
    from pipeline.settings import load_settings

    app = FastAPI(dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/run")
    def show_run(dag_id: str, run_id: str, session: SessionDep) -> Response:
        settings = load_settings()
        if dag_id == "treasure_hunt_comparison":
            page = page_of(settings.home, run_id)
            if not page.is_file():
                raise HTTPException(
                    404, "this comparison has no page yet; its task `judge` writes it when all arms ran"
                )
            return FileResponse(page, headers=HEADERS)
        asked = select(DagRun.logical_date).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        moment = session.scalar(asked)
        if dag_id != "treasure_hunt_hourly" or moment is None:
            raise HTTPException(404, "this run computes no hour and compares nothing, so it has no report")
        page = page_path(settings.reports, floor_hour(moment))
        if not page.is_file():
            raise HTTPException(
                404, "this hour has no report yet; its task `report` writes it when the others are done"
            )
        return RedirectResponse(f"{PREFIX}/{page.relative_to(settings.home / 'reports')}")

    @app.get("/")
    def show_last_hours() -> RedirectResponse:
        return RedirectResponse(f"{PREFIX}/{load_settings().source}/index.html")

    @app.get("/{path:path}")
    def show_page(path: str) -> FileResponse:
        folder = (load_settings().home / "reports").resolve()
        page = (folder / path).resolve()
        if not page.is_relative_to(folder) or page.suffix != ".html" or not page.is_file():
            raise HTTPException(404, "there is no such report; pages are written when an hour has run")
        return FileResponse(page, headers=HEADERS)

    return app


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Answer one request."""
    await make_app()(scope, receive, send)


class TreasureHuntReports(AirflowPlugin):
    """A menu entry and a tab on every run."""

    name = "treasure_hunt_reports"
    fastapi_apps: ClassVar[list[Any]] = [{"app": answer, "url_prefix": PREFIX, "name": "Treasure Hunt reports"}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Treasure Hunt reports",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "url_route": "treasure_hunt_reports",
        },
        {
            "name": "Report",
            "href": f"{PREFIX}/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "treasure_hunt_report",
        },
    ]
