"""Small random shops for the tables of lists: a catalog, what is popular in it, what was bought, what a model found."""

from typing import Any

from hypothesis import strategies as st
from sql_tables import Row, rows_of

IDS = [f"i{number}" for number in range(8)]
CATEGORIES = [None, "toys", "tools"]


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """`items`, `popular_items`, `actions` and `k` of a shop of at most eight items."""
    catalog = [
        {"item_id": item_id, "is_available": draw(st.booleans()), "category": draw(st.sampled_from(CATEGORIES))}
        for item_id in draw(st.lists(st.sampled_from(IDS), unique=True))
    ]
    known = [row["item_id"] for row in catalog]
    linked = [
        {"actor": "u", "item_id": item_id, "weight": draw(st.integers(0, 3))}
        for item_id in draw(st.lists(st.sampled_from(known), max_size=6) if known else st.just([]))
    ]
    popular = rows_of("popular_items", actions=linked, items=catalog)
    return {"items": catalog, "popular_items": popular, "k": draw(st.integers(1, 10))}


def scores(draw: st.DrawFn) -> float:
    """A score as a model gives it: about 0 to 1, sometimes just outside, often equal."""
    return draw(st.sampled_from([-0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25]))


def pairs(draw: st.DrawFn, rows: list[str], columns: list[str]) -> list[tuple[str, str]]:
    """Some different pairs of a row and a column."""
    all_pairs = [(row, column) for row in rows for column in columns]
    return draw(st.lists(st.sampled_from(all_pairs), unique=True, max_size=16)) if all_pairs else []


def available(world: dict[str, Any]) -> set[str]:
    """Ids of what the shop has."""
    return {row["item_id"] for row in world["items"] if row["is_available"]}


def lists_of(key: str, rows: list[Row], item: str = "item_id") -> dict[str, list[str]]:
    """The items of each list in the order of rank; fails unless ranks run from 1 and items differ."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row[item])
        assert row["rank"] == len(found[row[key]])
    for items in found.values():
        assert len(set(items)) == len(items)
    return found
