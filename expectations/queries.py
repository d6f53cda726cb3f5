"""Suite of `queries`: what people typed."""

from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, unique_together


def suite() -> list[Expectation]:
    """The rules."""
    return [
        *required("query", "searchers", "users"),
        unique_together("query"),
        between("searchers", 1, 2**53),
    ]
