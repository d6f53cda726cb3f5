"""Suite of `repeated_events`, the delivered rows whose event id was delivered before."""

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.rules import rule


def suite() -> list[Expectation]:
    """The rule; a row that passes it is a duplicate."""
    return [
        rule(
            gxe.ExpectColumnValuesToBeNull,
            "event_id_reused",
            "its id was delivered before with another body; the first delivery counts",
            column="what_changed",
            refuses=True,
        )
    ]
