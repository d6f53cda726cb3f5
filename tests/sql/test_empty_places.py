from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from list_worlds import IDS, available, lists_of, worlds
from sql_tables import items, rows_of


def empty_places(k: int, catalog: list[dict[str, Any]], bought: dict[str, list[str]], listed: list[str]) -> int:
    (row,) = rows_of(
        "empty_places",
        {"k": k},
        items=catalog,
        bought=[{"user_id": user, "item_id": item} for user, owned in bought.items() for item in owned],
        user_recommendations=[{"user_id": user} for user in listed],
    )
    return int(row["empty_places"])


@pytest.mark.parametrize(
    ("k", "bought", "places"),
    [
        (2, {}, 0),
        (2, {"u": ["a"]}, 0),  # two of three are left
        (2, {"u": ["a", "b"]}, 1),
        (5, {"u": ["a"]}, 1),  # three are there, two are left
        (2, {"u": ["a", "b"], "v": ["b", "c"]}, 2),
        (2, {"u": ["a", "gone"]}, 0),  # what nobody can buy takes no place
        (2, {"w": ["a", "b", "c"]}, 0),  # without a list
    ],
)
def test_places_that_purchases_leave_empty_are_counted(k: int, bought: dict[str, list[str]], places: int) -> None:
    catalog = [*items("a", "b", "c"), {"item_id": "gone", "is_available": False}]
    assert empty_places(k, catalog, bought, ["u", "u", "v"]) == places


@given(worlds(), st.lists(st.tuples(st.sampled_from("uvw"), st.sampled_from(IDS)), unique=True, max_size=20))
def test_they_are_exactly_what_the_lists_lack(world: dict[str, Any], pairs: list[tuple[str, str]]) -> None:
    """The lists that sql/user_recommendations.sql makes of any shop are filled but for these places."""
    bought = [{"user_id": user, "item_id": item} for user, item in pairs]
    listed = rows_of(
        "user_recommendations",
        {"k": world["k"]},
        items=world["items"],
        popular_items=world["popular_items"],
        bought=bought,
        scored_items=[],
        listed_users=[{"user_id": user} for user in "uvw"],
    )
    full = min(world["k"], len(available(world)))
    lacking = sum(full - len(found) for found in lists_of("user_id", listed).values())
    owned: dict[str, list[str]] = {}
    for user, item in pairs:
        owned.setdefault(user, []).append(item)
    assert empty_places(world["k"], world["items"], owned, [row["user_id"] for row in listed]) == lacking
