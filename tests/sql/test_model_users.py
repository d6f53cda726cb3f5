from sql_tables import rows_of


def test_news_have_those_with_events_since_those_unknown_and_those_with_a_hidden_item() -> None:
    found = rows_of(
        "model_users",
        {"holdout_share": 1.0},
        interactions=[{"user_id": user, "item_id": name} for user in ("busy", "held", "new", "quiet") for name in "ab"],
        recent_events=[{"user_id": "busy"}, {"user_id": None}, {"user_id": "in no interaction"}],
        held_out=[{"user_id": "held", "item_id": "c"}],
        known_users=[{"user_id": "busy"}, {"user_id": "held"}, {"user_id": "quiet"}, {"user_id": "gone"}],
    )
    assert {row["user_id"]: row["has_news"] for row in found} == {
        "busy": True,
        "held": True,
        "new": True,
        "quiet": False,
    }
    assert len(found) == 4
    assert all(row["is_examined"] for row in found)
