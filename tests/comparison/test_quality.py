"""The joins over time that every figure of quality rests on, held against plain loops on random logs and lists."""

import random
from pathlib import Path

import numpy as np
import pytest
from arms_world import Rows, answer, at, event, listed, make_bundle, make_log

from pipeline.comparison.bundle import open_tables
from pipeline.comparison.quality import read_world, score_bundle
from pipeline.duck import fetch_table

USERS = "uvwxyz"
ITEMS = "abcdefghijkl"
HORIZON = 6


def invent(seed: int) -> tuple[Rows, list[tuple[float, str]], list[tuple[str | None, float, float | None, str]]]:
    """Events and reads at quarters of an hour, so that many coincide, and lists of users and of everyone with gaps."""
    dice = random.Random(seed)
    events = [event(place / 100, "t", item) for place, item in enumerate(ITEMS)]
    events += [
        event(dice.randrange(4 * 24) / 4, dice.choice(USERS), dice.choice(ITEMS), name=f"e{n}") for n in range(90)
    ]
    reads = sorted({(dice.randrange(4, 4 * 24) / 4, dice.choice(USERS)) for _ in range(60)})
    lists: list[tuple[str | None, float, float | None, str]] = []
    for user in (None, *USERS[:4]):
        edges = sorted(dice.sample(range(4, 4 * 24), 8))
        for place, begins in enumerate(edges):
            ends = edges[place + 1] if place + 1 < len(edges) else None
            if dice.random() < 0.3 and ends:
                ends = dice.randrange(begins + 1, ends + 1)  # a gap follows
            items = "".join(dice.sample(ITEMS, 3))
            lists.append((user, begins / 4, ends / 4 if ends else None, items))
    return events, reads, lists


def visible(lists: list[tuple[str | None, float, float | None, str]], user: str, moment: float) -> str:
    """The items of the user's own list at that moment, else of everyone's, else none."""
    for whose in (user, None):
        for of, begins, ends, items in lists:
            if of == whose and begins <= moment and (ends is None or moment < ends):
                return items
    return ""


@pytest.mark.parametrize("seed", range(3))
def test_reads_lists_and_what_was_taken_meet_as_plain_loops_say(tmp_path: Path, seed: int) -> None:
    events, reads, lists = invent(seed)
    log = make_log(tmp_path / "log", events, reads, hours=24)
    rows = [row for place, (user, *span, items) in enumerate(lists) for row in listed(f"v{place}", user, items, *span)]
    answered = [answer(hour, user, None, items=0) for hour, user in reads]
    bundle = make_bundle(tmp_path / "bundle", log, {"recommendations": rows, "reads": answered})
    moments = [(((row["delivered_at"] - at(0)).total_seconds() / 3600), row) for row in events]
    wanted = {
        (hour, user): {
            row["item_id"] for when, row in moments if row["user_id"] == user and hour < when <= hour + HORIZON
        }
        for hour, user in reads
        if hour + HORIZON <= 24
    }
    expected = [key for key in sorted(wanted) if wanted[key]]
    world = read_world(log, HORIZON)
    asked = world.tables["judged_reads"].to_pylist()
    assert [((one["t"] - at(0)).total_seconds() / 3600, one["user_id"]) for one in asked] == expected
    with open_tables(bundle, log) as connection:
        scores = score_bundle(connection, world, np.ones(len(asked), bool), 3, (0.0, 2.5))
        assert fetch_table(connection, "comparison/arm_places", k=2).num_rows == 2 * len(lists)
    for hours, found in scores.delayed.items():
        recalls = [
            len(set(visible(lists, user, hour - hours)) & wanted[hour, user]) / len(wanted[hour, user])
            for hour, user in expected
        ]
        assert found["recall"].tolist() == pytest.approx(recalls)
    assert np.isnan(scores.ages).tolist() == [not visible(lists, user, hour) for hour, user in expected]
