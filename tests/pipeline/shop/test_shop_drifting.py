"""A shop that drifts: tastes, missions, trends and launches, each a function of its hour alone; and one that does not."""

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from pipeline.shop.choice import choice_probabilities, draw_items, draw_types, open_market
from pipeline.shop.delivery import COLUMNS, deliver_hour
from pipeline.shop.drifting import MISSION_HOURS, missions_of, tastes_of, trends, type_weights_of
from pipeline.shop.stock import take_stock
from pipeline.shop.truth import oracle_lists, recall_at_k, wanted_items
from pipeline.shop.world import EPOCH, LAUNCH_HOUR, World, hour_number, make_world, user_id

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
START = hour_number(NOON)
STILL, WORLD = make_world(0, 500, 400), make_world(0, 500, 400, drift=True)
USERS = np.arange(500)


def deliver(world: World, hour: datetime, events: float = 1500, dirt: float = 0.03) -> list[tuple[Any, ...]]:
    return [row for rows in deliver_hour(world, hour, events, dirt) for row in rows]


def clicks(world: World, number: int) -> Counter[str]:
    hour = EPOCH + timedelta(hours=number - hour_number(EPOCH))
    places = COLUMNS.index("event_type"), COLUMNS.index("item_id")
    rows = deliver(world, hour, events=2000, dirt=0)
    return Counter(row[places[1]] for row in rows if row[places[0]] == "click")


def test_a_shop_that_does_not_drift_delivers_the_very_rows_that_it_always_did() -> None:
    found = hashlib.sha256()
    for step in range(3):
        for row in deliver(STILL, NOON + timedelta(hours=step)):
            found.update(repr(row).encode())
    assert found.hexdigest() == "dc217923f99218c340c428a162a9637e3643e1f5f7d936059752ee7ae10de66b"
    assert not trends(STILL, START).any()
    assert np.array_equal(tastes_of(STILL, USERS, START), STILL.taste)
    assert np.array_equal(type_weights_of(STILL, USERS, START), STILL.type_weight)


def test_an_hour_of_a_shop_that_drifts_is_the_same_whatever_was_made_before_it_and_another_seed_makes_another() -> None:
    rows = deliver(WORLD, NOON)
    assert rows == deliver(make_world.__wrapped__(0, 500, 400, True), NOON)
    assert rows != deliver(make_world(1, 500, 400, True), NOON)
    assert rows != deliver(STILL, NOON)


def test_what_one_user_likes_does_not_depend_on_who_else_is_asked_about() -> None:
    some = np.array([7, 3, 7, 499])
    assert np.array_equal(tastes_of(WORLD, some, START), tastes_of(WORLD, USERS, START)[some])
    assert np.array_equal(type_weights_of(WORLD, some, START), type_weights_of(WORLD, USERS, START)[some])


def test_a_users_taste_an_hour_later_is_almost_the_same_and_a_week_later_half_another() -> None:
    tastes = {hours: tastes_of(WORLD, USERS, START + hours) for hours in (0, 1, 24, 168)}
    alike = [np.corrcoef(tastes[0].ravel(), tastes[hours].ravel())[0, 1] for hours in (1, 24, 168)]
    assert alike[0] > 0.999 > alike[1] > 0.9
    assert 0.4 < alike[2] < 0.6
    # People are as different from each other as ever: nobody's taste fades away.
    assert [taste.std() for taste in tastes.values()] == pytest.approx([WORLD.taste.std()] * 4, rel=0.05)


def test_a_quarter_of_the_users_are_on_a_mission_that_lasts_a_day_or_so() -> None:
    missions = np.array([missions_of(WORLD, USERS, START + hours) for hours in range(480)])
    assert (missions >= 0).mean() == pytest.approx(0.25, abs=0.02)
    for one in missions.T[:50]:
        edges = np.flatnonzero(np.diff(one >= 0))
        lengths = np.diff(edges)[(one >= 0)[edges[:-1] + 1]]  # of the missions that begin and end in these days
        assert np.all((lengths >= MISSION_HOURS[0]) & (lengths <= MISSION_HOURS[1]))


