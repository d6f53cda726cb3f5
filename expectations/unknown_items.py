"""Suite of `unknown_items`: items in no catalog, each counted once."""

from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, unique_together


def suite() -> list[Expectation]:
    """The rules."""
    return [
        *required("item_id", "events"),
        unique_together("item_id"),
        between("events", 1, 2**53),
    ]
