"""Each tier from the events to the serving database: the lists are simpler, and complete."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from handmade_shop import FIRST, derive, event, ingest, item, landed, open_shop, rows
from sqlalchemy import select

from pipeline.line import run_stage
from pipeline.manifests import stage_facts
from pipeline.run import Run
from pipeline.serving import database, read
from pipeline.serving.schema import versions
from pipeline.settings import Settings

ITEMS = [f"i{number:02}" for number in range(12)]
USERS = [f"u{number:02}" for number in range(24)]
K = 8
KNOBS: dict[str, Any] = {
    "full": {"min_joined_share": 0.5, "min_titled_share": 1.0, "min_model_users": 24},
    "behaviour": {"min_titled_share": 1.0, "min_model_users": 24},
    "popular": {"min_model_users": 25},
}


def taste(place: int, user: str) -> list[dict[str, Any]]:
    """A user's search, and what was taken after it."""
    half = ITEMS[:6] if place % 2 else ITEMS[6:]
    liked = [half[(place + step) % 6] for step in range(3)]
    return [
        event("search", user, f"query {place % 2}"),
        *(event("click", user, name, minute=2 + step) for step, name in enumerate(liked)),
        event("purchase", user, liked[0], minute=9),
    ]


@pytest.fixture(scope="module")
def recommended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Settings]]:
    """For each tier a home of a shop in which an hour ran up to its lists."""
    home = tmp_path_factory.mktemp("tiers")
    events = [row for place, user in enumerate(USERS) for row in taste(place, user)]
    made = {}
    for tier, knobs in KNOBS.items():
        catalog = [item(name) for name in ITEMS]
        if tier == "behaviour":
            catalog[0]["title"] = ""
        made[tier] = open_shop(home / tier, catalog, events, k=K, holdout_share=0.3, **knobs)
        ingest(made[tier])
        derive(made[tier])
    yield made
    shutil.rmtree(home)


@pytest.mark.parametrize("tier", KNOBS)
def test_every_tier_publishes_complete_lists_under_its_name(
    recommended: dict[str, Settings], serving_url: str, tier: str
) -> None:
    settings = recommended[tier].model_copy(update={"serving_url": serving_url})
    run_stage("publish", FIRST, settings)
    engine = database.connect(serving_url)
    try:
        bought = dict.fromkeys(USERS, 1)
        for user in [*USERS, "somebody new"]:
            found = read.read_user(engine, "shop", "batch", user)
            assert len({row.item_id for row in found.rows}) == min(K, len(ITEMS) - bought.get(user, 0))
            assert found.served_reason == ("personal" if tier != "popular" and user in bought else "popular")
        for name in ITEMS:
            assert len(read.read_similar(engine, "shop", "batch", name).rows) == K
        found = read.read_query(engine, "shop", "batch", "query 1")
        assert (len(found.rows), found.served_reason) == (K, "query" if tier == "full" else "popular")
        assert [row["tier"] for row in read.freshness(engine)] == [tier]
        with database.reading(engine) as connection:
            assert connection.scalars(select(versions.c.tier)).all() == [tier]
    finally:
        engine.dispose()


def test_the_behaviour_tier_learns_from_deeds_and_not_from_searches(recommended: dict[str, Settings]) -> None:
    settings = recommended["behaviour"]
    assert rows(settings, "query_items", "query") == []
    assert {kind for (kind,) in rows(settings, "interactions", "kind")} == {"click", "purchase"}
    assert landed(settings, "user_factors").num_rows == len(USERS)
    assert stage_facts(Run(FIRST, settings), "prepare")["tier"] == {
        "name": "behaviour",
        "why": "only 11 of 12 items have a title",
        "lifted_by": "1 more titles would lift it to full",
    }


def test_the_popular_tier_has_no_model_and_hides_nothing_from_the_popular_list(
    recommended: dict[str, Settings],
) -> None:
    settings = recommended["popular"]
    for table in ("interactions", "holdout", "user_factors", "user_recommendations", "query_recommendations"):
        assert landed(settings, table).num_rows == 0
    assert landed(recommended["full"], "holdout").num_rows
    scores = [score for segment, score in rows(settings, "popular_items", "segment", "score") if segment == "all"]
    assert sum(scores) == pytest.approx(len(USERS) * (3 * 2 + 8), rel=0.01)
