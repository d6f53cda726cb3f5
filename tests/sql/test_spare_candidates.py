from sql_tables import Row, rows_of

POPULAR = [
    *({"segment": "all", "rank": rank, "item_id": name} for rank, name in enumerate("abcdefx", start=1)),
    *({"segment": "category:toys", "rank": rank, "item_id": name} for rank, name in enumerate("abcd", start=1)),
    *({"segment": "category:tools", "rank": rank, "item_id": name} for rank, name in enumerate("ef", start=1)),
]


def spare(candidates: str = "", bought: str = "", largest_cap: int = 2, spare_places: int = 10) -> list[Row]:
    return rows_of(
        "spare_candidates",
        {"largest_cap": largest_cap, "spare_places": spare_places},
        candidates=[{"user_id": "u", "rank": rank, "item_id": name} for rank, name in enumerate(candidates, start=1)],
        popular_items=POPULAR,
        bought=[{"user_id": "u", "item_id": name} for name in bought],
    )


def test_each_category_gives_as_many_popular_items_as_the_cap_and_what_has_none_all() -> None:
    rows = spare("z")
    assert [(row["item_id"], row["score"], row["reason"]) for row in rows] == [
        (name, 0.0, '["popular"]') for name in "abefx"
    ]
    assert "".join(row["item_id"] for row in spare("z", largest_cap=1, spare_places=2)) == "ae"


def test_they_come_after_all_candidates_and_are_none_of_them_nor_bought() -> None:
    rows = spare("zyb", bought="e")
    assert [row["item_id"] for row in rows] == ["a", "f", "x"]
    assert min(row["rank"] for row in rows) > 3
