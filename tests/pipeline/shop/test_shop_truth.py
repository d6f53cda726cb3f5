"""The truth about tastes: recall by hand, the oracle, and choices that follow their probabilities."""

from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.errors import BadInput
from pipeline.shop.choice import choice_probabilities, draw_items, draw_types, open_market
from pipeline.shop.truth import oracle_lists, recall_at_k, truth_report, wanted_items
from pipeline.shop.world import hour_number, make_world, user_id

HOUR = datetime(2026, 2, 3, 15, tzinfo=UTC)
WORLD = make_world(0, 2000, 1000)
USERS = [user_id(number) for number in range(300)]


def test_recall_by_hand() -> None:
    wanted = {"a": ["1", "2", "3", "4"], "b": ["9"], "c": [], "d": ["5", "6"]}
    lists = {"a": ["2", "7", "1"], "b": ["9", "8"], "c": ["1"]}
    # k=2: a finds 2 of {2, 7}, one of min(2, 4); b finds 9 of one; c wants nothing; d has no list.
    assert recall_at_k(lists, wanted, 2) == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert recall_at_k(lists, wanted, 3) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert recall_at_k({}, {}, 20) == 0


def test_repeated_items_in_a_list_or_in_the_picks_count_once() -> None:
    assert recall_at_k({"a": ["1", "1", "2"]}, {"a": ["1", "1", "3"]}, 2) == pytest.approx(1 / 2)


@pytest.mark.parametrize("items", [200, 12_000])
def test_what_users_choose_follows_the_probabilities(items: int) -> None:
    world = make_world(2, 3, items)
    market = open_market(world, hour_number(HOUR))
    rng, users = np.random.default_rng(1), np.repeat(1, 60_000)
    drawn = draw_items(market, rng, users, draw_types(market, rng, users))
    assert market.stock.is_listed[drawn].all()
    drawn = drawn[market.stock.is_available[drawn]]
    seen = np.bincount(drawn, minlength=items) / len(drawn)
    chances = choice_probabilities(market, np.array([1]))[0]
    assert chances.sum() == pytest.approx(1, abs=1e-4)
    assert np.abs(seen - chances).max() < 0.01
    assert np.corrcoef(seen, chances)[0, 1] > 0.98


def test_nothing_unlisted_out_of_stock_or_excluded_is_wanted_or_listed() -> None:
    stock = open_market(WORLD, hour_number(HOUR)).stock
    numbers = {item: number for number, item in enumerate(WORLD.item_ids)}
    exclude = {user: set(items[:5]) for user, items in oracle_lists(WORLD, HOUR, USERS, 5).items()}
    wanted = wanted_items(WORLD, HOUR, USERS, np.random.default_rng(0), exclude=exclude)
    lists = oracle_lists(WORLD, HOUR, USERS, 20, exclude)
    for user in USERS:
        assert len(lists[user]) == len(set(lists[user])) == 20
        assert 0 < len(wanted[user]) == len(set(wanted[user])) <= 20
        for item in [*wanted[user], *lists[user]]:
            assert stock.is_available[numbers[item]]
            assert item not in exclude[user]


def test_the_oracle_lists_the_most_probable_items_best_first() -> None:
    chances = choice_probabilities(open_market(WORLD, hour_number(HOUR)), np.arange(1))[0]
    best = sorted(range(1000), key=lambda item: -chances[item])[:3]
    assert oracle_lists(WORLD, HOUR, USERS[:1], 3) == {USERS[0]: [WORLD.item_ids[item] for item in best]}


def test_a_user_who_has_everything_wants_nothing_and_is_not_counted() -> None:
    exclude = {USERS[0]: set(WORLD.item_ids)}
    assert wanted_items(WORLD, HOUR, USERS[:1], np.random.default_rng(0), exclude=exclude) == {USERS[0]: []}
    assert oracle_lists(WORLD, HOUR, USERS[:1], 20, exclude) == {USERS[0]: []}
    assert truth_report(WORLD, HOUR, {user: [] for user in USERS[:3]}, [], exclude).users == 2


def test_the_oracle_beats_the_popular_list_by_far_but_is_not_perfect() -> None:
    picks = Counter(
        item for items in wanted_items(WORLD, HOUR, USERS, np.random.default_rng(9)).values() for item in items
    )
    popular = [item for item, _ in picks.most_common(60)]
    report = truth_report(WORLD, HOUR, dict.fromkeys(USERS, popular), popular, {})
    assert report.users == 300
    assert report.ours == report.popular
    assert 0.04 < report.popular < 0.12
    assert 0.35 < report.oracle < 0.60


def test_a_report_is_the_same_again_and_judges_a_sample_of_many_users() -> None:
    lists = oracle_lists(WORLD, HOUR, USERS, 20)
    first = truth_report(WORLD, HOUR, lists, [], {}, sample=100)
    assert first == truth_report(WORLD, HOUR, lists, [], {}, sample=100)
    assert first.users == 100
    assert first.ours == first.oracle


def test_a_user_of_no_world_is_refused() -> None:
    with pytest.raises(BadInput, match="not a user"):
        truth_report(WORLD, HOUR, {"someone": []}, [], {})
