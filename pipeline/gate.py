"""What a gate is: a question about an hour as a whole, what it means, and what a person does when it fails."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Gate:
    """What is judged (one of `tables`), when it fails (`sentence`) and what a person does about it (`remedy`).

    A critical gate stops the hour: nothing of that stage lands, the last good version keeps serving. A warning is shown.
    Settings are named in braces and filled in for the documentation.
    """

    tables: tuple[str, ...]
    severity: Severity
    sentence: str
    remedy: str
