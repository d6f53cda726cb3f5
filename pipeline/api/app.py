"""The application that `treasure-hunt serve` runs: routes, guards around them, and one sentence for whatever goes wrong."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.api import lists, metrics
from pipeline.api.desk import Desk, keep_out_of_collections
from pipeline.api.guards import RateLimit, check_key, check_rate, check_text
from pipeline.api.lists import sentence
from pipeline.api.lookup import routes
from pipeline.api.lookup.login import Login
from pipeline.api.lookup.look import Looker
from pipeline.errors import BadInput, TreasureHuntError
from pipeline.settings import Settings, load_settings

ABOUT = """Lists of recommendations, ready to show. A well-formed read is always answered, from one version, with its age:
`served_reason` says what the list rests on, each row's `source` where that row comes from."""
RETRY = {"Retry-After": "5"}


def make_app(settings: Settings | None = None) -> FastAPI:
    """The application; without settings those of the environment, as each process of `treasure-hunt serve` does it."""
    chosen = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        desk = app.state.desk = Desk(chosen)
        # Only in a process that does nothing else: whoever embeds the application has collections of their own.
        looking = asyncio.create_task(desk.keep_looking(keep_out_of_collections if settings is None else None))
        if chosen.lookup_password:
            app.state.looker = Looker(chosen)
        yield
        desk.stop_looking()
        await looking
        desk.close()
        if chosen.lookup_password:
            app.state.looker.close()

    app = FastAPI(title="Treasure Hunt Engine", version="1", description=ABOUT, lifespan=lifespan)
    app.include_router(lists.router)
    if chosen.lookup_password:
        app.state.login = Login(chosen.lookup_password)
        app.include_router(routes.router)
    app.add_api_route("/health", health, tags=["operation"], summary="Whether this process lives")
    app.add_api_route(
        "/ready", ready, tags=["operation"], summary="Whether there is something to read", responses={503: {}}
    )
    app.add_api_route("/metrics", scrape, tags=["operation"], summary="Figures for Prometheus", response_class=Response)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(TreasureHuntError, troubled)
    app.add_middleware(Guarded, key=chosen.api_key, per_second=chosen.api_requests_per_second)
    return app


async def health() -> dict[str, str]:
    """Always `ok`: a process that hangs does not answer at all."""
    return {"status": "ok"}


async def ready(request: Request) -> JSONResponse:
    """200 with the live version when the database answers and something is live, else 503 with the reason."""
    desk: Desk = request.app.state.desk
    await desk.look()
    if desk.trouble is not None:
        return sentence(str(desk.trouble), 503, RETRY)
    assert desk.reader.seen is not None  # noqa: S101 (looked up above)
    return JSONResponse({"status": "ready", "version": desk.reader.seen.version})


async def scrape(request: Request) -> Response:
    """Requests by route, status and reason served, seconds, the live version and the age of its data."""
    return Response(metrics.scrape(request.app.state.desk), media_type="text/plain; version=0.0.4; charset=utf-8")


def malformed(_request: Request, error: Exception) -> JSONResponse:
    """The first thing that is wrong with a request, without repeating what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for it)
    first = error.errors()[0]
    name = next((str(part) for part in reversed(first["loc"]) if isinstance(part, str)), "request")
    said = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    return sentence(f"{name}: {said[:1].lower()}{said[1:]}.", 422)


def troubled(_request: Request, error: Exception) -> JSONResponse:
    """Input that nobody can mean is 422; a database that has nothing to show yet is 503."""
    return sentence(str(error), 422) if isinstance(error, BadInput) else sentence(str(error), 503, RETRY)


class Guarded:
    """Around every request: the guards before it, the count after it."""

    def __init__(self, app: ASGIApp, key: str, per_second: float) -> None:
        self.app, self.key = app, key
        self.limit = RateLimit(per_second) if per_second else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers the request, or says why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500
        noted: dict[str, Any] = {"served_reason": "", "is_degraded": False}
        scope["treasure_hunt"] = noted

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            refusal = self._refuse(scope)
            answer = sentence(refusal.sentence, refusal.status, dict(refusal.headers)) if refusal else self.app
            await answer(scope, receive, note)
        finally:
            route = getattr(scope.get("route"), "path", "refused" if status != 404 else "none")
            metrics.count(route, status, noted["served_reason"], time.perf_counter() - begun, noted["is_degraded"])

    def _refuse(self, scope: Scope) -> Any:
        if not scope["path"].startswith("/v1/"):
            return check_text(scope)
        given = next((value for name, value in scope["headers"] if name == b"x-api-key"), b"")
        refusal = check_key(given, self.key)
        if refusal is None and self.limit is not None:
            caller = "key" if self.key else str((scope.get("client") or ("",))[0])
            refusal = check_rate(self.limit, caller)
        return refusal or check_text(scope)
