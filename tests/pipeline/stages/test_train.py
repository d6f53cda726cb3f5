"""Stage `train`: one vector for every user and item that there is, and nothing of what is hidden."""

from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from handmade_shop import FIRST, derive, event, ingest, item, landed_path, open_shop, rows

from pipeline.duck import connect, view_files
from pipeline.line import run_stage
from pipeline.model_files import Factors, read_factors
from pipeline.settings import Settings
from pipeline.shop.database import CATALOG
from pipeline.stages.train import read_sides

UP_TO = ("prepare", "train")


def model(settings: Settings, hour: int = 0) -> tuple[Factors, Factors]:
    return (
        read_factors(landed_path(settings, "user_factors", hour), "user_id"),
        read_factors(landed_path(settings, "item_factors", hour), "item_id"),
    )


def list_item(settings: Settings, row: dict[str, Any]) -> None:
    """The shop has one item more."""
    engine = sa.create_engine(settings.shop_url)
    with engine.begin() as connection:
        connection.execute(sa.insert(CATALOG), [row])
    engine.dispose()


def test_every_user_and_item_of_the_interactions_has_a_vector_in_the_order_of_ids(tmp_path: Path) -> None:
    events = [event("click", user, name) for user, name in (("z", "b"), ("é", "a"), ("10", "b"))]
    settings = open_shop(tmp_path, [item("a"), item("b"), item("never met")], events)
    ingest(settings)
    result = derive(settings, stages=UP_TO)["train"]
    users, items = model(settings)
    assert list(users.ids) == ["10", "z", "é"]
    assert list(items.ids) == ["a", "b"]
    assert users.vectors.shape == (3, 8)
    assert np.isfinite(users.vectors).all()
    assert {name: result.facts[name] for name in ("users", "items", "pairs")} == {"users": 3, "items": 2, "pairs": 3}
    assert result.facts["regularization"] > 0


def test_an_item_listed_today_has_the_vector_that_its_attributes_make_likely_unless_switched_off(
    tmp_path: Path,
) -> None:
    places = range(12)
    catalog = [item(f"i{place:02}", title="thing", category=f"parity {place % 2}") for place in places]
    events = [
        event("click", f"u{user:02}", f"i{place:02}", minute=place)
        for user in places
        for place in places
        if user % 2 == place % 2 and user != place
    ]
    settings = open_shop(tmp_path, catalog, events, holdout_share=0.0, fresh_hours=1)
    ingest(settings)
    assert derive(settings, stages=UP_TO)["train"].facts["new_items"] == 0  # nothing says since when items are listed
    list_item(settings, item("new", title="thing", category="parity 0"))
    ingest(settings, 2)
    assert derive(settings, 1, UP_TO)["train"].facts["new_items"] == 1
    items = model(settings, 1)[1]
    directions = items.vectors / np.linalg.norm(items.vectors, axis=1, keepdims=True)
    nearest = items.ids[np.argsort(-directions @ directions[items.ids.get_loc("new")])][:7]
    assert set(nearest) == {"new", *(f"i{place:02}" for place in places[::2])}
    off = settings.model_copy(update={"new_items_weight": 0.0})
    derive(off, 1, UP_TO)
    assert "new" not in model(off, 1)[1].ids


def test_side_rows_know_nothing_of_what_is_held_out(tmp_path: Path) -> None:
    users = [f"u{number}" for number in range(12)]
    events = [event("click", user, name) for user in users for name in ("a", "b")]
    events += [event("search", user, f"query of {user}", minute=20) for user in users]
    events += [event("click", user, f"last of {user}", minute=21) for user in users]
    catalog = [item(name) for name in ("a", "b", *(f"last of {user}" for user in users))]
    settings = open_shop(tmp_path, catalog, events, holdout_share=0.5, query_rows_weight=1.0)
    ingest(settings)
    derive(settings, stages=("prepare",))
    hidden = {user for user, _ in rows(settings, "holdout", "user_id", "item_id")}
    assert 0 < len(hidden) < len(users)
    with connect(settings, tmp_path) as connection:
        for table in ("items", "query_items"):
            view_files(connection, table, [landed_path(settings, table)])
        sides = read_sides(connection, settings)
    typed = sides[sides["kind"] == "query"]
    assert set(typed["name"]) == {f"query of {user}" for user in users if user not in hidden}


def test_without_interactions_the_model_is_empty_and_said_so(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a")], [])
    ingest(settings)
    result = derive(settings, stages=UP_TO)["train"]
    assert result.notes == ("no interactions in the window: everyone gets the popular list",)
    assert [factors.vectors.shape for factors in model(settings)] == [(0, 8), (0, 8)]


def test_one_user_and_one_item_can_be_trained_on(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a")], [event("click", "u", "a")])
    ingest(settings)
    derive(settings, stages=UP_TO)
    users, items = model(settings)
    assert float(users.vectors[0] @ items.vectors[0]) > 0


def test_the_model_is_the_same_bytes_for_one_and_two_threads(ran: Settings) -> None:
    before = landed_path(ran, "user_factors", 6).read_bytes()
    for threads in (1, 2):
        run_stage("train", FIRST.replace(hour=16), ran.model_copy(update={"threads": threads}))
        assert landed_path(ran, "user_factors", 6).read_bytes() == before
