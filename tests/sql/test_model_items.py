from typing import Any

from sql_tables import rows_of


def model_items(share: float, **others: Any) -> dict[str, bool]:
    tables = {
        "interactions": [{"user_id": "u", "item_id": name} for name in ("guessed", "known", "new")],
        "interactions_before": [{"user_id": "v", "item_id": name} for name in ("known", "gone")],
        "known_items": [{"item_id": name} for name in ("guessed", "known", "gone")],
    }
    return {
        row["item_id"]: row["is_known"] for row in rows_of("model_items", {"holdout_share": share}, **tables | others)
    }


def test_an_item_is_known_when_somebody_had_met_it_and_it_has_a_vector() -> None:
    """One that only had a vector guessed from its attributes is not."""
    assert model_items(0.0) == {"guessed": False, "known": True, "new": False}
    assert model_items(0.0, known_items=[]) == {"guessed": False, "known": False, "new": False}


def test_items_that_only_users_met_by_whom_models_are_judged_are_not_in_it() -> None:
    assert model_items(1.0) == {}
