"""Many hours in one process, oldest first, with a progress bar: imports and caches are paid once."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline import show
from pipeline.errors import DataError
from pipeline.hours import format_hour
from pipeline.line import STAGES, group_stages, report_failure, run_group_of_hours
from pipeline.run import StageResult
from pipeline.settings import Settings

DAY = 24
FATES = ("delivered", "accepted", "quarantined", "duplicate")


def progress_bar() -> Progress:
    """The one style of progress bar there is."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=show.console)


def backfill_hours(
    settings: Settings, hours: Sequence[datetime], stages: Sequence[str], repull: bool = False
) -> Counter[str]:
    """Run the stages of many hours; returns the ledger of their events added up: rows by fate and by rule.

    Goes day by day: each stage for all hours of the day, then the next stage; those of `CHAINED` hour by hour. When an hour
    is refused, those before it go through the stages that are left; then its error is raised, with which hours are done and
    how to go on.
    """
    ledger: Counter[str] = Counter()
    with progress_bar() as progress:
        task = progress.add_task("backfill", total=len(hours) * len(stages))
        for start in range(0, len(hours), DAY):
            day = going = hours[start : start + DAY]
            refused: DataError | None = None
            try:
                for group in group_stages(stages):
                    through = 0
                    progress.update(task, description=f"{format_hour(day[0])} {group[0]:<14}")
                    try:
                        for result in run_group_of_hours(group, going, settings, repull):
                            through += result.stage == group[-1]
                            progress.update(task, advance=1, description=f"{result.hour} {result.stage:<14}")
                            if result.stage == "ingest_events":
                                count_rows(ledger, result)
                    except DataError as error:
                        refused, going = error, going[:through]
                if refused:
                    raise type(refused)(
                        f"{refused} {how_to_go_on(hours, start + len(going), stages, repull)}"
                    ) from refused
            except Exception:
                report_failure(stages, day[len(going) :] or day, settings)
                raise
    return ledger


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
