"""Suite of `items`: what a catalog snapshot must be. An empty catalog is never good."""

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

from expectations.rules import rule, storable


def suite(id_length: int, text_length: int) -> list[Expectation]:
    """The rules; lengths in characters."""
    return [
        rule(
            gxe.ExpectColumnValuesToNotBeNull,
            "item_id_missing",
            "an item without an id",
            column="item_id",
            refuses=True,
        ),
        storable("item_id", id_length),
        *(storable(column, text_length) for column in ("title", "brand")),
        storable("category", id_length),  # part of a key in the serving database, whose length is limited
        rule(
            gxe.ExpectColumnValuesToBeBetween,
            "price_out_of_range",
            "the price is not a number above 0 and up to 1,000,000",
            column="price",
            min_value=0,
            strict_min=True,
            max_value=1_000_000,
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToMatchRegex,
            "currency_unreadable",
            "the currency is not a code of three letters",
            column="currency",
            regex=r"\A[A-Z]{3}\Z",
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToNotBeNull,
            "availability_unreadable",
            "whether the item is available is not said by true or false",
            column="is_available",
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToBeUnique,
            "item_repeated",
            "an item stands in the snapshot more than once",
            column="item_id",
        ),
        rule(
            gxe.ExpectTableRowCountToBeBetween,
            "catalog_empty",
            "the catalog is empty",
            min_value=1,
        ),
        rule(
            gxe.ExpectColumnValuesToNotBeNull,
            "titles_missing",
            "more than 5 % of the items have no title",
            column="title",
            mostly=0.95,
            severity="warning",
        ),
    ]
