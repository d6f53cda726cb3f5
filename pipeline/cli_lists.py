"""What readers get now, and what was sold when."""

from typing import Annotated, Any

import typer

from pipeline import history, show
from pipeline.errors import BadInput, NotLanded
from pipeline.hours import HOUR, format_hour, parse_hour
from pipeline.serving import database
from pipeline.serving.contract import LONGEST_TEXT, Answer, Asked, Source
from pipeline.serving.lists import ListReader
from pipeline.settings import load_settings

app = typer.Typer(help=__doc__)


def readable(text: str) -> str:
    """The argument itself; raises `BadInput` for bytes that are no text, which no database takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{text!a} is not text in UTF-8.") from None
    return text


def named(text: str) -> str:
    """The same for who or what is asked for, which is as long as over HTTP; raises `BadInput` otherwise."""
    if not 0 < len(readable(text)) <= LONGEST_TEXT:
        raise BadInput(f"give between 1 and {LONGEST_TEXT} characters, not {len(text)}.")
    return text


K = Annotated[int | None, typer.Option("--k", help="How many items; default: as many as are published.", min=1)]
Segment = Annotated[str | None, typer.Option(help="A category: its popular items come before everyone's.")]


def _read(k: int | None, segment: str | None, **whose: Any) -> Answer:
    settings = load_settings()
    engine = database.connect(settings.serving)
    try:
        reader = ListReader(engine, settings.source, settings.arm, settings.stale_after_minutes)
        return reader.read(Asked(k=k, segment=segment, **whose))
    finally:
        engine.dispose()


def _normalize(query: str) -> str:
    from pipeline.queries import normalize_query

    spelling = normalize_query(query)
    if not spelling:
        raise BadInput("the query is empty; give what somebody would type.")
    return spelling


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(help="User id.", callback=named)],
    query: Annotated[
        list[str] | None, typer.Option(help="A recent search of the session; the newest first, up to 5 times.")
    ] = None,
    segment: Segment = None,
    k: K = None,
) -> None:
    """The live list of a user; of somebody unknown what fits the searches, the segment, or everyone."""
    found = _read(k, segment, user=user, queries=tuple(_normalize(typed) for typed in query or ()))
    has_none = found.served_reason == Source.POPULAR
    show.answer(
        f"For user {user}", found, f"user {user!r} has no list of their own: the popular one" if has_none else ""
    )


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What somebody types.", callback=named)],
    segment: Segment = None,
    k: K = None,
) -> None:
    """The live list of a query; of a rare one that of the nearest query, or the popular one."""
    spelling = _normalize(query)
    found = _read(k, segment, query=spelling)
    told = f"the {found.served_reason} list"
    if found.served_reason == Source.NEAREST:
        named = repr(found.answered_query) if found.answered_query else "a query that too few people typed to be shown"
        told = f"the list of the nearest one, {named}"
    rare = found.served_reason != Source.QUERY
    note = f"{spelling!r} is too rare for a list of its own: {told}" if rare else ""
    show.answer(f"After {spelling!r}", found, note)


@app.command()
def similar(item: Annotated[str, typer.Argument(help="Item id.", callback=named)], k: K = None) -> None:
    """The live list of items that go with an item."""
    found = _read(k, None, item=item)
    told = {Source.SEGMENT: "has no similar items: what is popular in its category"}
    told[Source.POPULAR] = "has no list of its own: the popular one"
    note = told.get(found.served_reason)
    show.answer(f"Like item {item}", found, f"item {item!r} {note}" if note else "")


@app.command()
def item(
    item_id: Annotated[str, typer.Argument(metavar="ITEM", help="Item id.", callback=named)],
    at: Annotated[str | None, typer.Option(metavar="HOUR", help="Only what was true in this hour.")] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days to look back.")] = 30,
) -> None:
    """Price and availability of an item over time, as the catalogs said that hours captured."""
    from pipeline.item_history import read_item_history

    settings = load_settings()
    last = parse_hour(at) if at else history.newest_hour(settings, "ingest_catalog")
    if last is None:
        raise NotLanded(f"nothing has landed yet for source {settings.source}; run `treasure-hunt run HOUR`.")
    first = last - days * 24 * HOUR
    found = read_item_history(settings, first, last, item_id).to_pylist()
    chosen = [row for row in found if row["valid_to"] is None] if at else found  # nothing after that hour was read
    if not chosen:
        where = at or f"{format_hour(first)} to {format_hour(last)}"
        gone = f"; it was until {format_hour(found[-1]['valid_to'])}" if found else ""
        raise NotLanded(f"item {item_id!r} is not in the catalog of {where}{gone}.")
    show.console.print(show.item(item_id, chosen))
