"""Suite of `shop_rules`: the lines of the rules file; what may stand in one is checked where it is read."""

from great_expectations.expectations.expectation import Expectation

from expectations.rules import required, unique_together


def suite() -> list[Expectation]:
    """The rules."""
    return [*required("line", "rule", "is_active"), unique_together("line")]
