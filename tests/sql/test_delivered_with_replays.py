from sql_tables import Row, numbered, rows_of


def again(delivered: list[Row], replayed: list[Row]) -> list[tuple[int, str]]:
    rows = rows_of("delivered_with_replays", delivered=delivered, replayed_events=replayed)
    return [(row["row"], row["locator"]) for row in rows]


def test_replayed_rows_stand_behind_those_of_the_source_and_are_numbered_on() -> None:
    delivered = numbered([{"locator": "z"}, {"locator": "a"}])
    assert again(delivered, [{"locator": "replay b"}]) == [(1, "z"), (2, "a"), (3, "replay b")]


def test_their_order_is_that_of_their_locators_however_they_are_read() -> None:
    replayed = [{"locator": f"replay {letter}"} for letter in "cab"]
    assert again([], replayed) == again([], replayed[::-1]) == [(1, "replay a"), (2, "replay b"), (3, "replay c")]


def test_every_text_is_handed_on() -> None:
    texts = {name: name for name in ("event_id", "user_id", "session_id", "event_type", "query", "item_id")}
    texts |= {name: name for name in ("quantity", "position", "occurred_at", "ingested_at", "excluded", "delivered_at")}
    [row] = rows_of("delivered_with_replays", delivered=[], replayed_events=[{"locator": "r", **texts}])
    assert row == {"row": 1, "locator": "r", **texts}
