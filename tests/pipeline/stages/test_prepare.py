"""Stage `prepare`: what users did, as of the hour's end; hidden pairs hide everywhere."""

from pathlib import Path
from typing import Any

import pytest
from handmade_shop import FIRST, derive, event, ingest, item, landed, open_shop, rows

from pipeline.errors import AuditFailed
from pipeline.hours import HOUR
from pipeline.line import run_stage
from pipeline.settings import Settings

ITEMS = [item(name) for name in "abcde"]
# Not `bought`: it says what users own, so that it is not shown to them, and no model is trained or judged with it.
DERIVED = ("query_items", "interactions", "popular_items")


def prepared(tmp_path: Path, events: list[dict[str, Any]], hours: int = 1, **knobs: Any) -> Settings:
    settings = open_shop(tmp_path, ITEMS, events, **{"holdout_share": 0.0, **knobs})
    ingest(settings, hours)
    run_stage("prepare", FIRST + (hours - 1) * HOUR, settings)
    return settings


def test_an_hour_without_events_in_a_window_without_events_gives_popular_items_and_empty_tables(tmp_path: Path) -> None:
    settings = prepared(tmp_path, [])
    assert landed(settings, "popular_items").num_rows == 2 * len(ITEMS)
    for table in ("unknown_items", "holdout", "query_items", "interactions", "bought"):
        assert landed(settings, table).num_rows == 0


def test_an_hour_without_events_uses_the_hours_before(tmp_path: Path) -> None:
    settings = prepared(tmp_path, [event("click", "u", "a")], hours=3)
    assert rows(settings, "interactions", "user_id", "item_id", hour=2) == [("u", "a")]


def test_the_window_ends_with_the_hour_and_begins_where_the_setting_says(tmp_path: Path) -> None:
    events = [event("click", f"u{hour}", "a", hour=hour) for hour in (0, 1, 25)]
    settings = open_shop(tmp_path, ITEMS, events, window_days=1, holdout_share=0.0)
    for hour in (0, 1, 24, 25):
        for stage in ("ingest_events", "ingest_catalog"):
            run_stage(stage, FIRST + hour * HOUR, settings)
    for hour, users in ((0, ["u0"]), (24, ["u1"]), (25, ["u25"])):
        run_stage("prepare", FIRST + hour * HOUR, settings)
        assert rows(settings, "interactions", "user_id", hour=hour) == [(user,) for user in users]


def taste(user: str, *items: str) -> list[dict[str, Any]]:
    return [
        each
        for minute, name in enumerate(items)
        for each in (
            event("search", user, f"query for {name}", minute=2 * minute),
            event("purchase", user, name, minute=2 * minute + 1),
        )
    ]


def test_hidden_pairs_are_in_no_derived_table(tmp_path: Path) -> None:
    """Item e is taken by nobody but those from whom it is hidden."""
    users = [f"user {number}" for number in range(60)]
    events = [row for user in users for row in taste(user, "a", "b", "c", "e")]
    settings = prepared(tmp_path, events, holdout_share=0.5, few_items=50, min_query_users=1)
    hidden = rows(settings, "holdout", "user_id", "item_id")
    assert 15 < len(hidden) < 45
    assert {name for _user, name in hidden} == {"e"}
    takers = len(users) - len(hidden)
    pairs = set(hidden)
    assert not pairs & set(rows(settings, "interactions", "user_id", "item_id"))
    assert ("query for e", "e", takers) in rows(settings, "query_items", "query", "item_id", "takers")
    ranked = rows(settings, "popular_items", "segment", "item_id", "score")
    popular = {name: score for segment, name, score in ranked if segment == "all"}
    assert popular["e"] / popular["a"] == pytest.approx(takers / len(users))


@pytest.mark.parametrize("few_items", [1, 50])
def test_no_table_that_is_learnt_from_depends_on_which_item_is_hidden(tmp_path: Path, few_items: int) -> None:
    """The same trade but for what each held-out user took last, in two shops: only the hidden pair itself is missing."""
    users = [f"user {number}" for number in range(40)]
    known = [row for user in users for row in taste(user, "a", "b", "c")]
    knobs = {"holdout_share": 0.5, "few_items": few_items, "min_query_users": 1}
    first = prepared(tmp_path / "first", [*known, *(event("click", user, "d", minute=50) for user in users)], **knobs)
    hidden = dict(rows(first, "holdout", "user_id", "item_id"))
    assert 10 < len(hidden) < 30 and set(hidden.values()) == {"d"}
    others = [event("click", user, "e" if user in hidden else "d", minute=50) for user in users]
    second = prepared(tmp_path / "second", [*known, *others], **knobs)
    assert dict(rows(second, "holdout", "user_id", "item_id")) == dict.fromkeys(hidden, "e")
    for table in ("interactions", "queries", "query_items", "popular_items", "bought"):
        found = [landed(shop, table).to_pylist() for shop in (first, second)]
        if table == "interactions":
            found = [[row for row in one if row["user_id"] not in hidden or row["item_id"] in "abc"] for one in found]
        assert found[0] == found[1], table


