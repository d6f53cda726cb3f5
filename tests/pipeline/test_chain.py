"""Chains of models: what an hour does to the model before it, when it starts anew, and that all of it can be repeated."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from canary_shop import erase
from handmade_shop import FIRST, derive, event, ingest, landed_path, lists_of, rows
from two_groups import EVENTS, GROUPS, open_settings, open_two_groups

from pipeline.backfill import backfill_hours
from pipeline.chain import choose_step
from pipeline.hours import HOUR, hours_between
from pipeline.lake import Work
from pipeline.line import STAGES
from pipeline.manifests import read_manifest
from pipeline.model_files import Factors, read_factors
from pipeline.run import Run
from pipeline.settings import Settings
from pipeline.verify import verify_hour

MODEL = ("prepare", "train", "evaluate")
MIDNIGHT = 14  # hours after the first
# In hour 1: somebody known takes an item of the other group, another what they took before, somebody new is there, and an
# item that nobody met is met.
NEW_ITEM = "q"
NEWS = [
    event("click", "u001", "a", hour=1),
    event("click", "u003", GROUPS[1][3], hour=1),
    *(event("click", "u999", name, hour=1) for name in GROUPS[0][:4]),
    *(event("click", f"u{user:03}", NEW_ITEM, hour=1, minute=5) for user in range(0, 60, 2)),
]


@pytest.fixture(scope="module")
def chained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with news in hour 1, whose hours 0 and 1 are published. Copy it, do not use it."""
    home = tmp_path_factory.mktemp("chain")
    settings = open_two_groups(home, 3, [*EVENTS, *NEWS], (NEW_ITEM,), holdout_share=0.1)
    for hour in (0, 1):
        derive(settings, hour, (*MODEL, "recommend", "publish"))
    return home


@pytest.fixture
def shop(chained_home: Path, tmp_path: Path) -> Settings:
    """Two published hours and a third that was ingested."""
    return open_settings(shutil.copytree(chained_home, tmp_path / "var"), holdout_share=0.1)


def trained(settings: Settings, hour: int) -> dict[str, Any]:
    manifest = read_manifest(Run(FIRST + hour * HOUR, settings), "train")
    assert manifest
    return manifest


def way(settings: Settings, hour: int) -> tuple[str, str]:
    facts = trained(settings, hour)["facts"]
    return facts["way"], facts["why"]


def vectors(settings: Settings, hour: int) -> tuple[Factors, Factors]:
    tables = (("user_factors", "user_id"), ("item_factors", "item_id"))
    return tuple(read_factors(landed_path(settings, name, hour), column) for name, column in tables)  # type: ignore[return-value]


def same(one: Factors, other: Factors) -> set[str]:
    """The ids whose vector is the same in both."""
    both = one.ids.intersection(other.ids)
    equal = (one.vectors[one.ids.get_indexer(both)] == other.vectors[other.ids.get_indexer(both)]).all(axis=1)
    return set(both[equal])


def test_the_first_model_is_learnt_anew_and_the_next_names_it_by_hash(shop: Settings) -> None:
    first, second = (trained(shop, hour) for hour in (0, 1))
    assert first["facts"] | {"way": "refit", "links": 1, "root": "2026-01-05T10"} == first["facts"]
    assert first["facts"]["why"] == "no hour of the 24 before has a model that was let through"
    parent = {"hour": "2026-01-05T10", "item_factors": first["tables"]["item_factors"]["sha256"]}
    assert (
        second["facts"] | {"way": "fold_in", "links": 2, "root": "2026-01-05T10", "parent": parent} == second["facts"]
    )
    assert second["inputs"]["user_factors@2026-01-05T10"] == first["tables"]["user_factors"]["sha256"]
    assert [second["facts"][knob] for knob in ("alpha", "regularization")] == [
        first["facts"][knob] for knob in ("alpha", "regularization")
    ]


def test_vectors_of_items_and_of_users_without_news_rest(shop: Settings) -> None:
    (users, items), (users_now, items_now) = (vectors(shop, hour) for hour in (0, 1))
    assert same(items, items_now) == set(items.ids) - {NEW_ITEM}
    moved = set(users.ids) - same(users, users_now)
    hidden = {user for (user,) in rows(shop, "holdout", "user_id", hour=1)}
    busy = {row["user_id"] for row in NEWS}
    assert busy - {"u999"} <= moved | hidden
    assert moved <= busy | hidden
    (note,) = [note for note in trained(shop, 1)["notes"] if "folded in" in note]
    assert note.startswith(f"{len(busy | hidden)} of {len(users_now.ids)} users and 1 of 17 items folded in")


