"""The routes under /look: plain HTML from functions that the server runs in threads of their own."""

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pipeline.api.lookup import page
from pipeline.api.lookup.login import START, Login, leave, stay_inside
from pipeline.api.lookup.look import Looker, Version
from pipeline.errors import BadInput, TreasureHuntError

router = APIRouter(prefix=START, include_in_schema=False)


@router.get("")
async def look(
    request: Request,
    kind: str = "user",
    of: str = "",
    version: str = "",
    beside: str = page.NONE,
) -> Response:
    """What was asked for, or the form; the login for whoever has not logged in."""
    if not request.app.state.login.knows(request):
        where = START + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{START}/login?" + urlencode({"where": where}), 303)
    return await run_in_threadpool(_look, request.app.state.looker, kind, of.strip(), version, beside)


@router.get("/login")
async def ask_password(where: str = START) -> Response:
    """The login."""
    return _answer(page.login_page(stay_inside(where)))


@router.post("/login")
async def log_in(request: Request) -> Response:
    """On to what was asked for, or the login again with what is wrong."""
    login: Login = request.app.state.login
    entered = await login.enter(request)
    if isinstance(entered, Response):
        return entered
    refusal, where = entered
    return _answer(page.login_page(where, refusal.sentence), refusal.status, refusal.headers)


@router.post("/out")
async def log_out() -> Response:
    """Logged out."""
    return leave()


def _look(looker: Looker, kind: str, of: str, version: str, beside: str) -> Response:
    asking = None
    try:
        versions = looker.list_versions()
        asking = page.ask(versions, kind, of, versions[0].name, page.NONE)
        chosen = [_choose(versions, version or versions[0].name)]
        if beside not in ("", page.NONE):
            chosen.append(_choose(versions, beside))
        asking = page.ask(versions, kind, of, chosen[0].name, beside)
        if kind not in page.KINDS:
            raise BadInput("there is nothing of that kind to look up; choose a user, an item or a query.")
        if not of:
            return _answer(page.start_page(asking, versions))
        return _answer(page.found_page(asking, looker.look(kind, of, chosen)))
    except TreasureHuntError as error:
        return _answer(page.trouble_page(str(error), asking), 422 if isinstance(error, BadInput) else 503)


def _choose(versions: list[Version], name: str) -> Version:
    for one in versions:
        if one.name == name:
            return one
    raise BadInput(f"there is no version {name[:60]!r} to look at; choose one of the list.")


def _answer(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return HTMLResponse(text, status, {**page.security_headers(), **(headers or {})})