def test_events_on_unknown_items_are_counted_and_not_trained_on(tmp_path: Path) -> None:
    settings = open_shop(
        tmp_path, ITEMS, [event("click", "u", "a"), event("click", "u", "ghost"), event("search", "u", "q")]
    )
    ingest(settings)
    result = run_stage("prepare", FIRST, settings)
    assert result.facts["unjoined"] == {
        "searches": 1,
        "searches_without_click": 0,
        "item_events": 2,
        "unknown_item_events": 1,
        "unknown_items": 1,
    }
    assert result.notes == (
        "1 of 2 events (50.0%) are on 1 items that are in no catalog, first 'ghost'; accepted, not trained on",
    )
    assert rows(settings, "unknown_items", "item_id", "events") == [("ghost", 1)]
    assert rows(settings, "unjoined_events", "event_id", "reason") == [("e1", "unknown_item")]
    assert rows(settings, "interactions", "item_id") == [("a",)]


def test_too_many_unknown_items_block_past_the_limit_and_not_at_it(tmp_path: Path) -> None:
    events = [event("click", f"u{place}", "ghost") for place in range(3)]
    events += [event("click", f"u{place}", "a") for place in range(7)]
    settings = open_shop(tmp_path, ITEMS, events, gate_min_rows=10, unknown_items_limit=0.3)
    ingest(settings)
    run_stage("prepare", FIRST, settings)
    with pytest.raises(
        AuditFailed,
        match=r"3 of 10 events .* the limit is 29%; to do: check that events and catalog come from the same",
    ):
        run_stage("prepare", FIRST, settings.model_copy(update={"unknown_items_limit": 0.29}))
    too_few = settings.model_copy(update={"unknown_items_limit": 0.29, "gate_min_rows": 11})
    run_stage("prepare", FIRST, too_few)


def test_no_available_item_is_refused(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a", is_available=False)], [event("click", "u", "a")])
    ingest(settings)
    with pytest.raises(AuditFailed, match="popular_items: nothing_available"):
        run_stage("prepare", FIRST, settings)


def test_one_client_cannot_make_a_hit(tmp_path: Path) -> None:
    many = [event("purchase", "bot", "b", minute=place % 60) for place in range(100)]
    settings = prepared(
        tmp_path, many + [event("click", f"u{place}", "a") for place in range(30)], max_pair_weight=50.0
    )
    ranked = [name for segment, name in rows(settings, "popular_items", "segment", "item_id") if segment == "all"]
    assert ranked[0] == "a"
    assert max(weight for (weight,) in rows(settings, "interactions", "weight")) == 50_000_000


def test_a_user_who_only_searched_is_given_what_others_took_after_that_search(tmp_path: Path) -> None:
    events = [event("search", "u", "Halo  3"), event("click", "u", "a", minute=2), event("search", "v", "halo 3")]
    settings = prepared(tmp_path, events)
    assert ("v", "a", "search", "halo 3") in rows(settings, "interactions", "user_id", "item_id", "kind", "query")


def test_hours_before_decay_by_half_a_half_life_and_sums_are_exact(tmp_path: Path) -> None:
    events = [event("click", "u", "a", hour=0, minute=0), event("click", "v", "a", hour=24, minute=0)]
    settings = open_shop(tmp_path, ITEMS, events, half_life_days=1.0, holdout_share=0.0)
    for hour in (0, 24):
        for stage in ("ingest_events", "ingest_catalog"):
            run_stage(stage, FIRST + hour * HOUR, settings)
    run_stage("prepare", FIRST + 24 * HOUR, settings)
    weights = dict(rows(settings, "interactions", "user_id", "weight", hour=24))
    assert weights["u"] == pytest.approx(weights["v"] / 2, abs=1)


def test_hours_run_in_any_order_are_the_same(tmp_path: Path) -> None:
    events = [event("click", f"u{hour}", name, hour=hour) for hour in range(3) for name in "abc"]
    settings = open_shop(tmp_path, ITEMS, events)
    ingest(settings, 3)
    derive(settings, 2, ("prepare",))
    before = landed(settings, "interactions", 2)
    for hour in (0, 2, 1):
        derive(settings, hour, ("prepare",))
    assert landed(settings, "interactions", 2).equals(before)