def test_a_new_user_and_an_item_that_the_model_before_did_not_know_find_their_group(shop: Settings) -> None:
    users, items = vectors(shop, 1)
    assert NEW_ITEM not in vectors(shop, 0)[1].ids
    assert set(lists_of(shop, "user_recommendations", "user_id", hour=1)["u999"]) <= {*GROUPS[0], NEW_ITEM}
    assert set(lists_of(shop, "similar_items", "item_id", "similar_item_id", hour=1)[NEW_ITEM]) <= set(GROUPS[0])
    for new in (users.vectors[users.ids.get_loc("u999")], items.vectors[items.ids.get_loc(NEW_ITEM)]):
        scores = items.vectors @ new
        assert min(scores[items.ids.isin(list(GROUPS[0]))]) > max(scores[items.ids.isin(list(GROUPS[1]))])


def test_an_hour_without_news_has_the_model_before_it(shop: Settings) -> None:
    derive(shop, 2, MODEL)
    (users, items), (users_now, items_now) = (vectors(shop, hour) for hour in (1, 2))
    assert items_now.vectors.tobytes() == items.vectors.tobytes()
    hidden = {user for (user,) in rows(shop, "holdout", "user_id", hour=2)}
    assert set(users.ids) - same(users, users_now) <= hidden


def test_news_of_hours_without_a_model_are_folded_in_by_the_next_that_has_one(shop: Settings) -> None:
    shutil.rmtree(shop.lake / "hours" / "2026-01-05" / "11")
    for stage in ("ingest_events", "ingest_catalog"):
        derive(shop, 1, (stage,))
    derive(shop, 2, MODEL)
    assert way(shop, 2)[0] == "fold_in"
    assert trained(shop, 2)["facts"]["parent"]["hour"] == "2026-01-05T10"
    assert "events@2026-01-05T11" in trained(shop, 2)["inputs"]
    users = vectors(shop, 2)[0]
    assert "u999" in users.ids
    assert not same(users, vectors(shop, 0)[0]) & {row["user_id"] for row in NEWS}


def test_a_model_is_learnt_anew_at_midnight_and_after_a_chain_of_so_many(shop: Settings) -> None:
    derive(shop.model_copy(update={"chain_hours": 2}), 2, MODEL)
    assert way(shop, 2) == ("refit", "the chain has 2 models")
    ingest(shop, MIDNIGHT + 2)
    for hour in (MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 1):
        derive(shop, hour, MODEL)
    assert [way(shop, MIDNIGHT + step)[0] for step in (-1, 0, 1)] == ["fold_in", "refit", "fold_in"]
    assert way(shop, MIDNIGHT)[1] == "it is the first model of 2026-01-06, 2026-01-05T12 was learnt the day before"
    assert trained(shop, MIDNIGHT + 1)["facts"]["root"] == "2026-01-06T00"


def test_a_model_is_learnt_anew_when_there_is_a_quarter_more_to_learn_from(tmp_path: Path) -> None:
    """What 40 users of the first hour met says too little of a shop that has 50, and then 51."""
    late = {
        f"u{user:03}": hour for hour, users in ((1, range(40, 50)), (2, [50]), (9, range(51, 120))) for user in users
    }
    events = [event("click", one["user_id"], one["item_id"], hour=late.get(one["user_id"], 0)) for one in EVENTS]
    settings = open_two_groups(tmp_path, 3, events, holdout_share=0.0)
    for hour in range(3):
        derive(settings, hour, MODEL)
    assert [way(settings, hour)[0] for hour in range(3)] == ["refit", "fold_in", "refit"]
    assert way(settings, 2)[1] == "there are 255 pairs, and 2026-01-05T10 was learnt from 200"


def test_no_chain_goes_on_into_another_day_even_where_its_first_hours_have_no_model(shop: Settings) -> None:
    ingest(shop, MIDNIGHT + 2)
    derive(shop, MIDNIGHT + 1, MODEL)
    assert way(shop, MIDNIGHT + 1) == (
        "refit",
        "it is the first model of 2026-01-06, 2026-01-05T10 was learnt the day before",
    )


@pytest.mark.parametrize(
    ("knob", "value"), [("factors", 4), ("alpha", 0.5), ("holdout_share", 0.2), ("max_actor_events", 900)]
)
def test_a_model_of_other_settings_is_not_carried_on(shop: Settings, knob: str, value: float) -> None:
    derive(shop.model_copy(update={knob: value}), 2, MODEL)
    assert way(shop, 2) == ("refit", f"the model of 2026-01-05T11 was made with another {knob}")


