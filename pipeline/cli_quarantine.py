"""Look at the rows that were refused, mend them, and deliver them again."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline import quarantine, show
from pipeline.errors import BadInput
from pipeline.hours import format_hour, parse_hour
from pipeline.settings import load_settings
from pipeline.sources.columns import COLUMNS

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)
Kind = Annotated[str, typer.Option(help="events or items.")]
Rule = Annotated[str | None, typer.Option(help="Only rows that this rule refused.")]


def known_kind(kind: str) -> str:
    """The kind itself; raises `BadInput` for one that there is not."""
    if kind not in quarantine.KINDS:
        raise BadInput(f"{kind!r} is not a kind of rows; the kinds are {', '.join(quarantine.KINDS)}.")
    return kind


@app.command("list")
def list_refused(
    kind: Annotated[str | None, typer.Option(help="events or items; default: both.")] = None,
    hours: Annotated[int, typer.Option(help="How many hours to look back over.", min=1)] = 24,
    first: Annotated[str | None, typer.Option("--from", help="First hour, instead of --hours.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last hour; default: the newest.")] = None,
) -> None:
    """What was refused, by rule: how many rows, what is wrong with them, and what to do."""
    settings = load_settings()
    kinds = quarantine.KINDS if kind is None else (known_kind(kind),)
    start, end = quarantine.choose_hours(settings, hours)
    start, end = parse_hour(first) if first else start, parse_hour(last) if last else end
    if end < start:
        raise BadInput(f"the range ends ({format_hour(end)}) before it starts ({format_hour(start)}).")
    summaries = quarantine.summarize_rules(settings, start, end, kinds)
    span = f"{format_hour(start)} to {format_hour(end)}, source {settings.source}"
    if not summaries:
        show.console.print(f"no row was refused from {span}")
        return
    numbers = ("hours", "rows", "replayed")
    show.console.print(f"Refused from {span}", style="italic")  # not the table's title, which would fold at its width
    rows = show.table("", "", "rule", *numbers, "newest hour", right=numbers)
    for one in summaries:
        of = "blocked" if one.is_blocked else one.kind
        counts = [f"{one.hours:,}", f"{one.rows:,}", f"{one.replayed:,}" if one.replayed else ""]
        rows.add_row(of, one.rule, *counts, format_hour(one.newest.hour))
    show.console.print(rows)
    for one in summaries:
        show.console.print(f"\n{one.rule}: {one.sentence()}", markup=False)
        show.console.print(f"    {one.remedy(settings.source)}", style="dim", markup=False, soft_wrap=True)


@app.command("show")
def show_rows(
    hour: Annotated[str, typer.Argument(help="Hour like 2026-01-01T13, UTC.")],
    rule: Rule = None,
    kind: Kind = "events",
    rows: Annotated[int, typer.Option(help="How many rows to show.", min=1)] = 20,
    csv: Annotated[Path | None, typer.Option(help="Write all of them to this new file, to be edited.")] = None,
) -> None:
    """The refused rows of an hour as they came."""
    settings, moment = load_settings(), parse_hour(hour)
    found = quarantine.refused_rows(settings, moment, known_kind(kind), rule)
    if csv:
        quarantine.write_csv(found, kind, csv)
        show.console.print(
            f"{len(found):,} row{'s' * (len(found) != 1)} in {csv}: edit it, leave out what is not to be replayed, then"
        )
        show.console.print(f"    treasure-hunt quarantine replay {hour} --file {csv}", markup=False, soft_wrap=True)
        return
    columns = [name for name in COLUMNS[kind] if name not in ("locator", "delivered_at")]
    for row in found[:rows]:
        show.console.print(
            f"{show.plain(row['locator'])}  {row['rule']}: {row['sentence']}", markup=False, soft_wrap=True
        )
        texts = [f"{name}={show.plain(row['raw'][name])}" for name in columns if row["raw"].get(name)]
        show.console.print(
            f"    {'  '.join(texts) or '(nothing of it could be read)'}", style="dim", markup=False, soft_wrap=True
        )
    show.console.print(f"{min(rows, len(found)):,} of {len(found):,} refused {kind} of {hour}")


@app.command("replay")
def replay_rows(
    first: Annotated[str, typer.Argument(metavar="HOUR", help="Hour whose refused events are replayed, or the first.")],
    last: Annotated[str | None, typer.Argument(metavar="[TO]", help="Last hour, included.")] = None,
    rule: Rule = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN:OLD=NEW", help="Mend a word; may be given several times."),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Mended rows, from `quarantine show --csv`.")] = None,
    into: Annotated[str | None, typer.Option(help="Hour to deliver into; default: the next to be run.")] = None,
    kind: Kind = "events",
) -> None:
    """Deliver refused events again, mended, into an hour that has not run yet."""
    from pipeline.replay import describe_replay, replay  # brings in Great Expectations, which list and show do not need

    settings = load_settings()
    if known_kind(kind) == "items":
        raise BadInput(
            "catalog rows are not replayed: a catalog is delivered whole, the next snapshot brings them mended."
        )
    target = parse_hour(into) if into else None
    start = parse_hour(first)
    done = replay(settings, start, parse_hour(last) if last else start, rule, mapping or (), file, target)
    for line in describe_replay(done):
        show.console.print(line, markup=False, soft_wrap=True)
