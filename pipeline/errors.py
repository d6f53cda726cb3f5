"""The errors a person is meant to read: one sentence that says what, where, how many and what to do.

`TreasureHuntError` and its children are shown as that sentence, without a traceback; anything else is a defect.
The children say what a scheduler should do: a `DataError` will fail again on the same data, an `Unreachable` may pass later.
"""

from collections.abc import Iterable
from typing import Any


class TreasureHuntError(Exception):
    """Something the person running the pipeline can act on."""


class BadInput(TreasureHuntError):
    """A wrong argument or setting: fix the command or the environment."""


class DataError(TreasureHuntError):
    """The data itself is refused: trying again with the same data changes nothing."""


class Unreadable(DataError):
    """A delivered file is missing, damaged, or not what its checksum says; `fault` is the sentence without what to do."""

    def __init__(self, fault: str, remedy: str = "have it mended or delivered again, then run the hour again") -> None:
        super().__init__(f"{fault}; {remedy}." if remedy else fault)
        self.fault = fault

    def __reduce__(self) -> tuple[Any, ...]:  # from one process to another: what it says is made already
        return type(self), (str(self), ""), {"fault": self.fault}


class AuditFailed(DataError):
    """A draft table broke a critical expectation; nothing was landed. `findings` says what every rule found."""

    def __init__(self, sentence: str, findings: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(sentence)
        self.findings = list(findings)


class NotLanded(DataError):
    """A table that a stage needs is not in the lake yet, or was made from other inputs."""


class Overtaken(TreasureHuntError):
    """Somebody was erased while this was at work, so nothing of it is kept: worth another try at once."""


class Unreachable(TreasureHuntError):
    """A source or database does not answer: worth another try later."""


class Crowded(Unreachable):
    """More is asked of a database at once than it answers; it may be well."""


class NoSpace(TreasureHuntError):
    """A disk is full: worth another try once somebody has made room."""


class OutOfMemory(TreasureHuntError):
    """The work does not fit into the memory it may use, also not by one thread."""
