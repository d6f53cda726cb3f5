"""Whose list of the hour before may stand: a full list of what can still be had, with reasons that may still be told."""

from typing import Any

import pytest
from sql_tables import Row, rows_of

CLICKED, SEARCHED, NAMELESS, POPULAR = '["clicked","z"]', '["searched","lamp"]', '["searched"]', '["popular"]'


def lists(
    user: str, items: str = "abc", reason: str = CLICKED, scores: tuple[float, ...] = (0.9, 0.4, 0.2)
) -> list[Row]:
    return [
        {"user_id": user, "item_id": name, "score": score, "reason": reason}
        for name, score in zip(items, scores, strict=True)
    ]


def resting(
    then: list[Row],
    vectors: str = "u",
    lost: str = "",
    now: tuple[str, ...] = (),
    before: tuple[str, ...] = (),
    told: tuple[str, ...] = (SEARCHED,),
) -> list[tuple[Any, Any]]:
    """`now` and `before` are what was bought, as user and item."""
    found = rows_of(
        "resting_users",
        {"k": 3},
        lists_then=then,
        resting_vectors=[{"user_id": user} for user in vectors],
        lost_items=[{"item_id": name} for name in lost],
        bought=[{"user_id": pair[0], "item_id": pair[1]} for pair in now],
        bought_then=[{"user_id": pair[0], "item_id": pair[1]} for pair in before],
        told_reasons=[{"reason": reason} for reason in told],
    )
    return [(one["user_id"], one["least"]) for one in found]


def test_a_full_list_of_a_user_whose_vector_rests_may_stand_and_its_lowest_score_is_told() -> None:
    assert resting([*lists("u"), *lists("v")]) == [("u", 0.2)]
    assert resting([*lists("u"), *lists("v", scores=(3.0, 2.0, 1.0))], "uv") == [("u", 0.2), ("v", 1.0)]


def test_a_list_with_a_place_that_the_model_did_not_fill_is_made_anew() -> None:
    assert resting([*lists("u", "ab", scores=(0.9, 0.4)), *lists("u", "c", POPULAR, (0.0,))]) == []


def test_a_list_of_another_length_is_made_anew() -> None:
    assert resting(lists("u", "abcd", scores=(0.9, 0.4, 0.3, 0.2))) == []


def test_a_list_with_an_item_that_is_gone_or_has_another_vector_is_made_anew() -> None:
    assert resting(lists("u"), lost="b") == []
    assert resting(lists("u"), lost="d") == [("u", 0.2)]


@pytest.mark.parametrize(("now", "before"), [(("ud",), ()), ((), ("ud",)), (("ud",), ("ue",))])
def test_the_list_of_who_has_bought_something_else_since_is_made_anew(
    now: tuple[str, ...], before: tuple[str, ...]
) -> None:
    assert resting(lists("u"), now=now, before=before) == []
    assert resting(lists("u"), now=("ud",), before=("ud",)) == [("u", 0.2)]
    assert resting(lists("u"), now=("vd",)) == [("u", 0.2)]


def test_a_list_that_names_a_query_which_too_few_type_by_now_is_made_anew() -> None:
    assert resting(lists("u", reason=SEARCHED)) == [("u", 0.2)]
    assert resting(lists("u", reason=SEARCHED), told=()) == []
    assert resting(lists("u", reason=NAMELESS), told=()) == [("u", 0.2)]
