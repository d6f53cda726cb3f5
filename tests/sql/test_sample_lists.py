from typing import Any

from sql_tables import Row, items, rows_of

CATALOG = [
    *items("a1", "a2", "a3", category="games"),
    *items("b1", category="toys"),
    *items("n1"),
]


def listed(user: str, *item_ids: str, code: str = "clicked") -> list[Row]:
    return [
        {"user_id": user, "rank": rank, "item_id": item_id, "reason": f'["{code}","secret of {user}"]'}
        for rank, item_id in enumerate(item_ids, start=1)
    ]


def sample(*users: list[Row], popular: tuple[str, ...] = ("a1", "b1"), **tables: Any) -> list[Row]:
    tables = {
        "items": CATALOG,
        "popular_items": [
            {"segment": segment, "rank": rank, "item_id": item_id}
            for segment in ("all", "category:games")
            for rank, item_id in enumerate(popular, start=1)
        ],
        "similar_items": [],
        "user_recommendations": [row for rows in users for row in rows],
    } | tables
    return rows_of("sample_lists", {"least_users": 2}, **tables)


def of_kind(rows: list[Row], kind: str) -> list[tuple[Any, ...]]:
    return [
        (row["name"], row["rank"], row["title"], row["of_users"], row["users"]) for row in rows if row["kind"] == kind
    ]


def test_the_popular_list_is_that_of_everybody_with_titles_or_ids() -> None:
    rows = sample(items=[*items("a1", title="Halo 3"), *items("b1")])
    assert of_kind(rows, "popular") == [("everybody", 1, "Halo 3", None, None), ("everybody", 2, "b1", None, None)]


def test_what_goes_with_the_most_popular_item_is_shown_and_with_no_other() -> None:
    similar = [
        {"item_id": "a1", "rank": 1, "similar_item_id": "a2"},
        {"item_id": "b1", "rank": 1, "similar_item_id": "a3"},
    ]
    assert of_kind(sample(similar_items=similar), "similar") == [("a1", 1, "a2", None, None)]


def test_a_group_is_who_is_shown_the_same_category_first_and_smaller_ones_are_left_out() -> None:
    rows = sample(listed("u", "a1", "b1"), listed("v", "a2", "b1"), listed("w", "b1", "a1"))
    assert of_kind(rows, "group") == [("games", 1, "b1", 2, 2)]


def test_an_item_that_too_few_of_a_group_are_shown_is_left_out() -> None:
    rows = sample(listed("u", "a1", "a3"), listed("v", "a1", "a2"))
    assert of_kind(rows, "group") == [("games", 1, "a1", 2, 2)]


def test_reasons_are_counted_by_code_and_nothing_they_refer_to_is_told() -> None:
    rows = sample(listed("u", "a1", "a2"), listed("v", "a1", code="bought_together"))
    assert of_kind(rows, "reason") == [("bought_together", 1, None, None, 1), ("clicked", 1, None, None, 2)]
    assert "secret" not in str(rows) and "'u'" not in str(rows)
