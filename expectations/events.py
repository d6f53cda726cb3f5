"""Suite of `events`: what an event must be to count. The same rules refuse single rows and gate the accepted table."""

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

from expectations.rules import rule, storable, unique_together


def suite(
    event_types: list[str], lookback_hours: int, skew_seconds: int, id_length: int, query_length: int
) -> list[Expectation]:
    """The rules; lengths in characters, `skew_seconds` is how far ahead a client's clock may go."""
    return [
        rule(
            gxe.ExpectColumnValuesToNotBeNull,
            "occurred_at_unreadable",
            "the time is missing or is not ISO 8601",
            column="occurred_at",
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToBeBetween,
            "too_late",
            f"it occurred more than {lookback_hours} hours before the hour that delivered it",
            column="lag_seconds",
            max_value=(lookback_hours + 1) * 3600,
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToBeBetween,
            "future",
            f"it claims to have occurred more than {skew_seconds} seconds after its delivery",
            column="lag_seconds",
            min_value=-skew_seconds,
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToNotBeNull,
            "event_type_missing",
            "the event type is missing",
            column="event_type",
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToBeInSet,
            "event_type_unknown",
            f"the event type is not one of {', '.join(event_types)}",
            column="event_type",
            value_set=event_types,
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToNotBeNull,
            "actor_missing",
            "neither a user nor a session is named",
            column="user_id",
            row_condition=Column("session_id").is_null(),
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToNotBeNull,
            "query_missing",
            "a search without a query",
            column="query",
            row_condition=Column("event_type") == "search",
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToNotBeNull,
            "item_missing",
            "a click, cart or purchase without an item",
            column="item_id",
            row_condition=Column("event_type") != "search",
            refuses=True,
        ),
        *(storable(column, id_length) for column in ("event_id", "user_id", "session_id", "item_id")),
        storable("query", query_length),
        rule(
            gxe.ExpectColumnValuesToBeBetween,
            "quantity_out_of_range",
            "the quantity is not a whole number from 1 to 1,000,000",
            column="quantity",
            min_value=1,
            max_value=1_000_000,
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToBeBetween,
            "position_out_of_range",
            "the position is not a whole number from 1 to 100,000",
            column="position",
            min_value=1,
            max_value=100_000,
            refuses=True,
        ),
        rule(
            gxe.ExpectColumnValuesToNotBeNull,
            "event_id_missing",
            "an event without an id",
            column="event_id",
            refuses=True,
        ),
        unique_together("event_id"),
    ]
