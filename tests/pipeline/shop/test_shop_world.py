"""The shop's world and its stock: pure functions with the shares that the shop promises."""

from itertools import pairwise

import numpy as np
import pytest

from pipeline.errors import BadInput
from pipeline.shop.stock import take_stock
from pipeline.shop.world import EPOCH, hour_number, make_world, user_id, user_number

START = hour_number(EPOCH)


def test_the_same_numbers_make_the_same_world_and_another_seed_another() -> None:
    first, again, other = make_world(3, 50, 200), make_world.__wrapped__(3, 50, 200), make_world(4, 50, 200)
    assert first is not again
    assert first.titles.tolist() == again.titles.tolist()
    assert np.array_equal(first.taste, again.taste)
    assert first.titles.tolist() != other.titles.tolist()


def test_items_have_distinct_ids_and_titles_of_brand_style_type_and_number() -> None:
    world = make_world(0, 10, 1000)
    assert len(set(world.item_ids)) == 1000
    brand, *words, number = world.titles[0].split()
    assert brand.istitle()
    assert len(words) >= 2
    assert number.isdecimal()


def test_every_item_stands_in_one_slot_of_a_shelf_of_its_type() -> None:
    world = make_world(0, 10, 9000)
    shelf, slot = np.nonzero(world.slots >= 0)
    items = world.slots[shelf, slot]
    assert sorted(items) == list(range(9000))
    assert np.array_equal(world.shelf_type[shelf], world.type_of[items])
    assert world.slots.shape[1] <= 60


def test_users_have_a_few_favourite_types_and_differ_in_them() -> None:
    weight = make_world(0, 500, 100).type_weight
    assert np.allclose(weight.sum(axis=1), 1, atol=1e-5)
    assert np.median(np.sort(weight, axis=1)[:, -8:].sum(axis=1)) > 0.6
    assert len(set(weight.argmax(axis=1))) > 30


def test_one_to_two_per_cent_of_prices_change_in_a_day() -> None:
    world = make_world(0, 1, 5000)
    prices = [take_stock(world, START + 24 * day).price for day in range(8)]
    changed = np.mean([before != after for before, after in pairwise(prices)])
    assert 0.01 < changed < 0.02


def test_about_two_per_cent_of_the_listed_items_are_out_of_stock() -> None:
    world = make_world(0, 1, 5000)
    stocks = [take_stock(world, START + 31 * step) for step in range(20)]
    out = np.mean([1 - stock.is_available[stock.is_listed].mean() for stock in stocks])
    assert 0.015 < out < 0.025


def test_a_few_per_cent_of_the_items_are_launched_over_the_following_year() -> None:
    world = make_world(0, 1, 5000)
    listed = [take_stock(world, START + days * 24).is_listed.mean() for days in (0, 120, 240, 365)]
    assert 0.93 < listed[0] < listed[1] < listed[2] < listed[3] == 1


def test_changed_hour_is_the_last_hour_in_which_anything_changed() -> None:
    world = make_world(0, 1, 300)
    before = take_stock(world, START)
    for number in range(START + 1, START + 300):
        stock = take_stock(world, number)
        same = (
            (stock.is_listed == before.is_listed)
            & (stock.is_available == before.is_available)
            & (stock.price == before.price)
        )
        assert np.all(stock.changed_hour[~same & stock.is_listed] == number)
        assert np.all((stock.changed_hour == before.changed_hour) | (stock.changed_hour == number) | ~stock.is_listed)
        before = stock


def test_user_ids_lead_back_to_their_numbers_and_others_are_refused() -> None:
    world = make_world(0, 20, 10)
    assert user_number(world, user_id(19)) == 19
    for wrong in ("u000020", "19", "u19", "", "u-00001"):
        with pytest.raises(BadInput, match="is not a user of this shop"):
            user_number(world, wrong)


@pytest.mark.parametrize("numbers", [(-1, 10, 10), (0, 0, 10), (0, 10, 0), (0, 10, 2_000_000)])
def test_a_world_out_of_range_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(BadInput, match="the shop needs"):
        make_world(*numbers)
