"""Versions in the serving database: which there are, how two differ, and which one readers get."""

from typing import Annotated

import typer

from pipeline import show
from pipeline.errors import BadInput, NotLanded
from pipeline.serving import compare, database, pointer
from pipeline.serving import rollback as moves
from pipeline.settings import load_settings

app = typer.Typer(help=__doc__)
Why = Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for those who ask later: it is kept.")]


@app.command()
def versions() -> None:
    """The versions in the serving database, newest hour first; those without a size have lost their rows, or none yet."""
    settings = load_settings()
    engine = database.connect(settings.serving)
    found = pointer.list_versions(engine, settings.source, settings.arm)
    sizes = pointer.measure_versions(engine, [row["version"] for row in found])
    rows = show.table(
        "Versions", "version", "status", "tier", "rows", "MB", "published", "removed", "live", right=("rows", "MB")
    )
    for row in found:
        moments = (f"{row[name]:%Y-%m-%d %H:%M:%S}" if row[name] else "" for name in ("published_at", "removed_at"))
        count = f"{row['row_count']:,}" if row["row_count"] is not None else ""
        size = f"{sizes[row['version']] / 1e6:,.1f}" if row["version"] in sizes else ""
        state = ("pinned, live" if row["pinned_at"] else "live") if row["is_live"] else ""
        rows.add_row(row["version"], row["status"], row["tier"] or "", count, size, *moments, state)
    show.console.print(rows)
    for row in found:
        if row["pinned_at"]:
            why = f" ({row['pinned_why']})" if row["pinned_why"] else ""
            show.sentence(
                f"{row['version']} is pinned since {row['pinned_at']:%Y-%m-%d %H:%M} UTC{why}", style="yellow"
            )


@app.command()
def rollback(
    version: Annotated[
        str | None, typer.Argument(help="A version, or an hour: its newest one. Default: the one before the live one.")
    ] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Keep it live, whatever is published, until unpin.")] = False,
    why: Why = None,
) -> None:
    """Serve an earlier version again; the next newer hour publishes as ever, unless it is pinned."""
    settings = load_settings()
    engine = database.connect(settings.serving)
    moved = moves.rollback(engine, settings.source, settings.arm, version, pin, why)
    with database.reading(engine) as connection:
        pinned = moves.read_pin(connection, settings.source, settings.arm)
    show.sentence(
        f"{moved} is live" + ("" if pinned else " until a newer hour is published; `treasure-hunt pin` keeps it")
    )
    if pinned:
        show.sentence(f"{pinned}; `treasure-hunt unpin` lets newer hours go live again", style="yellow")


@app.command()
def pin(why: Why = None) -> None:
    """Keep the live version live, whatever is published, until unpin."""
    settings = load_settings()
    engine = database.connect(settings.serving)
    moves.pin(engine, settings.source, settings.arm, why)
    with database.reading(engine) as connection:
        pinned = moves.read_pin(connection, settings.source, settings.arm)
    show.sentence(f"{pinned}; `treasure-hunt unpin` lets newer hours go live again")


@app.command()
def unpin(
    advance: Annotated[bool, typer.Option("--advance", help="Go to the newest published version at once.")] = False,
    why: Why = None,
) -> None:
    """Let newer hours go live again: from the next one that is published on."""
    settings = load_settings()
    live = moves.unpin(database.connect(settings.serving), settings.source, settings.arm, advance, why)
    until = "" if advance else " until the next hour is published (`--advance` goes to the newest at once)"
    show.sentence(f"nothing is pinned any more; {live} is live{until}")


@app.command()
def diff(
    before: Annotated[
        str | None,
        typer.Argument(metavar="A", help="A version, or an hour: its newest one. Default: the one before B."),
    ] = None,
    after: Annotated[str | None, typer.Argument(metavar="B", help="The same. Default: the live one.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many items that gained and lost most.")] = 10,
) -> None:
    """How the lists of version B differ from those of A: in counts and items, never users."""
    settings = load_settings()
    engine = database.connect(settings.serving)
    with database.reading(engine) as connection:
        after = after and moves.find_version(connection, settings.source, settings.arm, after)
        before = before and moves.find_version(connection, settings.source, settings.arm, before)
        after = after or moves.live_of(connection, settings.source, settings.arm)
        before = before or moves.newest_before(connection, settings.source, settings.arm, after)
    if before is None:
        raise NotLanded(f"there is no version before {after} to compare it with.")
    if before == after:
        raise BadInput(f"A and B are both {after}; `treasure-hunt versions` lists what there is to compare.")
    found = compare.compare_versions(engine, before, after, top)
    show.sentence(f"A {before}")
    show.sentence(f"B {after}")
    show.console.print(show.difference(found))
    for title, movers in (("gained", found.gained), ("lost", found.lost)):
        if movers:
            show.console.print(show.movers(f"Items that {title} most places in users' top {compare.TOP}", movers))
