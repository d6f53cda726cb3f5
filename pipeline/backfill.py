"""Many hours in one process, oldest first, with a progress bar: imports and caches are paid once."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline import show
from pipeline.hours import format_hour
from pipeline.line import report_failure, run_stage_of_hours
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

    Goes day by day: each stage for all hours of the day, then the next stage.
    """
    ledger: Counter[str] = Counter()
    with progress_bar() as progress:
        task = progress.add_task("backfill", total=len(hours) * len(stages))
        for start in range(0, len(hours), DAY):
            day = hours[start : start + DAY]
            try:
                for stage in stages:
                    progress.update(task, description=f"{format_hour(day[0])} {stage:<14}")
                    for result in run_stage_of_hours(stage, day, settings, repull):
                        progress.update(task, advance=1, description=f"{result.hour} {stage:<14}")
                        if stage == "ingest_events":
                            count_rows(ledger, result)
            except Exception:
                report_failure(stages, day, settings)
                raise
    return ledger


def count_rows(ledger: Counter[str], result: StageResult) -> None:
    """Add an hour's ledger to the sum."""
    counts = result.facts["ledger"]
    ledger.update({fate: counts[fate] for fate in FATES})
    ledger.update({f"rule {rule}": rows for rule, rows in counts["by_rule"].items()})
