from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from sql_tables import Row, clock, numbered, rows_of


def typed(*ids: str, **columns: str) -> list[Row]:
    """Typed events of these ids; `item_id` says which delivery it was."""
    return numbered(
        {"event_id": event_id, "locator": f"log:{place}", "item_id": f"{event_id}{place}", **columns}
        for place, event_id in enumerate(ids, start=1)
    )


def accept(rows: list[Row], refused: list[int] | None = None, known: list[str] | None = None) -> list[Row]:
    return accepted_of(
        rows,
        [{"row": row, "rule": "r", "is_primary": True} for row in refused or []],
        [{"event_id": event_id} for event_id in known or []],
    )


def accepted_of(rows: list[Row], refused: list[Row], known: list[Row]) -> list[Row]:
    repeated = rows_of("repeated_events", typed_events=rows, refused=refused, known_events=known)
    return rows_of("events", typed_events=rows, refused=refused, repeated_events=repeated)


def test_of_several_deliveries_of_one_id_the_first_counts() -> None:
    assert [row["item_id"] for row in accept(typed("b", "a", "b", "a"))] == ["a2", "b1"]


def test_the_first_delivery_is_found_whatever_order_the_rows_are_read_in() -> None:
    assert [row["item_id"] for row in accept(typed("b", "a", "b", "a")[::-1])] == ["a2", "b1"]


def test_an_id_that_came_within_the_look_back_is_a_duplicate() -> None:
    assert [row["event_id"] for row in accept(typed("a", "b"), known=["a"])] == ["b"]


def test_a_refused_row_is_never_accepted_and_hides_no_later_delivery() -> None:
    assert [row["item_id"] for row in accept(typed("a", "a", "b"), refused=[1, 3])] == ["a2"]


def test_an_excluded_row_is_never_accepted_and_hides_no_later_delivery() -> None:
    rows = [*typed("a", excluded="cancelled"), typed("a", "a")[1]]
    assert [row["item_id"] for row in accept(rows)] == ["a2"]


def test_what_an_event_holds_comes_through_as_it_is() -> None:
    event = {
        "event_id": "9007199254740993",
        "user_id": "u",
        "session_id": "s",
        "event_type": "click",
        "query": "\u6238\u68da",
        "item_id": "1e5",
        "quantity": 2,
        "position": 3,
        "occurred_at": clock("11:30"),
        "ingested_at": clock("11:31"),
        "lag_seconds": 1800,
    }
    assert accept([{"row": 1, "locator": "log:1", **event}]) == [event]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Row], list[Row], list[str]]:
    rows = numbered(
        draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "event_id": st.sampled_from("abcdef"),
                        "locator": st.just("l"),
                        "excluded": st.sampled_from([None, None, None, "cancelled"]),
                    }
                ),
                max_size=15,
            )
        )
    )
    refused = []
    for row in rows:
        rules = draw(st.lists(st.sampled_from(["r1", "r2", "r3"]), max_size=2, unique=True))
        refused += [
            {"row": row["row"], "rule": rule, "sentence": "s", "is_primary": place == 0}
            for place, rule in enumerate(rules)
        ]
    return rows, refused, draw(st.lists(st.sampled_from("abc"), max_size=3, unique=True))


@settings(max_examples=60)
@given(deliveries())
def test_every_delivered_row_is_accepted_or_quarantined_or_a_duplicate(
    world: tuple[list[Row], list[Row], list[str]],
) -> None:
    rows, refused, known = world
    accepted = accepted_of(rows, refused, [{"event_id": i} for i in known])
    quarantined = rows_of(
        "quarantined_events",
        typed_events=rows,
        refused=refused,
        delivered=[{"row": row["row"], "locator": str(row["row"])} for row in rows],
    )
    broken = {row["row"] for row in refused}
    fates = Counter()
    standing = set(known)
    for row in rows:
        if row["excluded"] or row["row"] in broken:
            fates["quarantined"] += 1
        elif row["event_id"] in standing:
            fates["duplicate"] += 1
        else:
            fates["accepted"] += 1
            standing.add(row["event_id"])
    assert len(accepted) == fates["accepted"]
    assert {row["event_id"] for row in accepted} == standing - set(known)
    assert [int(row["locator"]) for row in quarantined] == [
        row["row"] for row in rows if row["excluded"] or row["row"] in broken
    ]
    assert len(rows) == len(accepted) + len(quarantined) + fates["duplicate"]
