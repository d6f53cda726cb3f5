"""What a stage is given (`Run`) and what it gives back (`StageResult`)."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.hours import HOUR, format_hour
from pipeline.settings import Settings


@dataclass(frozen=True)
class Run:
    """One hour under one set of settings: all that a stage may depend on.

    `lake` is where this run writes (default: the settings' lake); `history`, when given, is a second lake that
    other hours are read from, so that an hour can be computed again elsewhere. `recorded`, when given, are the names of
    the inputs that it was made from before: then no table of another hour is looked for but these. `accept`, when given,
    says why a model is published that is refused beside its predecessor.
    """

    hour: datetime
    settings: Settings
    repull: bool = False
    lake: Path = field(default=None)  # type: ignore[assignment]  # filled in below, never None afterwards
    history: Path | None = None
    recorded: frozenset[str] | None = None
    accept: str = ""

    def __post_init__(self) -> None:
        if self.lake is None:
            object.__setattr__(self, "lake", self.settings.lake)

    @property
    def end(self) -> datetime:
        """The end of the hour: the moment that everything is computed as of."""
        return self.hour + HOUR

    @property
    def name(self) -> str:
        """The hour as text, `2026-01-01T13`."""
        return format_hour(self.hour)


@dataclass(frozen=True)
class StageResult:
    """What a stage did: rows in, rows out, the files it landed and anything a person should be told."""

    stage: str
    hour: str
    rows_in: int
    rows_out: int
    seconds: float
    files: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    reused: bool = False
    is_superseded: bool = False  # a later attempt of the hour has done its work: nothing was landed, nothing is wrong
