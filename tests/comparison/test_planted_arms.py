"""Planted arms: the better one wins, the stale one loses, equal ones tie, seeds are averaged.

Forty users take two items an hour after each of three reads, and change their taste between them.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from arms_world import answer, cost, event, listed, make_bundle, make_log, value

from pipeline.comparison.judge import COLUMNS, Options, judge, write_judgement
from pipeline.comparison.verdict import find
from pipeline.errors import BadInput

USERS = [f"u{place:02}" for place in range(40)]
LETTERS = "abcdefghijklmnopqrst"

READS = (26.0, 32.0, 38.0)


def taste(user: str, read: int) -> str:
    place = USERS.index(user)
    return LETTERS[(place + 7 * read) % 20] + LETTERS[(place + 3 + 7 * read) % 20]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    events = [event(hour / 2, "x", letter) for hour, letter in enumerate(LETTERS)]
    for read, hour in enumerate(READS):
        events += [event(hour + 1, user, item) for user in USERS for item in taste(user, read)]
    asked = [(hour, user) for user in USERS for hour in READS]
    return make_log(tmp_path / "log", events, asked, hours=48)


def arm(folder: Path, log: Path, knows: float, lag: int = 0, hours: float = 1.0, **more: Any) -> Path:
    """An arm that knows the taste of this share of users, as it was so many reads before."""
    lists, answers = [], []
    spans = [*pairwise((25.0, *(hour + 2 for hour in READS[:-1]))), (READS[-2] + 2, None)]
    for place, user in enumerate(USERS):
        for read, (since, until) in enumerate(spans):
            items = taste(user, read - lag) if place < knows * len(USERS) else "z"
            lists += listed(f"{read}-{user}", user, items.replace("z", LETTERS[(place + 1) % 20]), since, until)
            answers.append(answer(READS[read], user, f"{read}-{user}", items=len(items)))
    tables = {"recommendations": lists, "reads": answers, "costs": [cost(cpu_seconds=hours * 3600)]}
    return make_bundle(folder, log, tables, **more)


def test_a_planted_better_arm_wins_beyond_chance(tmp_path: Path, log: Path) -> None:
    arms = [
        arm(tmp_path / "plain", log, 0.25, arm="plain", hours=9),
        arm(tmp_path / "better", log, 0.75, arm="better"),
    ]
    found = judge(arms, log, Options(horizon_hours=4))
    gain = find(found["figures"], "better", "gain", "recall")
    assert gain and gain["value"] == pytest.approx(0.5, abs=0.05)
    assert gain["low"] > 0.3
    assert [one["is_as_good"] for one in found["frontier"] if one["arm"] == "plain"] == [False]
    assert any(s.startswith("Best lists were those of better") and "better than plain" in s for s in found["sentences"])
    assert any(s.startswith("Cheapest was better") for s in found["sentences"])


def test_rivals_that_tie_behind_a_control_are_not_told_apart(tmp_path: Path, log: Path) -> None:
    arms = [
        arm(tmp_path / "one", log, 0.5, arm="one"),
        arm(tmp_path / "other", log, 0.5, arm="other"),
        arm(tmp_path / "knows", log, 1.0, arm="knows", kind="control"),
    ]
    found = judge(arms, log, Options(horizon_hours=4))
    best, rivals = (
        [find(found["figures"], name, "behind_best", "ndcg", of) for name in ("one", "other", "knows")]
        for of in ("all", "rivals")
    )
    assert all(row and row["high"] < 0 for row in best[:2]) and best[2] and best[2]["value"] == 0
    assert [row and (row["value"], row["low"], row["high"]) for row in rivals] == [(0.0, 0.0, 0.0)] * 2 + [None]
    assert "Best lists: one, though not beyond chance." in found["headline"]


def test_a_planted_stale_arm_loses(tmp_path: Path, log: Path) -> None:
    arms = [
        arm(tmp_path / "fresh", log, 0.75, arm="fresh"),
        arm(tmp_path / "stale", log, 0.75, lag=1, arm="stale"),
    ]
    found = judge(arms, log, Options(horizon_hours=4))
    gain = find(found["figures"], "stale", "gain", "ndcg")
    assert gain and gain["high"] < 0


def test_two_equal_arms_tie_within_their_interval(tmp_path: Path, log: Path) -> None:
    arms = [
        arm(tmp_path / "one", log, 0.5, arm="one"),
        arm(tmp_path / "other", log, 0.5, arm="other"),
    ]
    found = judge(arms, log, Options(horizon_hours=4))
    gain = find(found["figures"], "other", "gain", "ndcg")
    assert gain and gain["low"] <= 0 <= gain["high"]
    assert [one["is_as_good"] for one in found["frontier"]] == [True, True]
    assert any("not to be told from other" in sentence for sentence in found["sentences"])


def test_the_staleness_curve_falls_where_tastes_change_and_is_of_the_same_reads(tmp_path: Path, log: Path) -> None:
    found = judge([arm(tmp_path / "arm", log, 1.0)], log, Options(horizon_hours=4))
    # Lists change two hours after a read, four before the next: those of an hour before are as good, and reads of which
    # there was no list 4 hours before are left out at every age.
    rows = {row["slice"]: row for row in found["figures"] if (row["family"], row["measure"]) == ("staleness", "recall")}
    assert list(rows) == ["0 h before", "1 h before", "4 h before"]
    assert {row["n"] for row in rows.values()} == {40}
    assert rows["0 h before"]["value"] == rows["1 h before"]["value"] == 1.0
    assert rows["4 h before"]["value"] == 1.0
    later = judge([late(tmp_path / "late", log)], log, Options(horizon_hours=4))
    assert value(later, "staleness", "recall", "0 h before") == 1.0
    assert value(later, "staleness", "recall", "1 h before") < 0.5  # type: ignore[operator]


def late(folder: Path, log: Path) -> Path:
    """An arm whose lists are right from half an hour before each read on."""
    spans = [*pairwise((20.0, *(hour - 0.5 for hour in READS[1:]))), (READS[-1] - 0.5, None)]
    lists = [
        row
        for user in USERS
        for read, (since, until) in enumerate(spans)
        for row in listed(f"{read}-{user}", user, taste(user, read), since, until)
    ]
    return make_bundle(folder, log, {"recommendations": lists})


def test_seeds_of_an_arm_are_averaged_and_their_spread_is_shown(tmp_path: Path, log: Path) -> None:
    arms = [arm(tmp_path / str(seed), log, share, seed=seed) for seed, share in ((2, 0.75), (1, 0.25))]
    found = judge(arms, log, Options(horizon_hours=4))
    assert [one["seeds"] for one in found["arms"]] == [[1, 2]]
    row = find(found["figures"], "hand", "quality", "recall")
    alone = [value(judge([one], log, Options(horizon_hours=4)), "quality", "recall") for one in arms]
    assert row and (row["least"], row["most"]) == (alone[1], alone[0])
    assert row["value"] == pytest.approx(sum(alone) / 2)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="with seed 2 is given twice"):
        judge([arms[0], arms[0]], log, Options(horizon_hours=4))


@pytest.mark.parametrize("change", [{"kind": "batch"}, {"cadence_seconds": 60}, {"delay_seconds": 1}, {"k": 4}])
def test_bundles_that_differ_by_more_than_their_seed_are_not_one_arm(
    tmp_path: Path, log: Path, change: dict[str, Any]
) -> None:
    first = make_bundle(tmp_path / "1", log, {}, seed=1)
    other = make_bundle(tmp_path / "2", log, {}, **({"seed": 2} | change))
    [name] = change
    with pytest.raises(BadInput, match=f"arm 'hand' has {name} .* differ by their seed alone"):
        judge([first, other], log, Options(horizon_hours=4))


def test_the_same_bundles_give_the_same_bytes(tmp_path: Path, log: Path) -> None:
    arms = [arm(tmp_path / "a", log, 0.5, arm="a"), arm(tmp_path / "b", log, 0.75, arm="b")]
    written = []
    for name in ("first", "again"):
        paths = write_judgement(tmp_path / name, judge(arms, log, Options(horizon_hours=4)))
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
    table = pq.read_table(tmp_path / "first" / "judgement.parquet")
    assert table.schema.equals(COLUMNS)
    rows = duckdb.read_parquet(str(tmp_path / "first" / "judgement.parquet")).filter("family = 'gain' and arm = 'b'")
    assert len(rows.fetchall()) == 12  # three metrics of four slices
