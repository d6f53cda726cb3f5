from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from list_worlds import CATEGORIES, IDS, lists_of, pairs, scores, worlds
from sql_tables import Row, items, rows_of

OFFERED = [*items(*"abcd", category="toys"), *items(*"efgh", category="tools")]


def rule(kind: str, *names: str, value: float | None = None) -> list[Row]:
    return [{"line": 2, "rule": kind, "item_id": name, "value": value} for name in names]


def found(*scored: tuple[str, float], filled: str = "", user_id: str = "u") -> list[Row]:
    rows = [(name, score, '["clicked","x"]') for name, score in scored] + [
        (name, 0.0, '["popular"]') for name in filled
    ]
    return [
        {"user_id": user_id, "rank": rank, "item_id": name, "score": score, "reason": reason}
        for rank, (name, score, reason) in enumerate(rows, start=1)
    ]


def ruled(
    candidates: list[Row], rules: list[Row], k: int = 4, fresh: str = "", fresh_places: int = 0, bought: str = ""
) -> list[Row]:
    return rows_of(
        "ruled_recommendations",
        {"k": k, "fresh_places": fresh_places},
        candidates=candidates,
        items=OFFERED,
        ruled_items=rules,
        fresh_items=[{"item_id": name} for name in fresh],
        bought=[{"user_id": "u", "item_id": name} for name in bought],
    )


def ids(rows: list[Row]) -> str:
    return "".join(row["item_id"] for row in rows)


CANDIDATES = found(("a", 0.9), ("b", 0.8), ("e", 0.5), ("c", 0.4), filled="fdgh")


def test_without_a_rule_a_list_is_the_first_of_its_candidates() -> None:
    rows = ruled(CANDIDATES, [])
    assert [(row["rank"], row["item_id"], row["score"], row["reason"]) for row in rows] == [
        (row["rank"], row["item_id"], row["score"], row["reason"]) for row in CANDIDATES[:4]
    ]


def test_a_boost_multiplies_the_score_and_a_factor_below_1_takes_some_away() -> None:
    assert ids(ruled(CANDIDATES, rule("boost", "c", value=3.0))) == "cabe"
    assert ids(ruled(CANDIDATES, rule("boost", "a", value=0.1))) == "beca"
    assert ruled(CANDIDATES, rule("boost", "c", value=2.0))[1]["score"] == 0.8


def test_boosts_of_one_item_multiply_and_a_negative_score_rises_too() -> None:
    twice = rule("boost", "c", value=2.0) + rule("boost", "c", value=2.0)
    assert ids(ruled(CANDIDATES, twice)) == "cabe"
    assert ids(ruled(found(("a", -0.1), ("b", -0.3)), rule("boost", "b", value=4.0))) == "ba"


def test_no_boost_lifts_what_fills_a_list_above_what_the_model_found() -> None:
    assert ids(ruled(CANDIDATES, rule("boost", "f", value=100.0), k=5)) == "abecf"


def test_a_cap_gives_places_of_a_category_to_others() -> None:
    assert ids(ruled(CANDIDATES, rule("cap", *"abcd", value=1.0))) == "aefg"
    assert ids(ruled(CANDIDATES, rule("cap", *"abcd", value=2.0))) == "abef"


def test_a_cap_gives_way_before_a_list_is_left_short() -> None:
    assert ids(ruled(found(("a", 0.9), ("b", 0.8), filled="cde"), rule("cap", *"abcd", value=1.0))) == "aebc"


def test_a_pinned_item_has_its_rank_in_every_list_also_among_what_fills_it() -> None:
    assert ids(ruled(CANDIDATES, rule("pin", "h", value=2.0))) == "ahbe"
    assert ids(ruled(found(filled="abcd"), rule("pin", "d", value=3.0))) == "abdc"
    assert ids(ruled(CANDIDATES, rule("pin", "a", value=4.0))) == "beca"
    (pinned,) = [row for row in ruled(CANDIDATES, rule("pin", "h", value=2.0)) if row["item_id"] == "h"]
    assert (pinned["score"], pinned["reason"]) == (0.0, '["pinned"]')


def test_what_a_rule_puts_among_what_fills_a_list_is_called_so_and_what_it_puts_before_is_not() -> None:
    rows = ruled(found(("a", 0.9), ("b", 0.8), filled="cd"), rule("pin", "h", value=2.0) + rule("pin", "g", value=4.0))
    assert [(row["item_id"], row["reason"]) for row in rows] == [
        ("a", '["clicked","x"]'),
        ("h", '["pinned"]'),
        ("b", '["clicked","x"]'),
        ("g", '["pinned"]'),
    ]
    rows = ruled(found(("a", 0.9), filled="cd"), rule("pin", "h", value=1.0) + rule("pin", "g", value=3.0), fresh="")
    assert [(row["item_id"], row["reason"]) for row in rows] == [
        ("h", '["pinned"]'),
        ("a", '["clicked","x"]'),
        ("g", '["popular"]'),
        ("c", '["popular"]'),
    ]


def test_several_pins_keep_their_ranks_and_those_past_k_are_left_out() -> None:
    pins = rule("pin", "h", value=1.0) + rule("pin", "g", value=3.0) + rule("pin", "d", value=9.0)
    assert ids(ruled(CANDIDATES, pins)) == "hagb"


