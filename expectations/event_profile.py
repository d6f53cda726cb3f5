"""Suite of `event_profile`: counts that drift can be measured by."""

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, rule, unique_together

FEATURES = [
    "after_search",
    "category",
    "event_type",
    "item",
    "position",
    "quantity",
    "query",
    "search",
    "session_id",
    "user_id",
]


def suite() -> list[Expectation]:
    """The rules."""
    return [
        *required("feature", "bucket", "events", "usual_events"),
        unique_together("feature", "bucket"),
        between("events", 0, 2**53),
        between("usual_events", 0, 2**53),
        rule(
            gxe.ExpectColumnValuesToBeInSet,
            "feature_unknown",
            f"the feature is not one of {', '.join(FEATURES)}",
            column="feature",
            value_set=FEATURES,
        ),
    ]
