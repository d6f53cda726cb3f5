"""Suite of `similar_items`: ranked lists of other items."""

from great_expectations.expectations.expectation import Expectation

from expectations.rules import between, required, unique_together


def suite(k: int) -> list[Expectation]:
    """The rules; `k` is the length of a full list."""
    return [
        *required("item_id", "rank", "similar_item_id", "score", "reason"),
        unique_together("item_id", "rank"),
        unique_together("item_id", "similar_item_id"),
        between("rank", 1, k),
        between("score", -1e6, 1e6),
    ]
