"""Suite of `prequential`: figures that can be compared, none about a handful of people."""

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, rule, unique_together

KNOWN = {
    "list": ["item_knn", "popular", "recent", "served"],
    "slice": ["all", "head", "new", "personal", "popular", "searches", "tail"],
    "metric": [
        "coverage",
        "diversity",
        "hit_rate",
        "mrr",
        "ndcg",
        "ndcg_gain",
        "novelty",
        "popularity",
        "recall",
        "recall_gain",
    ],
}


def suite() -> list[Expectation]:
    """The rules; coverage is no mean over users and has no interval."""
    return [
        *required("list", "slice", "k", "metric", "users", "value", "age_hours"),
        unique_together("list", "slice", "k", "metric"),
        *(
            rule(
                gxe.ExpectColumnValuesToBeInSet,
                f"{column}_unknown",
                f"the {column} is not one of {', '.join(values)}",
                column=column,
                value_set=values,
            )
            for column, values in KNOWN.items()
        ),
        between("k", 1, 20),
        between("users", 20, 2**53),
        between("value", -1, 64),
        between("age_hours", 1, 24),
        rule(
            gxe.ExpectColumnPairValuesAToBeGreaterThanB,
            "interval_upside_down",
            "the upper bound of the interval is below the lower one",
            column_A="high",
            column_B="low",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
        ),
    ]
