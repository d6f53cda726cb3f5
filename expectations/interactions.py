"""Suite of `interactions`: weights that a model can be trained on; one NaN or overflow would spoil the whole fit."""

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, rule, unique_together


def suite(kinds: list[str], most_weight: int) -> list[Expectation]:
    """The rules; `most_weight` is the cap in millionths of one search."""
    return [
        *required("user_id", "item_id", "weight", "kind"),
        unique_together("user_id", "item_id"),
        between("weight", 1, most_weight),
        rule(
            gxe.ExpectColumnValuesToBeInSet,
            "kind_unknown",
            f"kind is not one of {', '.join(kinds)}",
            column="kind",
            value_set=kinds,
        ),
    ]