def test_a_pin_stands_last_in_a_list_that_does_not_reach_its_rank() -> None:
    assert ids(ruled(found(filled="ab"), rule("pin", "a", value=4.0))) == "ba"


def test_what_a_user_owns_is_pinned_for_others_only() -> None:
    candidates = CANDIDATES + found(("a", 0.9), ("b", 0.8), user_id="v")
    rows = ruled(candidates, rule("pin", "h", value=1.0), bought="h")
    assert lists_of("user_id", rows) == {"u": list("abec"), "v": list("hab")}


def test_a_pin_counts_against_the_cap_and_is_never_capped() -> None:
    rules = rule("pin", "d", value=4.0) + rule("cap", *"abcd", value=1.0)
    assert ids(ruled(CANDIDATES, rules)) == "efgd"


def test_fresh_items_have_their_share_of_a_list_evenly_spread_and_no_more() -> None:
    assert ids(ruled(CANDIDATES, [], fresh="h", fresh_places=2)) == "abeh"
    rows = ruled(CANDIDATES, [], fresh="ab", fresh_places=1)
    assert ids(rows) == "ecfa", "of two fresh ones that the model found the better one alone"
    fresh = [row for row in ruled(CANDIDATES, [], fresh="gh", fresh_places=2) if row["item_id"] in "gh"]
    assert [(row["rank"], row["score"], row["reason"]) for row in fresh] == [
        (2, 0.0, '["fresh"]'),
        (4, 0.0, '["fresh"]'),
    ]


def test_more_fresh_items_than_their_share_stand_in_a_list_that_would_be_short() -> None:
    assert ids(ruled(found(("a", 0.9), ("b", 0.8), ("c", 0.7)), [], fresh="bc", fresh_places=1)) == "abc"


def test_fresh_items_take_turns_among_users() -> None:
    users = [f"user {number}" for number in range(400)]
    candidates = [row for user in users for row in found(filled="abcd", user_id=user)]
    rows = ruled(candidates, [], fresh="efgh", fresh_places=1)
    shown = [sum(row["item_id"] == name for row in rows) for name in "efgh"]
    assert sum(shown) == 400
    assert min(shown) > 70


@st.composite
def shops(draw: st.DrawFn) -> dict[str, Any]:
    world = draw(worlds())
    lines = []
    for line in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["block", "pin", "boost", "cap", "rebuy"]))
        about: Row = {"item_id": draw(st.sampled_from(IDS))}
        if kind in ("cap", "block", "boost") and draw(st.booleans()):
            about = {"category": draw(st.sampled_from(CATEGORIES[1:]))}
        if kind == "pin" and any(one["rule"] == "pin" and one["item_id"] == about["item_id"] for one in lines):
            continue
        value = {"pin": float(line + 1), "boost": draw(st.sampled_from([0.1, 5.0])), "rebuy": 0.0}.get(kind, 1.0)
        lines.append({"line": line, "rule": kind, "value": value, "is_active": True, **about})
    return {
        **world,
        "lines": lines,
        "fresh": draw(st.lists(st.sampled_from(IDS), unique=True)),
        "fresh_places": draw(st.integers(0, world["k"])),
        "bought": [{"user_id": user, "item_id": item, "last_at": None} for user, item in pairs(draw, ["u", "v"], IDS)],
        "scored": [
            {"user_id": user, "item_id": item, "score": scores(draw), "reason": '["x"]'}
            for user, item in pairs(draw, ["u", "v"], IDS)
        ],
    }


@settings(max_examples=150)
@given(shops())
def test_any_rules_give_min_k_eligible_different_available_unblocked_items(world: dict[str, Any]) -> None:
    k = world["k"]
    about = rows_of("ruled_items", shop_rules=world["lines"], items=world["items"])
    offered = rows_of("offered_items", items=world["items"], ruled_items=about)
    linked = [{"actor": "u", "item_id": row["item_id"], "weight": 1} for row in world["items"][:3]]
    popular = rows_of("popular_items", actions=linked, items=world["items"], ruled_items=about)
    common = {"items": offered, "bought": world["bought"]}
    users = [{"user_id": user} for user in "uv"]
    candidates = rows_of(
        "user_recommendations",
        {"k": 5 * k},
        scored_items=world["scored"],
        popular_items=popular,
        listed_users=users,
        **common,
    )
    rows = rows_of(
        "ruled_recommendations",
        {"k": k, "fresh_places": world["fresh_places"]},
        candidates=candidates,
        ruled_items=about,
        fresh_items=[{"item_id": name} for name in world["fresh"]],
        **common,
    )
    available = {row["item_id"] for row in world["items"] if row["is_available"]}
    blocked = {row["item_id"] for row in about if row["rule"] == "block"}
    assert {row["item_id"] for row in popular if row["segment"] == "all"} == available - blocked
    pins = {row["item_id"]: row["value"] for row in about if row["rule"] == "pin"}
    lists = lists_of("user_id", rows)
    for user in "uv":
        eligible = available - blocked - {row["item_id"] for row in world["bought"] if row["user_id"] == user}
        listed = lists.get(user, [])
        assert len(listed) == min(k, len(eligible))
        assert set(listed) <= eligible
        if len(eligible) >= k:
            for item, rank in pins.items():
                assert item not in eligible or rank > k or listed[int(rank) - 1] == item
