from sql_tables import rows_of


def test_rows_outside_the_hours_or_without_a_readable_one_are_counted() -> None:
    moments = ["2026-01-01 10:59:59", "2026-01-01 11:00:00", "2026-01-01 12:00:00", "soon", "", None, "infinity"]
    pulled = [{"locator": str(place), "delivered_at": moment} for place, moment in enumerate(moments)]
    assert rows_of("misplaced_rows", pulled=pulled) == [{"pulled": 7, "misplaced": 6}]
    assert rows_of("misplaced_rows", pulled=[]) == [{"pulled": 0, "misplaced": 0}]
