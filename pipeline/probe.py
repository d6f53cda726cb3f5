"""Whether readers get fresh lists, asked of the serving database alone, for cron and monitoring outside Airflow.

The age of an hourly version's data swings: just published it is the few minutes that the run took, an hour later that and
60 minutes. `stale_after_minutes` lies above that swing, so that a line that works never alarms, and a missed hour does.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pipeline.errors import TreasureHuntError, Unreachable
from pipeline.serving.database import connect
from pipeline.serving.read import freshness
from pipeline.settings import Settings
from pipeline.show import age

PATIENCE_SECONDS = 30.0  # a probe that is run each minute must have ended before the next
CODES = {"fresh": 0, "stale": 1, "unknown": 2}


@dataclass(frozen=True)
class Verdict:
    """What monitoring is told: a word, its sentence, and the figures behind it where there are any."""

    state: Literal["fresh", "stale", "unknown"]
    sentence: str
    version: str | None = None
    data_cutoff: datetime | None = None
    age_seconds: float | None = None
    stale_since: datetime | None = None

    @property
    def code(self) -> int:
        """The exit code: 0 fresh, 1 stale, 2 cannot tell."""
        return CODES[self.state]


def probe(settings: Settings, now: datetime, patience_seconds: float = PATIENCE_SECONDS) -> Verdict:
    """How fresh the live version of the settings' source and arm is at this moment; an error becomes a verdict too."""
    try:
        rows = ask_in_time(lambda: read_live(settings.serving), patience_seconds)
    except TreasureHuntError as error:
        return Verdict("unknown", f"cannot tell: {' '.join(str(error).split())}")
    except Exception as error:  # whatever it is: exit code 1 would say that readers get old lists
        return Verdict("unknown", f"cannot tell: {type(error).__name__} while asking the serving database.")
    return judge(rows, settings.source, settings.arm, settings.stale_after_minutes, now)


def read_live(url: str) -> list[dict[str, Any]]:
    """The live version of each source and arm; raises `NotLanded` or `Unreachable`."""
    engine = connect(url)
    try:
        return freshness(engine)
    finally:
        engine.dispose()


def judge(
    rows: Sequence[Mapping[str, Any]], source: str, arm: str, stale_after_minutes: float, now: datetime
) -> Verdict:
    """What these rows of the view `freshness` say of a source and arm; a clock that was set back makes nothing younger
    than 0.
    """
    mine = next((row for row in rows if (row["source"], row["arm"]) == (source, arm)), None)
    if mine is None:
        return Verdict("unknown", f"cannot tell: nothing of {source}/{arm} is published.")
    cutoff: datetime = mine["data_cutoff"]
    old = max((now - cutoff).total_seconds(), 0.0)
    limit = timedelta(minutes=stale_after_minutes)
    what = f"{source}/{arm} serves {mine['version']}, whose data end {cutoff:%Y-%m-%d %H:%M} UTC, {age(old)} ago"
    if old <= limit.total_seconds():
        said = f"fresh: {what}; the limit is {stale_after_minutes:g} min."
        return Verdict("fresh", said, mine["version"], cutoff, old)
    since = cutoff + limit
    said = f"stale: {what}; past the limit of {stale_after_minutes:g} min since {since:%Y-%m-%d %H:%M} UTC."
    return Verdict("stale", said, mine["version"], cutoff, old, since)


def ask_in_time(ask: Callable[[], Any], seconds: float) -> Any:
    """What `ask` returns or raises; raises `Unreachable` when it has done neither in time, and waits for it no longer."""
    done: list[Any] = []
    failed: list[Exception] = []

    def work() -> None:
        try:
            done.append(ask())
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)  # a daemon: it holds up nobody's end
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise Unreachable(f"the serving database did not answer within {seconds:g} seconds.")
    return done[0]
