"""Suite of `bought`: what users own already."""

from great_expectations.expectations.expectation import Expectation

from expectations.rules import required, unique_together


def suite() -> list[Expectation]:
    """The rules."""
    return [
        *required("user_id", "item_id"),
        unique_together("user_id", "item_id"),
    ]
