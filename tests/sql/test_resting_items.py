"""Which items' lists of similar ones may stand: full ones of the model's own choice, of what can still be had."""

from typing import Any

import pytest
from sql_tables import Row, rows_of

SIMILAR = '["similar"]'


def lists(
    name: str, similar: str = "abc", reason: str = SIMILAR, scores: tuple[float, ...] = (0.9, 0.4, 0.2)
) -> list[Row]:
    return [
        {"item_id": name, "similar_item_id": other, "score": score, "reason": reason}
        for other, score in zip(similar, scores, strict=True)
    ]


def resting(then: list[Row], still: str = "x", lost: str = "") -> list[tuple[Any, Any]]:
    found = rows_of(
        "resting_items",
        {"k": 3},
        similar_then=then,
        still_items=[{"item_id": name} for name in still],
        lost_items=[{"item_id": name} for name in lost],
    )
    return [(one["item_id"], one["least"]) for one in found]


def test_a_full_list_of_an_item_whose_vector_rests_may_stand_and_its_lowest_score_is_told() -> None:
    assert resting([*lists("x"), *lists("y")]) == [("x", 0.2)]
    assert resting([*lists("x"), *lists("y", scores=(3.0, 2.0, 1.0))], "xy") == [("x", 0.2), ("y", 1.0)]


@pytest.mark.parametrize("reason", ['["popular"]', '["popular","lamps"]'])
def test_a_list_with_a_place_that_the_model_did_not_fill_is_made_anew(reason: str) -> None:
    assert resting([*lists("x", "ab", scores=(0.9, 0.4)), *lists("x", "c", reason, (0.0,))]) == []


def test_a_list_of_another_length_is_made_anew() -> None:
    assert resting(lists("x", "abcd", scores=(0.9, 0.4, 0.3, 0.2))) == []


def test_a_list_with_an_item_that_is_gone_or_has_another_vector_is_made_anew() -> None:
    assert resting(lists("x"), lost="b") == []
    assert resting(lists("x"), lost="d") == [("x", 0.2)]


def test_the_rows_of_the_items_that_rest_are_taken_over_with_their_scores() -> None:
    rows = rows_of(
        "resting_similar",
        {},
        similar_then=[*lists("x", "ba", scores=(0.9, 0.4)), *lists("y")],
        resting_items=[{"item_id": "x", "least": 0.4}],
    )
    assert rows == [
        {"item_id": "x", "similar_item_id": "a", "score": 0.4},
        {"item_id": "x", "similar_item_id": "b", "score": 0.9},
    ]
