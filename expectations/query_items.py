"""Suite of `query_items`: what people took after a query."""

from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, unique_together


def suite() -> list[Expectation]:
    """The rules."""
    return [
        *required("query", "item_id", "weight", "takers"),
        unique_together("query", "item_id"),
        between("weight", 1, 2**53),
    ]