def test_a_model_of_the_other_engine_is_not_carried_on(shop: Settings) -> None:
    for hourly_model, why in (
        ("fold_in", "the model of 2026-01-05T11 was made with another engine"),
        ("warm", "Spark learns every model from nothing"),
    ):
        other = shop.model_copy(update={"engine": "spark", "hourly_model": hourly_model})
        step = choose_step(Work(Run(FIRST + 2 * HOUR, other), "train"), 1)
        assert (step.way, step.why) == ("refit", why)


def test_a_model_of_another_tier_is_not_carried_on(shop: Settings) -> None:
    derive(shop.model_copy(update={"min_joined_share": 1.0}), 2, MODEL)
    assert way(shop, 2) == ("refit", "2026-01-05T11 was of tier full, this hour is of tier behaviour")


def test_who_was_erased_lives_on_in_no_model(shop: Settings) -> None:
    """The items' factors had learnt of them, and a chain would have kept that until midnight."""
    erase(shop, "u002")
    derive(shop, 2, MODEL)
    assert way(shop, 2) == ("refit", "somebody was erased from a model of the chain that ends in 2026-01-05T11")
    ingest(shop, 4)
    derive(shop, 3, MODEL)
    assert way(shop, 3)[0] == "fold_in"


def test_every_hour_is_learnt_anew_or_passed_once_where_the_settings_say_so(shop: Settings) -> None:
    derive(shop.model_copy(update={"hourly_model": "refit"}), 2, MODEL)
    assert way(shop, 2) == ("refit", "every hour is learnt anew")
    derive(shop.model_copy(update={"hourly_model": "warm"}), 2, MODEL)
    assert way(shop, 2)[0] == "warm"
    (_, items), (_, items_now) = (vectors(shop, hour) for hour in (1, 2))
    assert not same(items, items_now)
    directions = [one.vectors / np.linalg.norm(one.vectors, axis=1, keepdims=True) for one in (items, items_now)]
    assert float((directions[0] * directions[1]).sum(axis=1).min()) > 0.9


@pytest.mark.parametrize("hourly_model", ["fold_in", "warm"])
def test_every_link_of_a_chain_can_be_verified(shop: Settings, hourly_model: str) -> None:
    chained = shop.model_copy(update={"hourly_model": hourly_model})
    derive(chained, 2)
    assert trained(shop, 2)["facts"]["links"] == 3
    for hour in range(3):
        results, _ = verify_hour(FIRST + hour * HOUR, chained)
        assert {one.table for one in results if one.is_same} >= {"user_factors", "item_factors"}
        assert [one.table for one in results if not one.is_same] == []


def test_a_backfill_makes_the_same_chain_as_hours_one_after_the_other(shop: Settings, tmp_path: Path) -> None:
    derive(shop, 2, (*MODEL, "recommend", "publish"))
    apart = open_two_groups(tmp_path / "apart", 0, [*EVENTS, *NEWS], (NEW_ITEM,), holdout_share=0.1)
    backfill_hours(apart, hours_between(FIRST, FIRST + 2 * HOUR), list(STAGES))
    for hour in range(3):
        assert way(apart, hour)[0] == way(shop, hour)[0] == ("fold_in" if hour else "refit")
        for table in ("user_factors", "item_factors", "evaluation", "user_recommendations"):
            assert landed_path(apart, table, hour).read_bytes() == landed_path(shop, table, hour).read_bytes()


def steadiness(settings: Settings, hour: int) -> tuple[float, list[str]]:
    manifest = read_manifest(Run(FIRST + hour * HOUR, settings), "recommend")
    assert manifest
    assert [found["passed"] for found in manifest["quality"] if found["rule"] == "lists_unsteady"]
    return manifest["facts"]["steadiness"]["kept"], [note for note in manifest["notes"] if note.startswith("warning")]


def test_users_without_news_keep_their_lists_and_a_warning_says_when_they_do_not(shop: Settings) -> None:
    few = shop.model_copy(update={"compare_min_users": 1})
    derive(few, 2)
    kept, warnings = steadiness(few, 2)
    assert kept > 0.95 and not warnings
    derive(few.model_copy(update={"hourly_model": "refit", "factors": 2, "churn_limit": 0.05}), 2)
    kept, (warning,) = steadiness(few, 2)
    assert kept < 0.95
    assert warning.startswith("warning: user_recommendations: ") and "of their top 10 of the hour before" in warning
    derive(few.model_copy(update={"compare_min_users": 1000, "factors": 2}), 2, ("recommend",))
    manifest = read_manifest(Run(FIRST + 2 * HOUR, shop), "recommend")
    assert manifest and "steadiness" not in manifest["facts"]
