"""Suite of `quarantined_events`: every refused row says where it came from, which rule refused it, and what it held."""

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.rules import rule


def suite() -> list[Expectation]:
    """The rules; they hold for quarantined items alike."""
    return [
        rule(
            gxe.ExpectColumnValuesToNotBeNull, f"{column}_missing", f"a refused row without its {column}", column=column
        )
        for column in ("locator", "rule", "sentence", "raw_row")
    ]
