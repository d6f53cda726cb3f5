"""Suite of `evaluation`: figures that can be compared."""

from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, unique_together


def suite() -> list[Expectation]:
    """The rules."""
    return [
        *required("list", "metric", "k", "users", "value"),
        unique_together("list", "metric"),
        between("value", 0, 1),
    ]
