"""Suite of `unjoined_events`: each of the hour's events that stand alone, once, and why."""

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.rules import required, rule, unique_together

REASONS = ["search_without_click", "unknown_item"]


def suite() -> list[Expectation]:
    """The rules."""
    return [
        *required("event_id", "reason"),
        unique_together("event_id"),
        rule(
            gxe.ExpectColumnValuesToBeInSet,
            "reason_unknown",
            f"the reason is not one of {', '.join(REASONS)}",
            column="reason",
            value_set=REASONS,
        ),
    ]
