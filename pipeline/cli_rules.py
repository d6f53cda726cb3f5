"""The shop's rules for its lists: what the file says, before an hour is made with it."""

from collections import Counter
from typing import Annotated

import typer

from pipeline import history, show
from pipeline.hours import HOUR, format_hour, parse_hour
from pipeline.settings import load_settings

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """The shop's rules for its lists: what the file says, before an hour is made with it."""


@app.command()
def check(
    hour: Annotated[
        str | None, typer.Option(help="As of the end of this hour; default: the hour to be run next.")
    ] = None,
) -> None:
    """Read the rules file and say what each line would mean; nothing is run or changed."""
    from pipeline.rules_check import check_rules

    settings = load_settings()
    newest = history.newest_hour(settings, "ingest_catalog")
    moment = parse_hour(hour) if hour else newest and newest + HOUR
    checked = check_rules(settings, newest, moment)
    if not checked.lines:
        why = "holds no rule" if checked.path.exists() else "is not there"
        show.sentence(f"{checked.path} {why}: lists are made without any")
        return
    title = f"Rules as of the end of {format_hour(moment)}" if moment else "Rules, at any time"
    rows = show.table(title, "line", "rule", "state", "items", "note", right=("line", "items"))
    for line in checked.lines:
        items = f"{line.items:,}" if line.items is not None else ""
        rows.add_row(str(line.line), show.plain(line.rule), line.state, items, show.plain(line.note))
    show.console.print(rows)
    counts = Counter(line.state for line in checked.lines)
    show.sentence(f"{checked.path}: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    for remark in checked.remarks:
        show.sentence(remark, style="yellow")
