"""Suite of `delivered_rows`: every delivered row has a locator, and no two have the same, else look-back would lose one."""

from great_expectations.expectations.expectation import Expectation

from expectations.rules import required, unique_together


def suite() -> list[Expectation]:
    """The rules."""
    return [
        *required("locator", "is_late"),
        unique_together("locator"),
    ]
