"""The gates: what is asked of an hour as a whole, beside the suites, which ask about the rows of one table.

One list, so that the documentation, the report and the serving database name the same gates; `Work.judge` applies them.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Gate:
    """What is judged (`table`), when it fails (`sentence`) and what a person does about it (`remedy`).

    A critical gate stops the hour: nothing of that stage lands, the last good version keeps serving. A warning is shown.
    Settings are named in braces and filled in for the documentation.
    """

    table: str
    severity: Severity
    sentence: str
    remedy: str


GATES: dict[str, Gate] = {
    "malformed_share_high": Gate(
        "events, items",
        "warning",
        "more than {malformed_warn_limit:.0%} of the delivered rows are malformed, from {gate_min_rows:,} rows up; rows "
        "that the source itself excludes do not count",
        "look at `treasure-hunt quarantine list`; tell the source's owner",
    ),
    "malformed_share_too_high": Gate(
        "events, items",
        "critical",
        "more than {malformed_limit:.0%} of the delivered rows are malformed, from {gate_min_rows:,} rows up",
        "mend the source or map its words (`treasure-hunt quarantine replay`), or raise TREASURE_HUNT_MALFORMED_LIMIT, "
        "then run the hour again with --repull",
    ),
    "unknown_items_share_too_high": Gate(
        "unknown_items",
        "critical",
        "more than {unknown_items_limit:.0%} of the hour's events name an item in no catalog, from {gate_min_rows:,} events "
        "up",
        "check that events and catalog come from the same shop, then run the hour again with --repull",
    ),
}
