"""The copy of the lake: bring it up to date, or start from it."""

from typing import Annotated

import typer

from pipeline import show
from pipeline.errors import BadInput
from pipeline.lake_copy.fetch import fetch
from pipeline.lake_copy.follow import follow
from pipeline.lake_copy.place import check_strangers, open_copy
from pipeline.settings import PREFIX, Settings, load_settings

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)


def with_copy() -> Settings:
    """The settings; raises `BadInput` when they name no copy."""
    settings = load_settings()
    if not settings.lake_copy:
        raise BadInput(
            f"no copy of the lake is kept; set {PREFIX}LAKE_COPY to a bucket (s3://…) or a folder elsewhere."
        )
    return settings


@app.command()
def push(
    whole: Annotated[
        bool, typer.Option("--all", help="Put every file of every hour anew, not only what changed.")
    ] = False,
) -> None:
    """Bring the copy up to date now; every hour does so at its end."""
    settings = with_copy()
    count = follow(settings, settings.lake, whole)
    show.sentence(f"{count:,} hours and inboxes copied to {open_copy(settings).shown}")
    if whole:
        check_strangers(settings)


@app.command("fetch")
def fetch_lake() -> None:
    """Fill the lake of an empty home from the copy, every table held against its manifest; the copy is this home's then."""
    settings = with_copy()
    done = fetch(settings)
    show.sentence(f"{done.hours:,} hours fetched: {done.files:,} files, {done.bytes / 1e6:,.1f} MB, in {settings.lake}")
