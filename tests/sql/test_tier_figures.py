from typing import Any

from sql_tables import Row, items, rows_of


def linked(kind: str, actor: str, query: str | None = None, item_id: str | None = None, **columns: Any) -> Row:
    return {"event_type": kind, "actor": actor, "user_id": actor, "query": query, "item_id": item_id, **columns}


def figures(*events: Row, catalog: list[Row] | None = None) -> dict[str, int]:
    (row,) = rows_of("tier_figures", actions=events, items=items("a") if catalog is None else catalog)
    return row


def test_nothing_is_all_zeros() -> None:
    nothing = dict.fromkeys(("items", "titled_items", "searches", "joined_searches", "users"), 0)
    assert figures(catalog=[]) == nothing


def test_items_without_a_title_are_told_apart() -> None:
    found = figures(catalog=[*items("a", "b", title="Halo"), *items("c")])
    assert (found["items"], found["titled_items"]) == (3, 2)


def test_a_search_counts_once_for_its_actor_and_is_joined_by_what_that_actor_took_after_it() -> None:
    found = figures(
        *[linked("search", "u", "halo")] * 3,
        *[linked("click", "u", "halo", "a")] * 2,
        linked("search", "v", "halo"),
        linked("search", "u", "fable"),
        linked("click", "w", "fable", "a"),
        linked("click", "w", None, "a"),
    )
    assert (found["searches"], found["joined_searches"]) == (3, 1)


def test_users_are_those_who_took_an_item() -> None:
    found = figures(
        linked("search", "searcher", "halo"),
        linked("click", "u", None, "a"),
        linked("purchase", "u", None, "a"),
        linked("click", "session", None, "a", user_id=None),
    )
    assert found["users"] == 1
