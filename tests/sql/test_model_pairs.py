from sql_tables import rows_of


def test_pairs_of_the_share_of_users_whom_models_are_judged_by_are_marked() -> None:
    pairs = [{"user_id": f"u{user}", "item_id": "a", "weight": 1, "kind": "click"} for user in range(200)]
    for share, least, most in ((0.0, 0, 0), (0.5, 70, 130), (1.0, 200, 200)):
        marked = [
            row for row in rows_of("model_pairs", {"holdout_share": share}, interactions=pairs) if row["is_examined"]
        ]
        assert least <= len(marked) <= most
    assert marked[0] == {"user_id": "u0", "item_id": "a", "weight": 1, "kind": "click", "is_examined": True}
