"""Many hours, oldest first, with a progress bar: what is paid once is shared, also between processes side by side."""

import multiprocessing
import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from threading import Thread

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline import show
from pipeline.errors import DataError, OutOfMemory, TreasureHuntError
from pipeline.hours import format_hour
from pipeline.line import ALWAYS, CHAINED, STAGES, TAKING_IN, TOGETHER, group_stages, report_failure, run_group_of_hours
from pipeline.run import Run, StageResult
from pipeline.settings import Settings

PART = 24  # hours that share what a stage costs once; they need not begin at midnight, nor lie side by side
HOURS_FOR_A_PROCESS = 4  # fewer are done before another process has loaded its libraries
FATES = ("delivered", "accepted", "quarantined", "duplicate")


def progress_bar() -> Progress:
    """The one style of progress bar there is."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=show.console)


@dataclass(frozen=True)
class Piece:
    """Stages of hours that a process does in one go, once other pieces, named by their numbers, are done."""

    stages: tuple[str, ...]
    hours: tuple[datetime, ...]
    after: frozenset[int]


@dataclass(frozen=True)
class Ended:
    """What came of a piece: its results, how many of its hours went through all of its stages, and why no more did."""

    results: list[StageResult]
    hours_done: int
    error: Exception | None


@dataclass
class State:
    """What has become of a backfill so far."""

    stop_at: int  # the place of the first hour that is left alone from now on
    error: Exception | None = None
    begun: set[datetime] = field(default_factory=set)
    reported: set[datetime] = field(default_factory=set)
    ledger: Counter[str] = field(default_factory=Counter)


def backfill_hours(
    settings: Settings, hours: Sequence[datetime], stages: Sequence[str], repull: bool = False, processes: int = 1
) -> Counter[str]:
    """Run the stages of many hours; returns the ledger of their events added up: rows by fate and by rule.

    At most `processes` processes share the work; with one, this one does it. When a stage fails in an hour, those before it
    go through the stages that are left; then the error is raised, a refusal with which hours are done and how to go on.
    """
    state = State(stop_at=len(hours))
    count = min(processes, 1 + len(hours) // HOURS_FOR_A_PROCESS)
    try:
        with progress_bar() as progress, open_workers(count) as start:
            task = progress.add_task("backfill", total=len(hours) * len(stages))
            work_off(
                plan(hours, stages),
                {hour: number for number, hour in enumerate(hours)},
                state,
                count,
                lambda piece, some: start(do_piece, piece.stages, some, settings, repull),
                lambda done, what: progress.update(task, advance=done, description=what),
            )
        if state.error:
            raise state.error
    except BaseException as error:
        if isinstance(error, DataError):
            error.args = (f"{error} {how_to_go_on(hours, state.stop_at, stages, repull)}",)
        report_failure(stages, sorted(state.begun - state.reported), settings)
        with suppress(Exception):  # what goes wrong here hides no earlier error
            forget(stages, sorted(state.begun), settings)
        raise
    forget(stages, hours, settings)
    return state.ledger


def work_off(
    pieces: Sequence[Piece],
    place: dict[datetime, int],
    state: State,
    count: int,
    start: Callable[[Piece, list[datetime]], Future[Ended]],
    tell: Callable[[int, str], None],
) -> None:
    """Start every piece as soon as what it waits for is done and one of `count` processes is free, until all have ended.

    `place` is that of each hour among all of them; `tell` is told how many hours got through a stage, and what is at work.
    """
    waiting, running, done = dict.fromkeys(range(len(pieces))), dict[Future[Ended], int](), set[int]()
    while waiting or running:
        # To look at all that waits would be slow for a year of hours, and nothing is ready more than a part ahead.
        ready = [number for number in islice(waiting, 2 * PART * len(STAGES)) if pieces[number].after <= done]
        if count > 1:  # take in first, so that nobody has to wait for it later
            ready.sort(key=lambda number: pieces[number].stages[0] not in TAKING_IN)
        for number in ready[: count - len(running)]:
            del waiting[number]
            piece = pieces[number]
            if wanted := [hour for hour in piece.hours if place[hour] < state.stop_at]:
                state.begun |= set(wanted)
                tell(0, f"{format_hour(wanted[0])} {piece.stages[0]:<14}")
                running[start(piece, wanted)] = number
            else:
                done.add(number)
        for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
            number = running.pop(future)
            done.add(number)
            take(pieces[number], future.result(), place, state, tell)


def take(
    piece: Piece, ended: Ended, place: dict[datetime, int], state: State, tell: Callable[[int, str], None]
) -> None:
    """What came of a piece is known; an error leaves its hour and all later ones alone."""
    for result in ended.results:
        tell(1, f"{result.hour} {result.stage:<14}")
        if result.stage == "ingest_events":
            count_rows(state.ledger, result)
    if ALWAYS in piece.stages:
        state.reported |= set(piece.hours[: ended.hours_done])
    reached = place[piece.hours[0]] + ended.hours_done
    if ended.error and reached < state.stop_at:
        if state.error:
            show.sentence(f"also: {state.error}")  # of a later hour
        state.error, state.stop_at = ended.error, reached


def forget(stages: Sequence[str], hours: Sequence[datetime], settings: Settings) -> None:
    """What is old is forgotten now that no piece reads it any more, also in the copy of the lake."""
    if ALWAYS in stages and hours:
        from pipeline.lake_copy.follow import follow_or_say  # not above: they bring in the libraries of stores
        from pipeline.privacy.forget import forget_old_text

        for sentence in forget_old_text([Run(hour, settings) for hour in hours]):
            show.sentence(sentence)
        for sentence in follow_or_say(settings, settings.lake):
            show.sentence(sentence)


def plan(hours: Sequence[datetime], stages: Sequence[str]) -> list[Piece]:
    """The pieces of a backfill; each waits for pieces of lower numbers alone.

    Goes part by part of `PART` hours; stages of `TOGETHER` do all hours of a part at once, the others hour by hour. A piece
    waits for the stages before it of its own hours, and for its own stage of the hours before. What comes out must not
    depend on which process is quicker: `train` and `evaluate` look at whether earlier versions were published
    (`predecessor.is_withheld`), so no list of a part is made before all of its models, and only taking in goes ahead of
    the part before; all else waits until that is published and reported.
    """
    pieces: list[Piece] = []
    groups = group_stages(stages)
    before: dict[tuple[str, ...], list[int]] = {}  # the numbers of the pieces of the part before, by their stages
    before_that: dict[tuple[str, ...], list[int]] = {}
    for begin in range(0, len(hours), PART):
        part, own = tuple(hours[begin : begin + PART]), dict[tuple[str, ...], list[int]]()
        previous: tuple[str, ...] = ()
        for group in groups:
            own[group] = []
            gate = (before_that if group[0] in TAKING_IN else before).get(groups[-1], [])  # that part is over
            for together in [part] if group[0] in TOGETHER else [(hour,) for hour in part]:
                of_hours = [
                    number
                    for number in own.get(previous, [])
                    if previous[0] in CHAINED or not set(together).isdisjoint(pieces[number].hours)
                ]
                # The last of a stage is enough: it waited for those before it.
                of_stage = (own[group] or before.get(group, []))[-1:]
                own[group].append(len(pieces))
                pieces.append(Piece(group, together, frozenset([*gate, *of_hours, *of_stage])))
            previous = group
        before, before_that = own, before
    return pieces


@contextmanager
def open_workers(count: int) -> Iterator[Callable[..., Future[Ended]]]:
    """What starts a piece in one of so many processes; a single one is this one, which does it before it returns."""
    if count < 2:
        yield do_at_once
        return
    spawn = multiprocessing.get_context("spawn")  # a fork would have libraries without their threads
    with ProcessPoolExecutor(count, spawn, begin_worker) as pool:
        try:
            yield pool.submit
        except BrokenProcessPool as broken:
            raise OutOfMemory(
                "a process of the backfill ended before its work did: killed, most often because memory ran out, or not "
                "able to start (then it said why above); what has landed stays: run the same backfill with --processes 1, "
                "which needs less."
            ) from broken
        except KeyboardInterrupt:  # where it was sent to this process alone
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def do_at_once(function: Callable[..., Ended], *given: object) -> Future[Ended]:
    """A call that is over when it is started."""
    future: Future[Ended] = Future()
    future.set_result(function(*given))
    return future


def begin_worker() -> None:
    """A process of a backfill ends with who began it, and when interrupted: what it leaves is never taken for landed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    show.log_plainly()
    Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Wait for the end of the process that began this one, however it ends, and end as well."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def do_piece(stages: tuple[str, ...], hours: list[datetime], settings: Settings, repull: bool) -> Ended:
    """The stages, a group of `group_stages`, of these hours have run, up to an hour in which something went wrong."""
    results: list[StageResult] = []
    error: Exception | None = None
    try:
        for result in (
            report_only(hours, settings) if stages == (ALWAYS,) else run_group_of_hours(stages, hours, settings, repull)
        ):
            results.append(result)
    except (TreasureHuntError, OSError) as known:
        error = known
    except Exception as defect:
        # Not every library's errors can be sent from one process to another, and none with its traceback.
        is_sent = multiprocessing.parent_process() is not None
        error = RuntimeError("".join(traceback.format_exception(defect))) if is_sent else defect
    return Ended(results, sum(result.stage == stages[-1] for result in results), error)


