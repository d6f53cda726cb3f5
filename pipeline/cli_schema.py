"""The schema of the serving database."""

from typing import Annotated

import typer

from pipeline import show
from pipeline.errors import TreasureHuntError
from pipeline.serving import database
from pipeline.settings import load_settings

app = typer.Typer(help=__doc__)


@app.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether there is anything to do; exit code 1.")
    ] = False,
) -> None:
    """Bring the tables and views of the serving database up to date; readers go on meanwhile."""
    from pipeline.serving.migrate import describe_state, read_state
    from pipeline.serving.migrate import migrate as migrate_schema

    engine = database.connect(load_settings().serving)
    try:
        before = read_state(engine)
        if check and not before.is_current:
            raise TreasureHuntError(f"{describe_state(engine, before)}; run `treasure-hunt migrate`.")
        show.sentence(describe_state(engine, before))
        if not before.is_current:
            migrate_schema(engine)
            show.sentence(describe_state(engine, read_state(engine)))
    finally:
        engine.dispose()


@app.command()
def roles(
    prefix: Annotated[str, typer.Option(help="What the names of the roles begin with.")] = "treasure_hunt",
) -> None:
    """Make or renew owner, publisher, api and analyst on PostgreSQL, in a database of their own; passwords are not set."""
    from pipeline.serving.roles import create_roles

    engine = database.connect(load_settings().serving)
    try:
        names = create_roles(engine, prefix)
    finally:
        engine.dispose()
    show.sentence(f"roles {', '.join(names.values())} may do what they are for; give each that logs in a password")
