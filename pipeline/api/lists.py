"""The three reads under /v1: their parameters, checked, and their answers as JSON."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.convertors import StringConvertor, register_url_convertor

from pipeline.api.routes import CheckedRoute
from pipeline.errors import BadInput
from pipeline.queries import normalize_query
from pipeline.serving.contract import LONGEST_TEXT, MAX_QUERIES, Answer, Asked, Listed, Source

_EXAMPLE = Answer(
    rows=(
        Listed(
            1, "i000099", "Trail shoe", 89.9, "EUR", 0.93, "because you searched for 'running shoes'", Source.SEARCHES
        ),
        Listed(2, "i000007", "Headlamp", 24.5, "EUR", 12.0, "popular right now", Source.POPULAR),
    ),
    served_reason=Source.SEARCHES,
    version="2026-01-01T13-3fa9c1d2e4b7",
    data_cutoff=datetime(2026, 1, 1, 14, tzinfo=UTC),
    age_seconds=312.5,
    is_stale=False,
)


class Trouble(BaseModel):
    """Why there is no list."""

    detail: str


def _trouble(text: str, sentence: str) -> dict[str, Any]:
    return {"model": Trouble, "description": text, "content": {"application/json": {"example": {"detail": sentence}}}}


RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The list", "content": {"application/json": {"example": msgspec.to_builtins(_EXAMPLE)}}},
    401: _trouble("A key is asked for", "this needs an API key: send it in the header X-API-Key."),
    422: _trouble("Malformed input", "k: should be greater than or equal to 1."),
    429: _trouble("Too many requests; see Retry-After", "more than 50 requests a second; wait 0.4 s."),
    503: _trouble("Nothing to read yet; see Retry-After", "nothing is published yet for source shop, arm batch."),
}


class _Text(StringConvertor):
    """The rest of a path, whatever it holds: the usual ones stop at a slash or lose a line break, and name another id."""

    regex = "(?s:.*)"


register_url_convertor("text", _Text())
router = APIRouter(prefix="/v1", responses=RESPONSES, tags=["lists"], route_class=CheckedRoute)
Text = {"min_length": 1, "max_length": LONGEST_TEXT}
K = Annotated[
    int | None, Query(ge=1, le=1000, description="How many rows; default and most: as many as are published.")
]
Segment = Annotated[
    str | None, Query(**Text, description="A category: its popular items come before those of everyone.")
]


@router.get("/recommendations/{user:text}", response_model=Answer, summary="What a user is shown")
async def recommendations(
    request: Request,
    user: Annotated[str, Path(**Text, description="User id, known or not.", examples=["u000012"])],
    query: Annotated[
        list[str],
        Query(
            max_length=100,
            description=f"A recent search of the session, the newest first; repeat it. The first {MAX_QUERIES} count.",
            examples=[["running shoes"]],
        ),
    ] = [],  # noqa: B006 (FastAPI copies it)
    segment: Segment = None,
    k: K = None,
) -> Response:
    """The user's own list; before what fills it up stand what others took after the session's searches, then the
    popular items of the segment. Somebody unknown gets these alone. Every row says its source.
    """
    typed = tuple(_normalize(one) for one in query[:MAX_QUERIES])
    return await _answer(request, user=user, queries=tuple(dict.fromkeys(filter(None, typed))), segment=segment, k=k)


@router.get("/search-recommendations", response_model=Answer, summary="What goes with a search")
async def search_recommendations(
    request: Request,
    q: Annotated[str, Query(**Text, description="What was typed, in any spelling.", examples=["Running Shoes"])],
    segment: Segment = None,
    k: K = None,
) -> Response:
    """The list of a query that several people typed; of a rarer one that of the nearest query that has a list (misspelt,
    in another order, a word more or less; `answered_query` says which, when enough people typed it), else what is popular in
    the segment, or with everyone.
    """
    spelling = _normalize(q)
    if not spelling:
        raise BadInput("q: is empty; give what somebody typed.")
    return await _answer(request, query=spelling, segment=segment, k=k)


@router.get("/similar/{item:text}", response_model=Answer, summary="What goes with an item")
async def similar(
    request: Request,
    item: Annotated[str, Path(**Text, description="Item id, also of one that is sold no more.", examples=["i000099"])],
    k: K = None,
) -> Response:
    """Similar items, else what is popular in the item's category, else with everyone; never the item itself."""
    return await _answer(request, item=item, k=k)


def _normalize(typed: str) -> str:
    if len(typed) > LONGEST_TEXT:
        raise BadInput(f"query: has {len(typed):,} characters; at most {LONGEST_TEXT} are looked at.")
    Asked(query=typed)  # refuses what is no text
    return normalize_query(typed)


async def _answer(request: Request, **asked: Any) -> Response:
    answer = await request.app.state.desk.read(Asked(**asked))
    noted = request.scope["treasure_hunt"]
    noted["served_reason"], noted["is_degraded"] = answer.served_reason, answer.is_degraded
    headers = {"Cache-Control": "no-store"}
    if answer.is_degraded:
        headers["X-Degraded"] = "true"
    return Response(msgspec.json.encode(answer), media_type="application/json", headers=headers)


def sentence(detail: str, status: int, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error as every route gives it."""
    return JSONResponse({"detail": detail}, status, headers)