def report_only(hours: Sequence[datetime], settings: Settings) -> Iterator[StageResult]:
    """The hours are reported, and nothing is forgotten yet; one by one where together they cannot be."""
    from pipeline.stages.report import report_of_hours  # not above: it brings in what other stages do without

    runs = [Run(hour, settings) for hour in hours]
    try:
        yield from report_of_hours(runs, forgets=False)
    except DataError:
        for run in runs:
            yield from report_of_hours([run], forgets=False)


def how_to_go_on(hours: Sequence[datetime], at: int, stages: Sequence[str], repull: bool) -> str:
    """Which hours are done and which were not finished when the one in place `at` was refused, and what to type then."""
    names = [format_hour(hour) for hour in hours]
    options = "" if list(stages) == list(STAGES) else f" --only {','.join(stages)}"
    options += " --repull" if repull else ""
    command = f"`treasure-hunt backfill {{}} {names[-1]}{options}`"
    done = f"{names[0]} to {names[at - 1]} are done" if at else "No hour before it is done"
    rest = names[at + 1 :]
    if not rest:
        return f"{done}; once it is mended, go on with {command.format(names[at])}."
    return (
        f"{done}, {rest[0]} to {rest[-1]} not finished; once it is mended, go on with {command.format(names[at])}, or "
        f"without it with {command.format(rest[0])}."
    )


def count_rows(ledger: Counter[str], result: StageResult) -> None:
    """Add an hour's ledger to the sum."""
    counts = result.facts["ledger"]
    ledger.update({fate: counts[fate] for fate in FATES})
    ledger.update({f"rule {rule}": rows for rule, rows in counts["by_rule"].items()})
