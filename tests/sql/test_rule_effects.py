from typing import Any

from sql_tables import Row, items, rows_of

CATALOG = [*items(*"abc", category="toys"), *items(*"xyz", category="tools")]


def lists(**owners: str) -> list[Row]:
    return [
        {"list_id": owner, "rank": rank, "item_id": name}
        for owner, listed in owners.items()
        for rank, name in enumerate(listed, start=1)
    ]


def effects(
    rule: str, names: str, value: float | None, without: list[Row], ruled: list[Row], **other: Any
) -> list[Any]:
    values = {name: other.pop(name, default) for name, default in {"is_users": True, "fresh_line": 0}.items()}
    tables = {"fresh_items": [], "bought": []} | other
    rules = [{"line": 7, "rule": rule, "item_id": name, "value": value} for name in names]
    found = rows_of(
        "rule_effects",
        values | {"k": 3},
        lists_with=ruled,
        lists_without=without,
        ruled_items=rules,
        items=CATALOG,
        **tables,
    )
    return [(row["line"], row["places"], row["lists"]) for row in found]


def test_blocked_items_are_counted_where_they_stood_in_lists_of_any_kind() -> None:
    without, ruled = lists(u="abx", v="xyz"), lists(u="xyz", v="xyz")
    assert effects("block", "abc", None, without, ruled) == [(7, 2, 1)]
    assert effects("block", "abc", None, without, ruled, is_users=False) == [(7, 2, 1)]


def test_a_pin_is_counted_where_its_item_had_another_rank_or_none() -> None:
    assert effects("pin", "a", 1.0, lists(u="abx", v="xay", w="xyz"), lists(u="abx", v="axy", w="axy")) == [(7, 2, 2)]
    assert effects("pin", "a", 1.0, lists(v="xay"), lists(v="axy"), is_users=False) == []


def test_a_boost_is_counted_where_its_items_stand_higher_or_pushed_down_lower() -> None:
    without, ruled = lists(u="xyz", v="axy"), lists(u="axy", v="axy")
    assert effects("boost", "a", 2.0, without, ruled) == [(7, 1, 1)]
    assert effects("boost", "x", 0.5, without, ruled) == [(7, 1, 1)]
    assert effects("boost", "x", 2.0, without, ruled) == []


def test_a_cap_is_counted_where_places_past_it_went_to_others_and_not_where_it_gave_way() -> None:
    assert effects("cap", "abcxyz", 1.0, lists(u="abc", v="abx"), lists(u="axb", v="axb")) == [(7, 1, 1)]


def test_what_is_bought_again_and_what_is_fresh_is_counted_where_the_rule_lets_it_in() -> None:
    owned = [{"user_id": "u", "item_id": "a"}]
    assert effects("rebuy", "ab", 0.0, lists(u="xyz", v="axy"), lists(u="axy", v="axy"), bought=owned) == [(7, 1, 1)]
    fresh = [{"item_id": "a"}]
    found = effects("pin", "", None, lists(u="xyz", v="axy"), lists(u="xya", v="axy"), fresh_items=fresh, fresh_line=4)
    assert found == [(4, 1, 1)]


def test_a_rule_that_changed_nothing_has_no_row() -> None:
    same = lists(u="abx")
    for rule in ("block", "pin", "boost", "cap", "rebuy"):
        assert effects(rule, "z", 1.0, same, same) == []
