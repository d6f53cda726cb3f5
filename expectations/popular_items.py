"""Suite of `popular_items`: the list everyone can be given; there must be one."""

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, rule, unique_together


def suite() -> list[Expectation]:
    """The rules."""
    return [
        *required("segment", "rank", "item_id", "score"),
        unique_together("segment", "rank"),
        unique_together("segment", "item_id"),
        between("score", 0, 1e15),
        rule(
            gxe.ExpectTableRowCountToBeBetween,
            "nothing_available",
            "no item of the catalog is available, so no list can be filled: see is_available in the source",
            min_value=1,
        ),
    ]
