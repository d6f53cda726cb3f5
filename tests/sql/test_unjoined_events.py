from sql_tables import rows_of


def test_the_hours_events_that_stand_alone_are_listed_with_the_reason_and_those_of_other_hours_are_not() -> None:
    events = [
        {"event_id": name, "event_type": kind, "is_reference": is_reference, "is_joined": is_joined}
        for name, kind, is_reference, is_joined in [
            ("d", "search", False, False),
            ("c", "click", False, False),
            ("b", "search", False, True),
            ("a", "purchase", False, True),
            ("e", "search", True, False),
        ]
    ]
    assert rows_of("unjoined_events", profiled_events=events) == [
        {"event_id": "c", "reason": "unknown_item"},
        {"event_id": "d", "reason": "search_without_click"},
    ]
