"""Arms of a comparison: whether a bundle may be judged."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline import show
from pipeline.errors import BadInput

app = typer.Typer(help=__doc__)
arm = typer.Typer(help="What an arm of a comparison wrote down.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(arm, name="arm")


@arm.callback()
def group() -> None:
    """What an arm of a comparison wrote down."""


@arm.command()
def validate(
    folder: Annotated[Path, typer.Argument(help="Folder of the arm's bundle.")],
    log: Annotated[
        Path | None, typer.Option(help="Folder of the log it ran on: also check the bundle against it.")
    ] = None,
) -> None:
    """Whether a bundle may be judged: every breach in a sentence, and exit code 1 when there is one."""
    from pipeline.comparison.validate import find_breaches

    breaches = find_breaches(folder, log)
    for breach in breaches:
        show.sentence(breach)
    if breaches:
        raise BadInput(
            f"{folder}: {len(breaches)} {'breach' if len(breaches) == 1 else 'breaches'}; it cannot be judged."
        )
    show.sentence(f"{folder} is a valid bundle" + ("" if log else "; with --log it is also checked against its log"))
