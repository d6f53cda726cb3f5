"""Logs of a comparison, and the arms that run on them."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import show
from pipeline.backfill import progress_bar
from pipeline.cli_compare import arm, interruptible, is_typed
from pipeline.errors import BadInput, TreasureHuntError
from pipeline.hours import HOUR, format_hour, hours_between, parse_hour
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from pipeline.comparison.interval import Ran
    from pipeline.comparison.log import Log
    from pipeline.comparison.story_job import Told

app = typer.Typer(help=__doc__)
run = typer.Typer(help="Run an arm on a log; it leaves a bundle.", no_args_is_help=True, rich_markup_mode=None)
arm.add_typer(run, name="run")
LogFolder = Annotated[Path, typer.Argument(metavar="LOG", help="Folder of a log that `record` made.")]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the bundle; empty or not there yet.")]
Batch = Annotated[Path, typer.Option("--batch", help="Bundle of a batch arm on the same log.")]
Faults = Annotated[
    Path | None, typer.Option("--faults", help="Plan of faults to meet, such as pipeline/comparison/bad_day.json.")
]
NOTHING_STAYS = "interrupted; nothing of this bundle stays, run the same command to start it again"
NOT_AGAIN = " and are not tried again; readers kept the lists before"
SHOP = ("seed", "users", "items", "events_per_hour", "dirt", "drift")  # options that only the demonstration shop has


@app.command()
def record(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="LOG", help="Folder for the log; empty or not there yet.")],
    first: Annotated[str, typer.Option("--from", help="First hour.")] = "2026-01-05T00",
    last: Annotated[str | None, typer.Option("--to", help="Last hour, included; default: so many --hours.")] = None,
    hours: Annotated[int, typer.Option(min=1, help="Hours, when --to is not given.")] = 48,
    configured: Annotated[
        bool, typer.Option("--source", help="Record the configured source instead of a demonstration shop of its own.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the shop: the same one makes the same log.")] = 0,
    users: Annotated[int, typer.Option(min=1, help="Users of the shop.")] = 2000,
    items: Annotated[int, typer.Option(min=1, help="Items in its catalog.")] = 1000,
    events_per_hour: Annotated[float, typer.Option(min=0, help="Events of an average hour of the shop.")] = 1500.0,
    dirt: Annotated[float, typer.Option(min=0, max=1, help="Share of rows that are wrong on purpose.")] = 0.03,
    drift: Annotated[
        bool, typer.Option("--drift", help="Tastes drift, and items and brands come into fashion and go out of it.")
    ] = False,
) -> None:
    """Freeze a log: events as delivered, the catalog over time, and who reads when; with hashes, for every arm the same."""
    from pipeline.comparison.log import record_shop, record_source

    typed = [name for name in context.params if is_typed(context, name)]
    if last and "hours" in typed:
        raise BadInput("give either --to, the last hour, or --hours, how many; not both.")
    if configured and (odd := [f"--{name.replace('_', '-')}" for name in SHOP if name in typed]):
        raise BadInput(
            f"{', '.join(odd)} would make a demonstration shop, and --source records what is there; not both."
        )
    start = parse_hour(first)
    end = parse_hour(last) if last else start + (hours - 1) * HOUR
    with progress_bar() as progress:
        task = progress.add_task("recording", total=len(hours_between(start, end)))

        def tell(hour: object) -> None:
            progress.update(task, advance=1)

        if configured:
            settings = load_settings()
            log = record_source(settings, start, end, folder, name=settings.source, report=tell)
        else:
            shop = {"users": users, "items": items, "events_per_hour": events_per_hour, "dirt": dirt, "drift": drift}
            log = record_shop(folder, start, end, seed=seed, report=tell, **shop)
    counts = ", ".join(f"{rows:,} {name}" for name, rows in log.counts.items())
    show.sentence(f"{folder}: {counts} from {format_hour(start)} to {format_hour(end)}; log_hash {log.log_hash}")
    show.sentence(tell_horizon(log))


def tell_horizon(log: "Log") -> str:
    """Until when a comparison of this log scores reads, by the default horizon."""
    from pipeline.comparison.judge import Options

    horizon, hours = Options().horizon_hours, (log.ended - log.started) // HOUR
    said = f"a comparison with the default horizon of {horizon} h scores"
    if hours > horizon:
        return f"{said} reads until {format_hour(log.ended - horizon * HOUR)}"
    return f"{said} no read of a log of {hours} h; a log this short needs `--horizon`, fewer hours than it has"


@run.command()
def batch(
    log: LogFolder,
    out: Out,
    cadence: Annotated[
        str,
        typer.Option(
            help="From run to run: whole hours, such as 1h or 4h, or 5 to 30 minutes that divide one, such as 15m."
        ),
    ] = "1h",
    delay: Annotated[str, typer.Option(help="Added before each run begins, such as 15m.")] = "0s",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the model; default: that of the log.")] = None,
    durations: Annotated[
        Path | None,
        typer.Option(help="Bundle by whose measured seconds the clock goes: every moment is the same again."),
    ] = None,
    faults: Faults = None,
) -> None:
    """The production stages of this repository, driven over the log on a simulated clock; 5 to 20 s a run."""
    from pipeline.comparison.batch import run_batch
    from pipeline.comparison.clock import parse_duration, split_log
    from pipeline.comparison.log import read_log

    read, every, late = read_log(log), parse_duration(cadence), parse_duration(delay)
    total = len(list(split_log(read.started, read.ended, every)))
    with whole_or_nothing(out), telling_runs("batch", total) as tell:
        clock = {"cadence": every, "delay": late}
        ran = run_batch(read, out, **clock, seed=seed, durations=durations, plan=faults, tell=tell)
    tell_runs(out, ran, "; readers kept the lists before" if faults else NOT_AGAIN)


@contextmanager
def telling_runs(arm: str, total: int) -> Iterator[Callable[["Ran | Told"], None]]:
    """What is given here is told of each run that is over: so many of them are to come."""
    with progress_bar() as progress:
        task = progress.add_task(arm, total=total)

        def tell(one: "Ran | Told") -> None:
            said = f"{one.interval.name} {one.status}" + " again" * (one.attempt > 1)
            progress.update(task, advance=int(one.attempt == 1), description=said)
            if not show.console.is_terminal:  # where no bar is drawn
                show.sentence(f"{said}, {progress.tasks[task].completed:.0f} of {total}")

        yield tell


def tell_runs(out: Path, ran: Sequence["Ran | Told"], then: str = NOT_AGAIN) -> None:
    """How the runs of a batch ended, and what came `then` of those that failed; raises `TreasureHuntError` when none of them
    published.
    """
    for one in ran:
        if one.trouble:
            show.sentence(f"{one.interval.name} {one.status}: {one.trouble}", style="yellow")
    published, failed = (sum(one.status == status for one in ran) for status in ("published", "failed"))
    if not published:
        raise TreasureHuntError(f"{out}: none of {len(ran)} runs published, so this arm has no list to be compared by.")
    took = sum((one.ended - one.started).total_seconds() for one in ran) / len(ran)
    show.sentence(f"{out}: {published} of {len(ran)} runs published, {took:.1f} s each on average")
    if failed:
        show.sentence(f"{failed} of {len(ran)} runs failed{then}", "yellow")


@run.command()
def story(
    log: LogFolder,
    out: Out,
    cadence: Annotated[str, typer.Option(help="From run to run, in whole hours.")] = "4h",
    delay: Annotated[str, typer.Option(help="What a run takes, measured seconds on top.")] = "4h",
    load: Annotated[str, typer.Option(help="How much of it, at the end, the dropped table is being loaded.")] = "15m",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the model; default: that of the log.")] = None,
    faults: Faults = None,
) -> None:
    """Control: a batch without checks, drop and reload, HTTP 400 for who has no row; a job of four hours, re-enacted."""
    from pipeline.comparison.clock import parse_duration, split_hours
    from pipeline.comparison.log import read_log
    from pipeline.comparison.story_arm import run_story

    read, every, takes, loads = read_log(log), *map(parse_duration, (cadence, delay, load))
    total = len(list(split_hours(read.started, read.ended, every)))
    with whole_or_nothing(out), telling_runs("story", total) as tell:
        clock = {"cadence": every, "delay": takes, "load": loads}
        ran = run_story(read, out, **clock, seed=seed, plan=faults, tell=tell)
    tell_runs(out, ran, " and are not tried again; the table stayed as they left it")


@run.command()
def popular(log: LogFolder, batch: Batch, out: Out) -> None:
    """Control: everyone is shown the popular list of each version of a batch arm."""
    control("popular", log, batch, out)


@run.command()
def nothing(log: LogFolder, batch: Batch, out: Out) -> None:
    """Control: everyone is shown the first version's lists of a batch arm for ever."""
    control("nothing", log, batch, out)


