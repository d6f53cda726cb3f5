"""Lists that rest from hour to hour: whose do, that they are what would be computed, and what has them computed."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from handmade_shop import DERIVED, FIRST, derive, event, ingest, item, landed, lists_of, open_shop
from two_groups import EVENTS, ITEMS, open_settings

from pipeline import resting
from pipeline.hours import HOUR
from pipeline.lake import Work
from pipeline.manifests import stage_facts
from pipeline.model_files import read_factors, write_factors
from pipeline.rules import rules_file
from pipeline.run import Run
from pipeline.settings import Settings
from pipeline.stages import recommend as recommending
from pipeline.verify import verify_hour

# "p" can be had from hour 1 on, though people of the second group met it before; "c", of the first, no more.
CATALOG = [
    *ITEMS[:-1],
    item("p", is_available=False),
    item("p", updated_at="2026-01-05 11:10:00"),
    item("c", is_available=False, updated_at="2026-01-05 11:10:00"),
]
NEWS = [event("click", "u001", "a", hour=1)]
NO_HIDDEN = {"holdout_share": 0.0}


@pytest.fixture(scope="module")
def resting_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose catalog changes in hour 1, in which one user does something; hour 0 has lists. Copy it, do not use it."""
    home = tmp_path_factory.mktemp("resting")
    settings = open_shop(home, CATALOG, [*EVENTS, *NEWS], k=2, iterations=6, **NO_HIDDEN)
    ingest(settings, 3)
    derive(settings, 0)
    return home


@pytest.fixture
def shop(resting_home: Path, tmp_path: Path) -> Settings:
    return open_settings(shutil.copytree(resting_home, tmp_path / "var"), k=2, **NO_HIDDEN)


def rested(settings: Settings, hour: int, what: str = "users") -> int:
    return int(stage_facts(Run(FIRST + hour * HOUR, settings), "recommend")[f"resting_{what}"])


def similar(settings: Settings, hour: int) -> tuple[list[tuple[Any, ...]], np.ndarray]:
    """What is listed beside which item, and with which score."""
    table = landed(settings, "similar_items", hour)
    names = zip(*(table[name].to_pylist() for name in ("item_id", "rank", "similar_item_id", "reason")), strict=True)
    return list(names), table["score"].to_numpy()


def listed(settings: Settings, hour: int) -> tuple[list[tuple[Any, ...]], np.ndarray]:
    """Who is listed what, why, and with which score."""
    table = landed(settings, "user_recommendations", hour)
    names = zip(*(table[name].to_pylist() for name in ("user_id", "rank", "item_id", "reason")), strict=True)
    return list(names), table["score"].to_numpy()


