"""Arms of a comparison: whether a bundle may be judged, and what the judge says of several."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import show
from pipeline.comparison.cards import tell_between, tell_dollars, tell_share, tell_time
from pipeline.comparison.check import differences, options_of, read_judgement
from pipeline.comparison.judge import Options, judge, write_judgement
from pipeline.comparison.page import comparison_page
from pipeline.comparison.validate import find_breaches
from pipeline.comparison.verdict import find, value
from pipeline.errors import BadInput
from pipeline.prices import SHEET, read_prices

MOST_DIFFERENCES = 20
app = typer.Typer(help=__doc__)
arm = typer.Typer(
    help="Arms of a comparison: run one on a log, and see whether its bundle may be judged.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(arm, name="arm")


@arm.callback()
def group() -> None:
    """Arms of a comparison: run one on a log, and see whether its bundle may be judged."""


@arm.command()
def validate(
    folder: Annotated[Path, typer.Argument(help="Folder of the arm's bundle.")],
    log: Annotated[
        Path | None, typer.Option(help="Folder of the log it ran on: also check the bundle against it.")
    ] = None,
) -> None:
    """Whether a bundle may be judged: every breach in a sentence, and exit code 1 when there is one."""
    breaches = find_breaches(folder, log)
    for breach in breaches:
        show.sentence(breach)
    if breaches:
        raise BadInput(
            f"{folder}: {len(breaches)} {'breach' if len(breaches) == 1 else 'breaches'}; it cannot be judged."
        )
    show.sentence(f"{folder} is a valid bundle" + ("" if log else "; with --log it is also checked against its log"))


@app.command()
def compare(
    context: typer.Context,
    bundles: Annotated[
        list[Path] | None,
        typer.Argument(metavar="BUNDLE...", help="Folders of bundles; others are compared with the first."),
    ] = None,
    log: Annotated[Path | None, typer.Option(help="Folder of the log that all of them ran on.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for judgement.json, .parquet and .html.")] = None,
    check: Annotated[
        Path | None, typer.Option(help="Instead: say what in the judgement of this folder does not come out again.")
    ] = None,
    horizon: Annotated[
        int,
        typer.Option(min=1, metavar="HOURS", help="A list is scored by what its user takes so long after the read."),
    ] = 24,
    stale_after: Annotated[
        float, typer.Option(min=0, metavar="MINUTES", help="A list whose data lies further behind is stale.")
    ] = 75.0,
    prices: Annotated[Path, typer.Option(help="Price sheet: id, source, per_cpu_hour, per_gb_hour as JSON.")] = SHEET,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the intervals.")] = 0,
    story: Annotated[
        bool,
        typer.Option(
            "--story",
            help="Make the bundles: the batch arm beside a batch of four hours as teams write it first, on one log (without "
            "--log a small shop's) with the same faults; a few minutes.",
        ),
    ] = False,
    faults: Annotated[
        Path | None, typer.Option(help="With --story: the plan of faults; default: pipeline/comparison/bad_day.json.")
    ] = None,
) -> None:
    """Judge arms of one log by their bundles: figures, and a page to look at."""
    if (out is None) == (check is None):
        raise BadInput("give either --out, a folder for the judgement, or --check, the folder of one.")
    if story == bool(bundles) or (story and check):
        raise BadInput("give either bundles to judge, or --story and --out, a folder for the bundles that it makes.")
    if not story and (log is None or faults):
        raise BadInput("give --log, the log that the bundles ran on; --faults only goes with --story.")
    if out:
        refuse_folder(out)
    for name in ("horizon", "stale_after", "prices", "seed") if check else ():
        if is_typed(context, name):
            raise BadInput(
                f"--{name.replace('_', '-')} beside --check: a judgement is made again with its own options."
            )
    published = read_judgement(check) if check else None
    if story and out:
        log, bundles, shortest = make_story(out, log, faults)
        horizon = horizon if is_typed(context, "horizon") else shortest
    options = options_of(published) if published else Options(horizon, stale_after, read_prices(prices), seed)
    with show.console.status("") as status:
        judgement = judge(bundles or [], log or Path(), options, status.update)
    if published:
        say_differences(published, judgement)
        return
    say_judgement(judgement)
    if out:
        page = comparison_page(judgement)  # before any file is written: whatever fails leaves nothing half there
        paths = [*write_judgement(out, judgement), out / "judgement.html"]
        paths[-1].write_text(page, encoding="utf-8")
        for path in paths:
            show.sentence(f"written: {path}")


def make_story(out: Path, log: Path | None, faults: Path | None) -> tuple[Path, list[Path], int]:
    """Log and bundles of the story's comparison are made below a folder; returns them and the hours of its horizon."""
    from pipeline.comparison.reenact import HORIZON_HOURS, reenact

    with interruptible("interrupted; what is whole stays, run the same command to go on"):
        return *reenact(out, log, faults), HORIZON_HOURS


@contextmanager
def interruptible(said: str) -> Iterator[None]:
    """SIGTERM ends what is done here as Ctrl-C does, so that what is half made is removed; either way this is said."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        print(f"treasure-hunt: {said}", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def is_typed(context: typer.Context, name: str) -> bool:
    """Whether an option was given and is not its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse_folder(out: Path) -> None:
    """Raises `BadInput` where no judgement should stand: at a file, or in a log or a bundle."""
    for path in (out, *out.parents):
        if path.exists() and not path.is_dir():
            raise BadInput(f"{path} is a file; give --out a folder.")
    for name, what in (("log.json", "log"), ("arm.json", "bundle")):
        if (out / name).exists():
            raise BadInput(f"{out} is a {what}; give --out a folder of its own.")


def say_differences(published: dict[str, Any], judgement: dict[str, Any]) -> None:
    """What does not come out again, the first of it; raises `BadInput` when there is anything."""
    found = differences(published, json.loads(json.dumps(judgement)))
    for sentence in found[:MOST_DIFFERENCES]:
        show.sentence(sentence)
    if found:
        raise BadInput(
            f"{len(found):,} things are not as published, {min(len(found), MOST_DIFFERENCES)} of them above."
        )
    show.sentence(f"all {len(judgement['figures']):,} figures come out again")


def say_judgement(judgement: dict[str, Any]) -> None:
    """The arms as a table, and what to take away."""
    figures = judgement["figures"]
    columns = ["p50", "never", "good reads", "failed", "NDCG", "more than first", "USD / M events"]
    rows = show.table(f"Arms on the log {judgement['log']['name']}", "arm", *columns, right=columns)
    for one in judgement["arms"]:
        name = one["arm"]
        rows.add_row(
            show.plain(name),
            tell_time(value(figures, name, "freshness", "p50")),
            tell_share(value(figures, name, "freshness", "never")),
            tell_share(value(figures, name, "availability", "good")),
            tell_share(value(figures, name, "availability", "failed_since_first")),
            tell_between(find(figures, name, "quality", "ndcg")),
            "" if name == judgement["baseline"] else tell_between(find(figures, name, "gain", "ndcg")),
            tell_dollars(value(figures, name, "cost", "usd_per_million_events")),
        )
    show.console.print(rows)
    if judgement["headline"]:
        show.sentence(judgement["headline"], style="bold")
    for sentence in judgement["sentences"]:
        show.sentence(sentence)
    for remark in judgement["remarks"]:
        show.sentence(remark, style="yellow")
