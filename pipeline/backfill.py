"""Many hours, oldest first, with a progress bar: what is paid once is shared, and every core has something to do."""

import multiprocessing
import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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
SHORT = 4  # so few hours are done before another process has loaded its libraries
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
    through: int
    error: Exception | None


def backfill_hours(
    settings: Settings, hours: Sequence[datetime], stages: Sequence[str], repull: bool = False, processes: int = 1
) -> Counter[str]:
    """Run the stages of many hours; returns the ledger of their events added up: rows by fate and by rule.

    So many processes do it side by side; a single one is this one. When something goes wrong in an hour, those before it go
    through the stages that are left; then the error is raised, a refusal with which hours are done and how to go on.
    """
    ledger: Counter[str] = Counter()
    pieces, place = plan(hours, stages), {hour: number for number, hour in enumerate(hours)}
    waiting, running, done = dict.fromkeys(range(len(pieces))), dict[Future[Ended], int](), set[int]()
    error: Exception | None = None
    end = len(hours)  # hours from here on stay as they are
    begun, reported = set[datetime](), set[datetime]()
    workers = min(processes, 1 + len(hours) // SHORT)
    with progress_bar() as progress, open_workers(workers) as start:
        task = progress.add_task("backfill", total=len(hours) * len(stages))
        try:
            while waiting or running:
                near = islice(waiting, 3 * PART * len(stages))  # what is ready is of three parts at most
                ready = [number for number in near if pieces[number].after <= done]
                if workers > 1:  # what is taken in early is waited for by nobody
                    ready.sort(key=lambda number: pieces[number].stages[0] not in TAKING_IN)
                for number in ready[: workers - len(running)]:
                    del waiting[number]
                    piece = pieces[number]
                    going = [hour for hour in piece.hours if place[hour] < end]
                    if going:
                        begun |= set(going)
                        progress.update(task, description=f"{format_hour(going[0])} {piece.stages[0]:<14}")
                        running[start(do_piece, piece.stages, going, settings, repull)] = number
                    else:
                        done.add(number)
                for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                    number = running.pop(future)
                    done.add(number)
                    ended, piece = future.result(), pieces[number]
                    for result in ended.results:
                        progress.update(task, advance=1, description=f"{result.hour} {result.stage:<14}")
                        if result.stage == "ingest_events":
                            count_rows(ledger, result)
                    reported |= set(piece.hours[: ended.through]) if ALWAYS in piece.stages else set()
                    if ended.error and place[piece.hours[0]] + ended.through < end:
                        error, end = ended.error, place[piece.hours[0]] + ended.through
            if error:
                raise error
        except Exception:
            report_failure(stages, sorted(begun - reported), settings)
            with suppress(TreasureHuntError, OSError):
                forget(stages, sorted(begun), settings)
            if isinstance(error, DataError):
                error.args = (f"{error} {how_to_go_on(hours, end, stages, repull)}",)
            raise
        forget(stages, hours, settings)
    return ledger


def forget(stages: Sequence[str], hours: Sequence[datetime], settings: Settings) -> None:
    """What is old is forgotten when no piece reads it any more; reports that are asked for hour by hour do so each time."""
    if ALWAYS in stages and hours:
        from pipeline.privacy.forget import forget_old_text  # not above: it brings in the database's library

        for sentence in forget_old_text([Run(hour, settings) for hour in hours]):
            show.sentence(sentence)


def plan(hours: Sequence[datetime], stages: Sequence[str]) -> list[Piece]:
    """The pieces of a backfill; each waits for pieces of lower numbers alone.

    Goes part by part of `PART` hours; stages of `TOGETHER` do all hours of a part at once, the others hour by hour. A piece
    waits for the stages before it of its own hours, and for its own stage of the hours before. What comes out must not
    depend on which process is quicker, so lists are made when the models of the whole part are (`predecessor.is_withheld`
    looks at both), and only taking in goes ahead of the part before: all else waits until that is published and reported.
    """
    pieces: list[Piece] = []
    groups = group_stages(stages)
    parts: list[dict[tuple[str, ...], list[int]]] = [
        {},
        {},
    ]  # numbers by group; two empty ones, so that there is a [-2]
    for start in range(0, len(hours), PART):
        part, own = tuple(hours[start : start + PART]), dict[tuple[str, ...], list[int]]()
        before: tuple[str, ...] = ()
        for group in groups:
            own[group] = []
            earlier = parts[-2 if group[0] in TAKING_IN else -1].get(groups[-1], [])
            for some in [part] if group[0] in TOGETHER else [(hour,) for hour in part]:
                of_hours = [
                    number
                    for number in own.get(before, [])
                    if before[0] in CHAINED or not set(some).isdisjoint(pieces[number].hours)
                ]
                # The last of a stage is enough: it waited for those before it.
                of_stage = (own[group] or parts[-1].get(group, []))[-1:]
                own[group].append(len(pieces))
                pieces.append(Piece(group, some, frozenset([*earlier, *of_hours, *of_stage])))
            before = group
        parts.append(own)
    return pieces


@contextmanager
def open_workers(count: int) -> Iterator[Callable[..., Future[Ended]]]:
    """What starts a piece in one of so many processes; a single one is this one, which does it before it returns."""
    if count < 2:
        yield do_at_once
        return
    with ProcessPoolExecutor(
        count, multiprocessing.get_context("spawn"), begin_worker
    ) as pool:  # libraries have threads
        try:
            yield pool.submit
        except BrokenProcessPool as broken:
            raise OutOfMemory(
                "a process of the backfill was killed, most often because memory ran out; what has landed stays: run the "
                "same backfill with --processes 1, which needs less."
            ) from broken


def do_at_once(function: Callable[..., Ended], *given: object) -> Future[Ended]:
    """A call that is over when it is started."""
    future: Future[Ended] = Future()
    future.set_result(function(*given))
    return future


def begin_worker() -> None:
    """A process of a backfill ends with who began it, and when interrupted: stages leave nothing half done behind."""
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
        if stages == (ALWAYS,):
            from pipeline.stages.report import report_of_hours  # not above: it brings in what other stages do without

            results += report_of_hours([Run(hour, settings) for hour in hours], forgets=False)
        else:
            for result in run_group_of_hours(stages, hours, settings, repull):
                results.append(result)
    except (TreasureHuntError, OSError) as known:
        error = known
    except Exception as defect:
        # Not every library's errors can be sent from one process to another, and none with its traceback.
        is_sent = multiprocessing.parent_process() is not None
        error = RuntimeError("".join(traceback.format_exception(defect))) if is_sent else defect
    return Ended(results, sum(result.stage == stages[-1] for result in results), error)


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
