"""Suite of `holdout`: one hidden item a user."""

from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, unique_together


def suite() -> list[Expectation]:
    """The rules."""
    return [
        *required("user_id", "item_id", "kind", "weight"),
        unique_together("user_id"),
        between("weight", 1, 2**53),
    ]
