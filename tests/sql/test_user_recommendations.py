from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from list_worlds import IDS, available, lists_of, pairs, scores, worlds
from sql_tables import Row, items, rows_of


def popular(*ids: str) -> list[Row]:
    return [{"segment": "all", "rank": rank, "item_id": item_id} for rank, item_id in enumerate(ids, start=1)]


def found(*scored: tuple[str, float], user_id: str = "u") -> list[Row]:
    return [
        {"user_id": user_id, "item_id": item_id, "score": score, "reason": f'["from", "{item_id}"]'}
        for item_id, score in scored
    ]


def recommend(
    catalog: list[Row], scored: Iterable[Row] = (), bought: Iterable[str] = (), users: str = "u", k: int = 20
) -> list[Row]:
    return rows_of(
        "user_recommendations",
        {"k": k},
        items=catalog,
        popular_items=popular(*[row["item_id"] for row in catalog if row["is_available"]]),
        scored_items=scored,
        bought=[{"user_id": "u", "item_id": item_id} for item_id in bought],
        listed_users=[{"user_id": user} for user in users],
    )


def ids(rows: list[Row]) -> list[str]:
    return [row["item_id"] for row in rows]


def test_what_the_model_found_stands_in_the_order_of_its_scores_with_its_reasons() -> None:
    rows = recommend(items(*"abc"), found(("a", 0.1), ("b", 0.9), ("c", 0.5)))
    assert [(row["rank"], row["item_id"], row["score"]) for row in rows] == [
        (1, "b", 0.9),
        (2, "c", 0.5),
        (3, "a", 0.1),
    ]
    assert rows[0]["reason"] == '["from", "b"]'


def test_equal_scores_stand_in_the_order_of_the_ids() -> None:
    assert ids(recommend(items(*"abc"), found(("c", 0.5), ("a", 0.5), ("b", 0.5)))) == ["a", "b", "c"]


def test_a_short_list_is_filled_from_the_popular_one_and_labelled_so_with_score_0() -> None:
    rows = recommend(items(*"abcd"), found(("c", 0.5)), k=3)
    assert [(row["item_id"], row["score"], row["reason"]) for row in rows] == [
        ("c", 0.5, '["from", "c"]'),
        ("a", 0.0, '["popular"]'),
        ("b", 0.0, '["popular"]'),
    ]


def test_what_was_bought_is_left_out_of_both_parts_and_does_not_shorten_the_list() -> None:
    assert ids(recommend(items(*"abcdef"), found(("c", 0.5), ("f", 0.4)), bought="abc", k=3)) == ["f", "d", "e"]


def test_what_is_not_available_is_left_out_even_when_the_model_found_it() -> None:
    catalog = [*items("a", "b"), *items("x", is_available=False)]
    assert ids(recommend(catalog, found(("x", 0.9), ("b", 0.1)))) == ["b", "a"]


def test_what_is_in_no_catalog_is_left_out_even_when_the_model_found_it() -> None:
    assert ids(recommend(items("a"), found(("gone", 0.9)))) == ["a"]


def test_a_list_is_no_longer_than_k_however_much_was_found() -> None:
    assert ids(recommend(items(*"abcd"), found(*[(name, 0.5) for name in "abcd"]), k=2)) == ["a", "b"]


def test_k_larger_than_the_catalog_gives_the_catalog() -> None:
    assert ids(recommend(items(*"abc"), k=1000)) == ["a", "b", "c"]


def test_a_user_who_bought_everything_has_no_list_and_others_have_theirs() -> None:
    assert {row["user_id"] for row in recommend(items(*"abc"), bought="abc", users="uv")} == {"v"}


def test_a_user_whom_the_model_knows_nothing_about_gets_the_popular_list() -> None:
    rows = recommend(items(*"abc"), users="w")
    assert [(row["user_id"], row["item_id"], row["reason"]) for row in rows] == [
        ("w", name, '["popular"]') for name in "abc"
    ]


@st.composite
def shops(draw: st.DrawFn) -> dict[str, Any]:
    users = ["u", "v", "w"]
    # Bought items and found ones may be in no catalog any more.
    return {
        **draw(worlds()),
        "listed_users": [{"user_id": user} for user in users],
        "bought": [{"user_id": user, "item_id": item} for user, item in pairs(draw, users, IDS)],
        "scored_items": [
            {"user_id": user, "item_id": item, "score": scores(draw), "reason": '["x"]'}
            for user, item in pairs(draw, users, IDS)
        ],
    }


@settings(max_examples=150)
@given(shops())
def test_every_user_gets_min_k_eligible_different_eligible_items(world: dict[str, Any]) -> None:
    k = world["k"]
    rows = rows_of("user_recommendations", {"k": k}, **{name: world[name] for name in world if name != "k"})
    lists = lists_of("user_id", rows)
    for user in "uvw":
        owned = {row["item_id"] for row in world["bought"] if row["user_id"] == user}
        eligible = available(world) - owned
        wanted = {row["item_id"] for row in world["scored_items"] if row["user_id"] == user} & eligible
        listed = lists.get(user, [])
        assert len(listed) == min(k, len(eligible))
        assert set(listed) <= eligible
        assert len(wanted & set(listed)) == min(k, len(wanted))
    assert {row["reason"] for row in rows if row["score"] != 0} <= {'["x"]'}
