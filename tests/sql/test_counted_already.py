from sql_tables import rows_of


def counted(ids: list[str], landed: list[str], waiting: list[str]) -> list[str]:
    tables = {"typed_events": ids, "landed_events": landed, "waiting_events": waiting}
    rows = rows_of("counted_already", **{name: [{"event_id": one} for one in ids] for name, ids in tables.items()})
    return [row["event_id"] for row in rows]


def test_an_event_counts_already_when_it_was_accepted_or_waits() -> None:
    assert counted(["a", "b", "c"], ["c", "x"], ["b"]) == ["b", "c"]


def test_waiting_ids_are_compared_as_they_will_be_typed() -> None:
    assert counted(["a"], [], ["  a "]) == ["a"]


def test_an_event_that_stands_there_twice_is_named_once() -> None:
    assert counted(["a", "a"], ["a", "a"], ["a"]) == ["a"]