@run.command()
def bare(log: LogFolder, batch: Batch, out: Out) -> None:
    """Control: a batch arm's lists from a server that answers HTTP 400 to whoever has none of their own."""
    control("bare", log, batch, out)


@run.command()
def stream(
    log: LogFolder,
    batch: Batch,
    out: Out,
    micro_batch: Annotated[
        str, typer.Option("--micro-batch", help="Take the rows of so long together, such as 10s or 1h; 0s: one by one.")
    ] = "0s",
    broker: Annotated[
        str, typer.Option(help="Carry the rows through this broker of the Kafka protocol, such as localhost:9092.")
    ] = "",
) -> None:
    """Reference: rows one by one as they are delivered, users folded in against the models of a batch arm."""
    from pipeline.comparison.clock import parse_duration
    from pipeline.comparison.log import read_log
    from pipeline.comparison.stream import run_stream

    read, together = read_log(log), parse_duration(micro_batch)
    with whole_or_nothing(out), progress_bar() as progress:
        task = progress.add_task("stream", total=read.counts["events"])
        told = {"tell": lambda rows: progress.update(task, advance=rows)}
        run_stream(read, batch, out, micro_batch=together, broker=broker, **told)
    show.sentence(f"{out}: bundle of the streaming reference arm")


def control(name: str, log: Path, batch: Path, out: Path) -> None:
    """The bundle of a control is made and said."""
    from pipeline.comparison.controls import run_control
    from pipeline.comparison.log import read_log

    with whole_or_nothing(out):
        run_control(name, read_log(log), batch, out)
    show.sentence(f"{out}: bundle of the control {name}")


@contextmanager
def whole_or_nothing(out: Path) -> Iterator[None]:
    """The bundle that is made here is whole, or nothing of it stays; an interruption says so."""
    from pipeline.comparison.log import check_new

    check_new(out)
    try:
        with interruptible(NOTHING_STAYS):
            yield
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)  # nothing was in it before
        raise
