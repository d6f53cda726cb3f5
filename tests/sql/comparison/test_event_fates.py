from sql_tables import clock, rows_of

FILE = "events/2026-01-01/11/events.parquet"


def fates(ids: list[str], accepted: list[str], refused: list[int]) -> list[str]:
    rows = [
        {"row": place, "locator": f"{FILE}:{place}", "event_id": name, "delivered_at": clock("11:30")}
        for place, name in enumerate(ids, start=1)
    ]
    found = rows_of(
        "comparison/event_fates",
        log_rows=rows,
        accepted=[{"event_id": name} for name in accepted],
        quarantined=[{"locator": f"{FILE}:{row}"} for row in refused],
    )
    assert [row["event_id"] for row in found] == ids
    return [row["fate"] for row in found]


def test_the_first_row_of_an_accepted_event_is_it_and_others_repeat_it() -> None:
    assert fates(["a", "b", "a"], ["a", "b"], []) == ["accepted", "accepted", "duplicate"]


def test_a_row_that_is_refused_is_quarantined_and_the_next_of_its_id_is_the_event() -> None:
    assert fates(["a", " a", "a"], ["a"], [1]) == ["quarantined", "accepted", "duplicate"]


def test_a_row_whose_event_an_earlier_hour_accepted_is_a_duplicate() -> None:
    assert fates(["a"], [], []) == ["duplicate"]


def test_what_another_file_had_refused_is_no_matter_of_this_one() -> None:
    found = rows_of(
        "comparison/event_fates",
        log_rows=[{"row": 1, "locator": f"{FILE}:1", "event_id": "a", "delivered_at": clock("11:30")}],
        accepted=[{"event_id": "a"}],
        quarantined=[{"locator": "events/2026-01-01/10/events.parquet:1"}],
    )
    assert [row["fate"] for row in found] == ["accepted"]


def test_an_event_whose_time_cannot_be_read_counts_from_its_delivery() -> None:
    rows = [
        {"row": 1, "event_id": "a", "occurred_at": "soon", "delivered_at": clock("11:30")},
        {"row": 2, "event_id": "b", "occurred_at": "2026-01-01T11:10:00Z", "delivered_at": clock("11:30")},
    ]
    found = rows_of("comparison/event_fates", log_rows=rows, accepted=[], quarantined=[])
    assert [row["occurred"] for row in found] == [clock("11:30"), clock("11:10")]
