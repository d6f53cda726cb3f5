"""Stage `train`: one vector for every user and item that there is, and nothing of what is hidden."""

from pathlib import Path

import numpy as np
from handmade_shop import FIRST, derive, event, ingest, item, landed_path, open_shop

from pipeline.line import run_stage
from pipeline.model_files import Factors, read_factors
from pipeline.settings import Settings

UP_TO = ("prepare", "train")


def model(settings: Settings, hour: int = 0) -> tuple[Factors, Factors]:
    return (
        read_factors(landed_path(settings, "user_factors", hour), "user_id"),
        read_factors(landed_path(settings, "item_factors", hour), "item_id"),
    )


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
