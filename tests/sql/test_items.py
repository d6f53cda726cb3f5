from sql_tables import Row, clock, numbered, rows_of


def snapshot(*rows: Row, refused: tuple[int, ...] = ()) -> list[tuple[str, str]]:
    refusals = [{"row": row, "rule": "r", "is_primary": True} for row in refused]
    kept = rows_of("items", typed_items=numbered(rows), refused=refusals)
    return [(row["item_id"], row["title"]) for row in kept]


def version(item_id: str, title: str, updated_at: str | None = None) -> Row:
    return {"item_id": item_id, "title": title, "updated_at": clock(updated_at) if updated_at else None}


def test_of_an_item_delivered_twice_the_newest_row_counts_wherever_it_stands() -> None:
    old, new = version("a", "old", "08:00"), version("a", "new", "09:00")
    assert snapshot(old, new) == snapshot(new, old) == [("a", "new")]


def test_a_row_that_says_when_it_is_from_beats_one_that_does_not() -> None:
    assert snapshot(version("a", "dated", "08:00"), version("a", "undated")) == [("a", "dated")]


def test_of_equally_new_rows_the_last_delivered_counts() -> None:
    assert snapshot(version("a", "first", "08:00"), version("a", "last", "08:00")) == [("a", "last")]
    assert snapshot(version("a", "first"), version("a", "last")) == [("a", "last")]


def test_a_refused_row_is_left_out_and_an_older_good_one_counts() -> None:
    assert snapshot(version("a", "good", "08:00"), version("a", "bad", "09:00"), refused=(2,)) == [("a", "good")]


def test_items_stand_in_the_order_of_their_ids() -> None:
    names = "qwertzuiopasdfghjklyxcvbnm"
    assert [item_id for item_id, _ in snapshot(*[version(name, name) for name in names])] == sorted(names)
