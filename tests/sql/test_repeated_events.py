from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sql_tables import Row, clock, numbered, rows_of

CLICK: Row = {"event_id": "e", "user_id": "u", "event_type": "click", "item_id": "a", "occurred_at": clock("11:05")}
LATER = {**CLICK, "ingested_at": clock("11:30")}
BODY: dict[str, Any] = {
    "user_id": "v",
    "session_id": "s",
    "event_type": "purchase",
    "query": "q",
    "item_id": "b",
    "quantity": 2,
    "position": 3,
    "occurred_at": clock("11:06"),
}


def repeated(*rows: Row, known: tuple[Row, ...] = (), refused: tuple[int, ...] = ()) -> dict[int, str | None]:
    found = rows_of(
        "repeated_events",
        typed_events=numbered({"locator": "l", **row} for row in rows),
        refused=[{"row": row, "rule": "r", "is_primary": True} for row in refused],
        known_events=known,
    )
    return {row["row"]: row["what_changed"] for row in found}


def test_an_event_that_came_once_is_not_there() -> None:
    assert repeated(CLICK, {**CLICK, "event_id": "f"}) == {}


def test_the_same_event_again_changed_nothing_whenever_it_was_taken_in() -> None:
    assert repeated(CLICK, LATER, CLICK) == {1: None, 3: None}  # the one with a time of arrival is the first


def test_each_part_that_differs_from_the_first_is_named() -> None:
    first = {**CLICK, "ingested_at": clock("11:10")}
    for name, value in BODY.items():
        assert repeated(first, {**LATER, name: value}) == {2: name}
    assert repeated(first, {**LATER, **BODY}) == {2: ", ".join(BODY)}


def test_the_first_is_what_was_taken_in_first_not_what_is_handed_over_first() -> None:
    other = {**CLICK, "item_id": "b", "ingested_at": clock("11:10")}
    assert repeated(LATER, other) == {1: "item_id"}
    assert repeated(CLICK, other) == {1: "item_id"}  # when it was taken in is not known


def test_what_was_accepted_within_the_look_back_is_the_first_whenever_it_was_taken_in() -> None:
    known = {**CLICK, "ingested_at": clock("11:50")}
    other = {**LATER, "item_id": "b"}
    assert repeated(other, CLICK, known=(known,)) == {1: "item_id", 2: None}


def test_refused_and_excluded_rows_are_neither_first_nor_repeated() -> None:
    other = {**LATER, "item_id": "b"}
    assert repeated(CLICK, other, refused=(1,)) == {}
    assert repeated({**CLICK, "excluded": "cancelled"}, other) == {}


@settings(max_examples=40)
@given(
    st.lists(
        st.builds(
            lambda event_id, item_id, minute: {
                **CLICK,
                "event_id": event_id,
                "item_id": item_id,
                "ingested_at": clock(f"11:{minute:02}"),
            },
            st.sampled_from("ef"),
            st.sampled_from("abc"),
            st.integers(0, 3),
        ),
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_rows_are_handed_over_changes_nothing(rows: list[Row], random: Any) -> None:
    shuffled = random.sample(rows, len(rows))

    def fates(order: list[Row]) -> list[tuple[Any, ...]]:
        places = repeated(*order)
        return sorted(
            (row["event_id"], row["item_id"], row["ingested_at"], places.get(place, "accepted") or "duplicate")
            for place, row in enumerate(order, start=1)
        )

    assert fates(shuffled) == fates(rows)