def test_who_is_on_a_mission_looks_mostly_for_its_type() -> None:
    weights, mission = type_weights_of(WORLD, USERS, START), missions_of(WORLD, USERS, START)
    assert weights.sum(axis=1) == pytest.approx(1, abs=1e-5)
    busy = np.flatnonzero(mission >= 0)
    assert np.all(weights[busy, mission[busy]] >= 0.6)
    market, rng = open_market(WORLD, START), np.random.default_rng(0)
    drawn = draw_types(market, rng, np.repeat(busy, 50)).reshape(len(busy), 50)
    assert (drawn == mission[busy, None]).mean() > 0.55


def test_an_item_in_fashion_is_clicked_more_than_before_its_trend() -> None:
    height = np.array([trends(WORLD, START + hours) for hours in range(400)])
    height[:100] = 0
    hour, item = np.unravel_index(height.argmax(), height.shape)
    assert height[hour, item] > 1.5
    inside = sum(clicks(WORLD, START + int(hour) + step)[WORLD.item_ids[item]] for step in range(-3, 6))
    before = sum(clicks(WORLD, START + int(hour) - 60 + step)[WORLD.item_ids[item]] for step in range(-3, 6))
    assert trends(WORLD, START + int(hour) - 60)[item] < 0.3
    assert inside > 2 * before + 10


def test_trends_rise_within_hours_fade_within_days_and_leave_most_items_alone() -> None:
    height = np.array([trends(WORLD, START + hours) for hours in range(24 * 30)])
    assert height.min() >= 0
    assert 0.001 < (height > 1).mean() < 0.05
    for item in height.max(axis=0).argsort()[-20:]:
        top = int(height[:, item].argmax())
        if 24 < top < len(height) - 72:
            assert height[top - 10 : top, item].min() < height[top, item] / 2
            assert height[top + 72, item] < height[top, item] / 2


def test_what_is_new_comes_in_bursts_and_is_in_fashion_at_first() -> None:
    world = make_world(0, 10, 2000, drift=True)
    launched, items = np.unique(world.listed_hour[world.listed_hour >= hour_number(EPOCH)], return_counts=True)
    assert items.sum() == pytest.approx(500, rel=0.1)
    assert set(launched % 24) == {LAUNCH_HOUR} and items.mean() > 5
    number = int(launched[items.argmax()])
    new = world.listed_hour == number
    assert trends(world, number + 8)[new].mean() > 0.8 > trends(world, number + 90)[new].mean()
    assert take_stock(world, number).is_listed[new].all() and not take_stock(world, number - 1).is_listed[new].any()


def test_what_users_of_a_drifting_shop_choose_follows_the_probabilities_of_the_hour() -> None:
    world, number = make_world(2, 40, 200, drift=True), START + 30
    user = int(np.flatnonzero(missions_of(world, np.arange(40), number) >= 0)[0])
    market, rng, users = open_market(world, number), np.random.default_rng(1), np.repeat(user, 60_000)
    drawn = draw_items(market, rng, users, draw_types(market, rng, users))
    assert market.stock.is_listed[drawn].all()
    drawn = drawn[market.stock.is_available[drawn]]
    chances = choice_probabilities(market, users[:1])[0]
    assert np.abs(np.bincount(drawn, minlength=200) / len(drawn) - chances).max() < 0.01
    assert np.abs(choice_probabilities(open_market(world, number + 96), users[:1])[0] - chances).max() > 0.02


def test_the_oracle_knows_the_taste_of_the_moment_and_one_of_yesterday_knows_less() -> None:
    names = [user_id(number) for number in range(250)]
    wanted = wanted_items(WORLD, NOON, names, np.random.default_rng(3))
    now, hour, day = (
        recall_at_k(oracle_lists(WORLD, NOON - timedelta(hours=ago), names, 20), wanted, 20) for ago in (0, 1, 24)
    )
    assert now > day + 0.03
    assert abs(now - hour) < 0.02
