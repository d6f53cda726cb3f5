from sql_tables import Row, rows_of


def side_rows(**values: float) -> list[tuple[str, str, str, int]]:
    rows: list[Row] = rows_of(
        "side_rows",
        values,
        items=[
            {"item_id": "a", "title": "Red shoes", "category": "shoes", "brand": "Runner"},
            {"item_id": "b", "title": None, "category": None, "brand": "Runner"},
        ],
        query_items=[{"query": "red shoes", "item_id": "a", "weight": 5_000_000}],
    )
    return [(row["kind"], row["name"], row["item_id"], row["weight"]) for row in rows]


ATTRIBUTES = [
    ("brand", "Runner", "a", 1_000_000),
    ("brand", "Runner", "b", 1_000_000),
    ("category", "shoes", "a", 1_000_000),
]
WORDS = [("word", "red", "a", 1_000_000), ("word", "shoe", "a", 1_000_000)]
QUERIES = [("query", "red shoes", "a", 5_000_000)]


def test_queries_categories_brands_and_title_words_are_rows_and_what_is_missing_makes_none() -> None:
    assert side_rows() == ATTRIBUTES + QUERIES + WORDS


def test_a_weight_of_zero_leaves_its_rows_out() -> None:
    assert side_rows(query_rows_weight=0.0) == ATTRIBUTES + WORDS
    assert side_rows(attribute_rows_weight=0.0) == QUERIES
    assert side_rows(query_rows_weight=0.0, attribute_rows_weight=0.0) == []
