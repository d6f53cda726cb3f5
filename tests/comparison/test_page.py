"""The page of a comparison says what the judgement holds, loads nothing and escapes what arms call themselves."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from arms_world import answer, at, cost, event, listed, make_bundle, make_log, run, seen
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.comparison import cards, plots
from pipeline.comparison.judge import Options, judge
from pipeline.comparison.page import comparison_page
from pipeline.comparison.verdict import find
from pipeline.files import ROOT

EVENTS = [event(1, "u", "a"), event(11, "u", "b"), event(13, "w", "c")]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return make_log(tmp_path / "log", EVENTS, [(10, "u"), (12, "w")])


def arm(folder: Path, log: Path, items: str, **more: Any) -> Path:
    fault = {"fault": "disk full", "started": at(1), "detected": at(2), "recovered": None, "bad_rows": 3}
    tables = {
        "runs": [run(1)],
        "recommendations": listed("v1", None, items, 1.1),
        "reads": [answer(10, "u", "v1"), answer(12, "w", "v1")],
        "event_visibility": [seen(one, 1) for one in EVENTS],
        "faults": [fault],
        "costs": [cost()],
    }
    return make_bundle(folder, log, tables, **more)


def test_the_page_shows_every_arm_loads_nothing_and_names_what_was_only_reported(tmp_path: Path, log: Path) -> None:
    arms = [arm(tmp_path / "1", log, "ab", arm="<b>first</b>"), arm(tmp_path / "2", log, "cb", arm="second")]
    text = comparison_page(judge(arms, log, Options()))
    assert "<b>first" not in text
    assert text.count("&lt;b&gt;first&lt;/b&gt;") > 5
    assert text.count("reported, not measured") == 2
    assert "4 h 15 min" in text and "35 % answered with HTTP 400" in text
    assert not re.findall(r'(?:src|href)="(?!data:)[^"]*"|url\(|@import', text)
    for title in ("Freshness", "The frontier", "Quality at serving time", "Cost", "Recovery"):
        assert f"<h2>{title}</h2>" in text
    assert re.search(r"<td>disk full</td>.*?<td[^>]*>60 min</td><td[^>]*>never</td>", text)


def test_reads_that_are_not_good_are_not_all_called_failed(tmp_path: Path, log: Path) -> None:
    bundle = arm(tmp_path / "1", log, "ab")  # data of hour 1, read at hours 10 and 12
    text = comparison_page(judge([bundle], log, Options()))
    [stands] = re.findall(r"<h2>Reads that were not good, by cause</h2>.*?</section>", text)
    assert "<th>not good, to 100 %</th>" in stands and "failed" not in stands


def test_how_far_seeds_lie_apart_is_shown(tmp_path: Path, log: Path) -> None:
    seeds = [arm(tmp_path / str(seed), log, items, seed=seed) for seed, items in ((1, "ba"), (2, "cb"))]
    judgement = judge(seeds, log, Options())
    row = find(judgement["figures"], "hand", "quality", "ndcg")
    text = comparison_page(judgement)
    assert row and row["least"] < row["most"]
    assert f"{row['least']:.4f} to {row['most']:.4f}" in text


def test_an_arm_that_has_nothing_is_shown_with_dashes(tmp_path: Path, log: Path) -> None:
    bundles = [arm(tmp_path / "1", log, "ab"), make_bundle(tmp_path / "2", log, {}, arm="empty", cadence_seconds=None)]
    text = comparison_page(judge(bundles, log, Options()))
    assert re.search(r"<td>empty</td>.*?–.*?</tr>", text)
    assert not re.search(r"\b(nan|inf|None)\b", text)


def test_one_command_makes_figures_and_page(tmp_path: Path, log: Path) -> None:
    bundles = [str(arm(tmp_path / "1", log, "ab", arm="one")), str(arm(tmp_path / "2", log, "cb", arm="two"))]
    ran = CliRunner().invoke(
        app, ["compare", *bundles, "--log", str(log), "--out", str(tmp_path / "out"), "--horizon", "6"]
    )
    assert ran.exit_code == 0, ran.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "judgement.json",
        "judgement.parquet",
        "judgement.html",
    }
    found = json.loads((tmp_path / "out" / "judgement.json").read_text())
    assert found["options"]["horizon_hours"] == 6
    assert found["headline"] in ran.output
    assert str(tmp_path) not in (tmp_path / "out" / "judgement.json").read_text()  # the same wherever it was made


def test_a_point_at_0_is_drawn(tmp_path: Path, log: Path) -> None:
    found = judge([arm(tmp_path / "1", log, "ab")], log, Options())
    [one] = found["frontier"]
    one["freshness_p50"] = one["usd_per_million_events"] = 0.0
    one["ndcg"] = 0.25
    assert cards.frontier(found, {"hand": 0}).count("<title>hand: 0.25 at 0</title>") == 2


@pytest.mark.parametrize(("other", "is_cut"), [(0.01, False), (0.24, True)])
def test_that_an_axis_does_not_begin_at_0_is_said_where_it_does_not(
    tmp_path: Path, log: Path, other: float, is_cut: bool
) -> None:
    bundles = [arm(tmp_path / name, log, "ab", arm=name) for name in ("one", "two")]
    found = judge(bundles, log, Options())
    for point, ndcg in zip(found["frontier"], (0.25, other), strict=True):
        point["ndcg"] = ndcg
    assert ("does not begin at 0" in cards.frontier(found, {"one": 0, "two": 1})) == is_cut


@pytest.mark.parametrize("hours", [["0 h before"], ["0 h before", "1 h before"]])
def test_lists_of_no_hours_before_make_no_curve(hours: list[str]) -> None:
    row = {"arm": "a", "family": "staleness", "measure": "ndcg", "value": 0.2, "low": None, "high": None}
    drawn = "".join(cards.staleness({"figures": [row | {"slice": before} for before in hours]}, {"a": 0}))
    assert ("The log is too short" in drawn) == (len(hours) == 1)
    assert ("<svg" in drawn) == (len(hours) == 2)


POSITIVE = st.just(0.0) | st.floats(1e-6, 1e6, allow_nan=False) | st.floats(1e6, 1e11)


@given(st.lists(st.tuples(POSITIVE, st.floats(0, 1)), min_size=1, max_size=8))
def test_every_point_stands_inside_its_chart(pairs: list[tuple[float, float]]) -> None:
    marks = [plots.Mark(f"arm {place}", x, y, None, None, 0) for place, (x, y) in enumerate(pairs)]
    for ticks in (plots.time_ticks, plots.power_ticks):
        xs = [one.x for one in marks]
        above = [x for x in xs if x > 0] or [1.0]
        drawn = plots.points(marks, ticks(min(above), max(above)), "y", "x")
        places = [(float(x), float(y)) for x, y in re.findall(r'cx="([-\d.]+)" cy="([-\d.]+)"', drawn)]
        assert len(places) == len(marks)
        assert all(plots.LEFT <= x <= plots.WIDTH and 0 <= y <= plots.HEIGHT for x, y in places)


@given(st.floats(1e-9, 1e9))
def test_ticks_are_round_few_and_within_their_range(top: float) -> None:
    start, end = plots._span(0.0, top)
    ticks = plots._ticks(start, end)
    assert start == 0 and end >= top * (1 - 1e-9)
    assert 3 <= len(ticks) <= 8
    assert ticks[0] == 0


@pytest.mark.parametrize("name", ["a" * 60, "", "x"])
def test_a_long_name_is_cut(name: str) -> None:
    assert len(plots._short(name, 24)) <= 24


def test_a_long_name_is_cut_where_it_does_not_tell_it_apart() -> None:
    assert plots._short("own lists or HTTP 400 (batch 4h +4h)", 32) == "own lists …TP 400 (batch 4h +4h)"


def test_a_long_name_beside_an_interval_goes_on_in_the_next_line() -> None:
    long = plots.Mark("own lists or HTTP 400 (batch 4h +4h)", 1.0, 0.0, None, None, 0)
    drawn = plots.intervals([long, long._replace(name="short")], "NDCG")
    names = re.findall(r'<text x="180.0" y="([\d.]+)" text-anchor="end">(.*?)</text>', drawn)
    assert [said for _, said in names] == ["own lists or HTTP 400 (batch", "4h +4h)", "short"]
    first, second, below = (float(y) for y, _ in names)
    assert first < second < below - 13
    assert "…" not in drawn


def test_nine_arms_have_nine_colours_that_the_page_knows() -> None:
    colours = set(plots.colours_of([f"arm {number}" for number in range(9)]).values())
    style = (ROOT / "pipeline" / "report" / "page.css").read_text(encoding="utf-8")
    assert len(colours) == 9
    assert all(f".c{colour}{{--c:var(" in style for colour in colours)
