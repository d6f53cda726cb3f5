"""Suite of `query_recommendations`: ranked lists without repeats and with finite scores."""

from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, unique_together


def suite(k: int) -> list[Expectation]:
    """The rules; `k` is the length of a full list."""
    return [
        *required("query", "rank", "item_id", "score", "reason", "is_common"),
        unique_together("query", "rank"),
        unique_together("query", "item_id"),
        between("rank", 1, k),
        between("score", -1e6, 1e6),
    ]
