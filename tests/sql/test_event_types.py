from sql_tables import rows_of

from pipeline.seeds import event_types


def test_the_four_event_types_are_worth_more_the_more_they_say() -> None:
    worth = {row["event_type"]: row["weight"] for row in rows_of("event_types")}
    assert worth["search"] < worth["click"] < worth["add_to_cart"] < worth["purchase"]


def test_sql_and_suites_read_the_same_event_types() -> None:
    assert sorted(row["event_type"] for row in rows_of("event_types")) == sorted(event_types())
