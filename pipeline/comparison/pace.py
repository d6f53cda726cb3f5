"""Slow motion: how the batch arm, whose line knows whole hours, runs more often than every hour.

The line is shown the log in slow motion, from its start on: 15 minutes of the log take an hour of the line. Everything of
the line that lasts so and so long is made as many times as long, so that in time of the log it lasts what it always did.
What cannot be made longer is told in `NOTES`, and all of it in docs/decisions/0047-slow-motion.md.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.duck import connect, fetch_table
from pipeline.settings import Settings, load_settings

# Settings that last, in whatever unit.
LASTING = {"window_days", "half_life_days", "link_minutes", "lookback_hours", "pull_lookback_hours", "fresh_hours"}
LASTING |= {"catalog_stale_hours", "query_text_days", "version_text_days"}
# Volume is held against the same hour of other days, and an hour of the line is no hour of the log's day.
UNGATED = {"volume_warn_low": 0.0, "volume_block_low": 0.0, "volume_warn_high": 1e9, "volume_block_high": 1e9}
NOTES = (
    " The line takes in whole hours: it was shown the log in slow motion, {cadence} of it as an hour, and its windows, "
    "half-lives and look-backs were made as much longer. Not longer: a model is learnt anew after 24 runs at the latest "
    "and not once a day; clients' clocks may go ahead by 300 s of the line's time; volume is held against nothing. Names "
    "of versions and sentences about failed runs tell the line's hours, all moments are those of the log."
)


@dataclass(frozen=True)
class Pace:
    """How fast the clock of the line goes: `times` as fast as that of the log, with which it agrees at `origin`."""

    origin: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    times: int = 1

    def to_line(self, at: datetime) -> datetime:
        """What the line's clock says at a moment of the log."""
        return self.origin + (at - self.origin) * self.times

    def to_log(self, at: datetime) -> datetime:
        """The moment of the log at which the line's clock says so."""
        return self.origin + (at - self.origin) / self.times

    def slow_moments(self, moments: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
        """What the line's clock says at these moments of the log (UTC, microseconds)."""
        origin = np.datetime64(self.origin.replace(tzinfo=None), "us")
        slowed: NDArray[np.datetime64] = origin + (moments - origin) * self.times
        return slowed

    def slow_texts(self, texts: pa.ChunkedArray, spill: Path) -> pa.ChunkedArray:
        """The same of moments as they were typed, by sql/comparison/slowed_texts.sql."""
        if self.times == 1:
            return texts
        with connect(load_settings(), spill) as connection:
            rows = pa.table({"row": pa.array(range(len(texts)), pa.int64()), "text": texts})
            connection.register("typed_moments", rows)
            return fetch_table(connection, "comparison/slowed_texts", log_start=self.origin, times=self.times)["text"]

    def slow_settings(self, settings: Settings) -> Settings:
        """Settings that last on the line's clock what these do on the log's; the usual bounds are meant for usual hours."""
        if self.times == 1:
            return settings
        return settings.model_copy(update={name: getattr(settings, name) * self.times for name in LASTING} | UNGATED)


PLAIN = Pace()
