from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sql_tables import Row, clock, rows_of

NAMES = "abcdef"


def popular(names: str = NAMES) -> list[Row]:
    return [{"segment": "all", "rank": rank, "item_id": name} for rank, name in enumerate(names, start=1)]


def own(user: str, names: str, reason: str = '["clicked","a"]') -> list[Row]:
    return [
        {"user_id": user, "rank": rank, "item_id": name, "reason": reason} for rank, name in enumerate(names, start=1)
    ]


def met(user: str, name: str, at: str = "10:00", kind: str = "click") -> Row:
    return {"user_id": user, "item_id": name, "kind": kind, "last_at": clock(at)}


def alike(name: str, **scores: float) -> list[Row]:
    return [
        {"item_id": name, "similar_item_id": other, "score": score, "rank": rank, "reason": '["similar"]'}
        for rank, (other, score) in enumerate(scores.items(), start=1)
    ]


def found(k: int = 3, users: str = "uv", names: str = NAMES, **tables: Any) -> dict[tuple[str, str | None], str]:
    empty: dict[str, Any] = dict.fromkeys(
        ("user_recommendations", "similar_items", "interactions", "holdout", "bought", "recent_events"), ()
    )
    wanted = [{"user_id": user, "item_id": "a", "place": 0} for user in users]
    rows = rows_of("lists_before", {"k": k}, wanted_items=wanted, popular_items=popular(names), **(empty | tables))
    lists: dict[tuple[str, str | None], str] = {}
    for row in rows:
        key = (row["list"], row["user_id"])
        assert row["rank"] == len(lists.get(key, "")) + 1
        lists[key] = lists.get(key, "") + names[row["place"]]
    return lists


def test_served_is_the_own_list_of_users_who_took_something_and_is_cut() -> None:
    lists = found(user_recommendations=own("u", "fedc") + own("w", "abc"))
    assert lists["served", "u"] == "fed"
    assert ("served", "v") not in lists and ("served", "w") not in lists
    assert lists["popular", None] == "abc"


def test_a_served_list_comes_from_the_best_source_of_its_items() -> None:
    def source(*reasons: str) -> str:
        listed = [row for at, reason in enumerate(reasons) for row in own("u", NAMES[: at + 1], reason)[-1:]]
        wanted = [{"user_id": "u", "item_id": "a"}]
        none: dict[str, Any] = dict.fromkeys(
            ("similar_items", "interactions", "holdout", "bought", "recent_events"), ()
        )
        rows = rows_of(
            "lists_before", wanted_items=wanted, popular_items=popular(), user_recommendations=listed, **none
        )
        (named,) = {row["served_reason"] for row in rows if row["list"] == "served"}
        return str(named)

    assert source('["popular"]', '["searched","x"]', '["clicked","a"]') == "personal"
    assert source('["searched"]', '["popular"]') == "searches"
    assert source('["popular"]', '["popular"]') == "popular"


def test_recent_is_what_most_people_took_lately_then_the_popular_list() -> None:
    def took(name: str, who: str, at: str, kind: str = "click", **other: Any) -> Row:
        return {"item_id": name, "user_id": who, "event_type": kind, "occurred_at": clock(at), **other}

    events = [took("f", "u", "10:00"), took("f", "v", "10:01"), took("e", "u", "10:02"), took("e", "u", "10:03")]
    events += [took("d", "w", "10:09"), took("c", "w", "10:10", kind="search")]
    assert found(k=4, recent_events=events)["recent", None] == "fdea"
    assert found(k=9)["recent", None] == NAMES


def test_similar_items_of_the_last_three_items_count_the_more_the_later_they_were_met() -> None:
    similar = [*alike("a", c=0.9), *alike("b", d=0.9), *alike("e", f=0.9), *alike("f", a=9)]
    history = [met("u", "a", "10:03"), met("u", "b", "10:02"), met("u", "e", "10:01"), met("u", "f", "10:00")]
    assert found(interactions=history, similar_items=similar)["item_knn", "u"] == "cdf"
    both = [*alike("a", c=0.5), *alike("b", d=0.6, c=0.6)]
    assert found(k=2, interactions=history[:2], similar_items=both)["item_knn", "u"] == "cd"


def test_the_held_out_item_is_the_last_one_and_what_searches_imply_was_not_met() -> None:
    similar = [*alike("a", c=0.5), *alike("b", d=0.6), *alike("e", f=9)]
    lists = found(
        k=2,
        interactions=[met("u", "b"), met("u", "e", "11:00", kind="search")],
        holdout=[{"user_id": "u", "item_id": "a"}],
        similar_items=similar,
    )
    assert lists["item_knn", "u"] == "cd"


def test_neighbours_leave_out_what_was_bought_and_what_cannot_be_listed_and_popular_items_fill_them() -> None:
    similar = [*alike("a", b=0.9, gone=0.8, f=0.1)]
    similar += [{"item_id": "a", "similar_item_id": "e", "score": 0.0, "rank": 4, "reason": '["popular"]'}]
    bought = [{"user_id": "u", "item_id": "b"}, {"user_id": "u", "item_id": "a"}]
    lists = found(interactions=[met("u", "a")], similar_items=similar, bought=bought)
    assert lists["item_knn", "u"] == "fcd"
    assert lists["item_knn", "v"] == "abc"


@settings(max_examples=25)
@given(
    k=st.integers(1, 8),
    pairs=st.sets(st.tuples(st.sampled_from("uv"), st.sampled_from(NAMES))),
    bought=st.sets(st.tuples(st.sampled_from("uv"), st.sampled_from(NAMES))),
    near=st.dictionaries(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda one: one[0] != one[1]),
        st.floats(-1, 1),
    ),
)
def test_lists_of_neighbours_hold_as_many_different_items_as_there_are(
    k: int, pairs: set[tuple[str, str]], bought: set[tuple[str, str]], near: dict[tuple[str, str], float]
) -> None:
    similar = [row for (name, other), score in near.items() for row in alike(name, **{other: score})]
    lists = found(
        k=k,
        interactions=[met(*pair) for pair in pairs],
        bought=[{"user_id": user, "item_id": name} for user, name in bought],
        similar_items=similar,
    )
    for user in "uv":
        listed = lists.get(("item_knn", user), "")
        owned = {name for of, name in bought if of == user}
        assert len(set(listed)) == len(listed) == min(k, len(NAMES) - len(owned))
        assert not set(listed) & owned
