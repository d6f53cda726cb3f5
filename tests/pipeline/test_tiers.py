"""Tiers: what the data can carry, exactly at the limits."""

from pathlib import Path

import pytest

from pipeline.settings import load_settings
from pipeline.tiers import Tier, choose_tier

PLENTY = {"items": 1000, "titled_items": 1000, "searches": 30, "joined_searches": 30, "users": 500}


def tier(tmp_path: Path, **figures: int) -> Tier:
    return choose_tier(PLENTY | figures, load_settings(home=tmp_path))


def test_plenty_of_everything_is_the_full_tier_with_nothing_to_lift_it(tmp_path: Path) -> None:
    assert tier(tmp_path) == Tier("full", "", "")


@pytest.mark.parametrize(
    ("enough", "short"),
    [
        ({"titled_items": 950}, {"titled_items": 949}),
        ({"joined_searches": 3}, {"joined_searches": 2}),
        ({"searches": 12_030, "joined_searches": 1203}, {"searches": 12_030, "joined_searches": 1202}),
    ],
)
def test_the_full_tier_ends_exactly_at_its_limits(
    tmp_path: Path, enough: dict[str, int], short: dict[str, int]
) -> None:
    assert tier(tmp_path, **enough).name == "full"
    assert tier(tmp_path, **short).name == "behaviour"


def test_a_model_needs_exactly_so_many_users(tmp_path: Path) -> None:
    assert tier(tmp_path, users=20).name == "full"
    assert tier(tmp_path, users=19) == Tier(
        "popular",
        "only 19 users took an item of the catalog, 20 are needed for a model",
        "1 more of them would lift it",
    )


def test_every_lack_is_named_with_the_rows_that_would_lift_it(tmp_path: Path) -> None:
    found = tier(tmp_path, titled_items=900, searches=12_030, joined_searches=0)
    assert found.why == "only 900 of 1,000 items have a title and only 0 of 12,030 searches led to an item"
    assert found.lifted_by == "50 more titles and 1,203 more searches that lead to an item would lift it to full"


@pytest.mark.parametrize("lack", [{"titled_items": 17}, {"searches": 701, "joined_searches": 13}])
def test_what_is_said_to_lift_it_lifts_it_and_one_row_less_does_not(tmp_path: Path, lack: dict[str, int]) -> None:
    low = tier(tmp_path, **lack)
    missing, column = int(low.lifted_by.split()[0].replace(",", "")), list(lack)[-1]
    assert tier(tmp_path, **lack | {column: lack[column] + missing}).name == "full"
    assert tier(tmp_path, **lack | {column: lack[column] + missing - 1}).name == "behaviour"


def test_where_nobody_searches_the_tier_is_behaviour_unless_no_search_is_asked_for(tmp_path: Path) -> None:
    silent = PLENTY | {"searches": 0, "joined_searches": 0}
    assert choose_tier(silent, load_settings(home=tmp_path)) == Tier(
        "behaviour", "nobody searched", "1 more searches that lead to an item would lift it to full"
    )
    assert choose_tier(silent, load_settings(home=tmp_path, min_joined_share=0.0)).name == "full"