def test_lists_that_rest_are_what_would_be_computed(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for hour in (1, 2):
        derive(shop, hour)
        assert rested(shop, hour) > (20 if hour == 1 else 110)
        names, scores = listed(shop, hour)
        with monkeypatch.context() as patched:
            patched.setattr(recommending, "find_resting", lambda *given: resting.NONE)
            derive(shop, hour, ("recommend",))
        computed, computed_scores = listed(shop, hour)
        assert rested(shop, hour) == 0
        assert names == computed
        np.testing.assert_allclose(scores, computed_scores, rtol=1e-5)


def test_lists_of_similar_items_that_rest_are_what_would_be_computed(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in (1, 2):
        derive(shop, hour)
        # In hour 1 one item is gone and another comes in, and with them most lists of so small a shop.
        assert rested(shop, hour, "items") > (0 if hour == 1 else 10)
        names, scores = similar(shop, hour)
        with monkeypatch.context() as patched:
            patched.setattr(recommending, "find_resting_items", lambda *given: resting.NONE_SIMILAR)
            derive(shop, hour, ("recommend",))
        computed, computed_scores = similar(shop, hour)
        assert rested(shop, hour, "items") == 0
        assert names == computed
        np.testing.assert_allclose(scores, computed_scores, rtol=1e-5, atol=1e-7)


def test_the_similar_items_of_what_cannot_be_had_and_has_another_vector_are_found_anew(
    shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in (1, 2):
        derive(shop, hour)
    before, real = rested(shop, 2, "items"), Work.read_hour

    def read_hour(work: Work, table: str, *given: Any, **named: Any) -> list[Path]:
        paths = real(work, table, *given, **named)
        if table != "item_factors":
            return paths
        then = read_factors(paths[0], "item_id")
        then.vectors[then.ids.get_loc("c")] += 1
        write_factors(tmp_path / "then.parquet", "item_id", list(then.ids), then.vectors)
        return [tmp_path / "then.parquet"]

    monkeypatch.setattr(Work, "read_hour", read_hour)
    derive(shop, 2, ("recommend",))
    assert rested(shop, 2, "items") == before - 1


@pytest.mark.parametrize("sign", [1, -1])
def test_what_scores_as_much_as_the_last_of_a_list_but_for_rounding_has_the_list_made_anew(sign: int) -> None:
    row, item = np.array([[1.0, 0.0]], np.float32), np.array([[sign * 0.5, 1.0]], np.float32)
    lowest = [sign * 0.5 * (1 + sign * part) for part in (1e-6, 1e-3)]
    found = [resting.beats(row, item, pa.chunked_array([[one]]))[0] for one in lowest]
    assert found == [True, False]


def test_similar_items_rest_only_where_the_hour_carries_a_model_on(shop: Settings) -> None:
    derive(shop.model_copy(update={"hourly_model": "refit"}), 1)
    assert rested(shop, 1, "items") == 0


def test_what_can_be_had_no_more_leaves_lists_and_what_can_be_had_again_comes_into_them(shop: Settings) -> None:
    derive(shop, 1)
    then, now = (lists_of(shop, "user_recommendations", "user_id", hour=hour) for hour in (0, 1))
    had_c = {user for user, names in then.items() if "c" in names}
    has_p = {user for user, names in now.items() if "p" in names}
    assert had_c and not any("c" in names for names in now.values())
    assert has_p and not any("p" in names for names in then.values())
    assert rested(shop, 1) <= len(then) - len(had_c | has_p | {"u001"})
    assert rested(shop, 1) >= 0.5 * len(then.keys() - had_c - has_p)


def test_the_list_of_who_had_a_hidden_item_is_made_anew(
    shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in (1, 2):
        derive(shop, hour)
    before, real = rested(shop, 2), Work.read_hour
    row = {"user_id": "u002", "item_id": "a", "kind": "click", "weight": 1_000_000}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "holdout.parquet")

    def read_hour(work: Work, table: str, *given: Any, **named: Any) -> list[Path]:
        return [tmp_path / "holdout.parquet"] if table == "holdout" else real(work, table, *given, **named)

    monkeypatch.setattr(Work, "read_hour", read_hour)
    derive(shop, 2, ("recommend",))
    assert rested(shop, 2) == before - 1


def test_nothing_rests_in_an_hour_that_learns_its_model_anew(shop: Settings) -> None:
    derive(shop.model_copy(update={"hourly_model": "refit"}), 1)
    assert rested(shop, 1) == 0


def test_nothing_rests_beside_lists_that_were_made_from_another_model(shop: Settings) -> None:
    derive(shop.model_copy(update={"seed": 7}), 0, ("train", "evaluate"))
    derive(shop.model_copy(update={"seed": 7}), 1)
    assert stage_facts(Run(FIRST + HOUR, shop), "train")["way"] == "fold_in"
    assert rested(shop, 1) == 0


def test_nothing_rests_while_a_rule_holds_nor_in_the_hour_after(shop: Settings) -> None:
    path = rules_file(shop)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("rule,item_id,value\nblock,h,\n", encoding="utf-8")
    derive(shop, 1)
    assert rested(shop, 1) == 0
    path.unlink()
    derive(shop, 2)
    assert rested(shop, 2) == 0


def test_lists_that_rested_are_verified(shop: Settings) -> None:
    derive(shop, 1)
    derive(shop, 2)
    for hour in (1, 2):
        results, _ = verify_hour(FIRST + hour * HOUR, shop)
        assert {one.table for one in results if not one.is_same} == set()
    assert rested(shop, 2) > 0


def test_an_hour_that_landed_before_similar_items_rested_is_verified_as_it_was(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest names no similar items of the hour before among its inputs: users' lists rest, and those do not."""
    with monkeypatch.context() as patched:
        patched.setattr(recommending, "find_resting_items", lambda *given: resting.NONE_SIMILAR)
        for hour in (1, 2):
            derive(shop, hour)
    taken_over = []
    for name in ("find_resting", "find_resting_items"):
        real = getattr(recommending, name)
        monkeypatch.setattr(
            recommending, name, lambda *given, real=real: taken_over.append(real(*given)) or taken_over[-1]
        )
    results, _ = verify_hour(FIRST + 2 * HOUR, shop)
    assert {one.table for one in results if not one.is_same} == set()
    users, items = taken_over
    assert users.num_rows == 2 * rested(shop, 2) > 0
    assert items.num_rows == 0


def test_an_hour_in_which_every_list_rests_has_the_lists_of_the_hour_before(shop: Settings) -> None:
    for hour in (1, 2):
        derive(shop, hour, DERIVED)
    assert rested(shop, 2) == len(lists_of(shop, "user_recommendations", "user_id", hour=2))
    assert listed(shop, 2)[0] == listed(shop, 1)[0]
