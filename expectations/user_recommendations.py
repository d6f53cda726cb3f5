"""Suite of `user_recommendations`: ranked lists without repeats and with finite scores."""

from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, unique_together


def suite(k: int) -> list[Expectation]:
    """The rules; `k` is the length of a full list."""
    return [
        *required("user_id", "rank", "item_id", "score", "reason"),
        unique_together("user_id", "rank"),
        unique_together("user_id", "item_id"),
        between("rank", 1, k),
        between("score", -1e6, 1e6),
    ]
