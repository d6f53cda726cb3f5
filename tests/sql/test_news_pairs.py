from sql_tables import rows_of


def test_pairs_of_users_with_news_and_of_unknown_items_are_handed_over() -> None:
    pairs = [("busy", "known"), ("busy", "nobody's"), ("quiet", "known"), ("quiet", "unknown")]
    found = rows_of(
        "news_pairs",
        interactions=[{"user_id": user, "item_id": name, "weight": 1, "kind": "click"} for user, name in pairs],
        model_users=[
            {"user_id": "busy", "has_news": True, "is_examined": False},
            {"user_id": "quiet", "has_news": False, "is_examined": True},
        ],
        model_items=[{"item_id": "known", "is_known": True}, {"item_id": "unknown", "is_known": False}],
    )
    assert [(row["user_id"], row["item_id"]) for row in found] == [
        ("busy", "known"),
        ("busy", "nobody's"),
        ("quiet", "unknown"),
    ]
    assert found[0] == {"user_id": "busy", "item_id": "known", "weight": 1, "kind": "click", "is_examined": False}
    assert [row["is_examined"] for row in found] == [False, False, True]
