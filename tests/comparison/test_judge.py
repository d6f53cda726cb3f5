"""The judge's figures of two users and a few events, each computed by hand beside it."""

import json
import shutil
from math import log2
from pathlib import Path
from typing import Any

import pytest
from arms_world import Rows, answer, at, cost, event, listed, make_bundle, make_log, run, seen, value

from pipeline.comparison.judge import Options, judge
from pipeline.comparison.verdict import find
from pipeline.errors import BadInput
from pipeline.prices import read_prices

DEFAULT = Options()
SECOND = 1 / log2(3)  # what a hit in the second place is worth


EVENTS = (
    event(1, "u", "a", name="e1"),
    event(2, "u", "x", kind="search", name="e2"),
    event(11, "u", "b", name="e3"),
    event(12, "u", "d", name="e4"),
    event(13, "w", "c", name="e5"),
    event(30, "w", "a", name="e6"),
    event(15, "u", "b", kind="veiw", name="e7"),
    event(16, "u", "unheard of", name="e8"),
    event(11, "u", "b", name="e3"),
)
READS = ((10, "u"), (12, "w"), (12, "x"), (14, "w"), (40, "w"))
ITEMS = {"a": 0.0, "b": 0.0, "c": 12.5, "d": 0.0, "x": 0.0, "y": 0.0, "z": 0.0, "q": 0.0}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return make_log(tmp_path / "log", list(EVENTS), list(READS), items=ITEMS)


def wrote(**more: Rows) -> dict[str, Rows]:
    lists = [
        *listed("v1", "u", "ab", 1.1, 20),
        *listed("v1", None, "xd", 1.1, 12.6),
        *listed("v2", None, "cd", 12.6),
    ]
    answers = [answer(10, "u", "v1"), answer(12, "w", "v1"), answer(14, "w", "v2"), answer(12, "x", "v1")]
    return {"recommendations": lists, "reads": [*answers, answer(40, "w", "v2")]} | more


def judged(tmp_path: Path, log: Path, tables: dict[str, Rows], options: Options = DEFAULT, **more: Any) -> dict:
    return judge([make_bundle(tmp_path / "bundle", log, tables, **more)], log, options)


def test_a_list_is_scored_by_what_its_user_took_after_the_read(tmp_path: Path, log: Path) -> None:
    found = judged(tmp_path, log, wrote())
    # u at 10: a, b shown; b, d taken. w at 12: x, d shown; c and a taken. w at 14: c, d shown; a taken.
    assert value(found, "quality", "recall") == pytest.approx((1 / 2 + 0) / 2)
    assert value(found, "quality", "ndcg") == pytest.approx(SECOND / (1 + SECOND) / 2)
    assert value(found, "quality", "hit_rate") == pytest.approx((1 + 0) / 2)
    assert (found["reads_judged"], found["users_judged"]) == (3, 2)
    assert value(found, "quality", "coverage") == pytest.approx(5 / 8)  # a, b, x, d, c of eight


def test_who_took_something_before_is_warm(tmp_path: Path, log: Path) -> None:
    found = judged(tmp_path, log, wrote())
    assert value(found, "quality", "recall", "cold") == 0.0  # w at 12
    assert value(found, "quality", "recall", "warm") == pytest.approx((1 / 2 + 0) / 2)  # u at 10, w at 14
    row = find(found["figures"], "hand", "quality", "recall", "cold")
    assert row and (row["n"], row["low"], row["high"]) == (1, None, None)  # chance decides among so few


def test_items_that_came_into_the_catalog_a_day_before_are_new(tmp_path: Path, log: Path) -> None:
    lists = [*listed("v1", None, "ad", 1.1, 13), *listed("v2", None, "cd", 13)]
    found = judged(tmp_path, log, {"recommendations": lists})
    # c came at 12.5 and w took it at 13: only the read at 12 wants it, and no list could hold it yet.
    row = find(found["figures"], "hand", "quality", "recall", "new items")
    assert row and (row["n"], row["value"]) == (1, 0.0)


def test_a_new_item_that_is_shown_once_it_is_there_is_found(tmp_path: Path) -> None:
    events = [event(10, "u", "a"), event(13, "u", "c"), event(13, "w", "a"), event(40, "w", "c")]
    log = make_log(tmp_path / "log", events, [(12, "u"), (12.8, "u"), (20, "w")], items={"a": 0.0, "c": 12.5})
    found = judged(
        tmp_path, log, {"recommendations": [*listed("v1", None, "a", 1, 12.6), *listed("v2", None, "ca", 12.6)]}
    )
    row = find(found["figures"], "hand", "quality", "recall", "new items")
    # u wants c at 12, before it is there, and at 12.8; for w, a day later, it is new no more.
    assert row and (row["n"], row["value"]) == (1, 0.5)


def test_a_list_of_ones_own_comes_before_that_of_everyone_and_only_while_it_is_valid(tmp_path: Path, log: Path) -> None:
    lists = [*listed("1", "u", "x", 1, 10), *listed("1", None, "d", 1)]
    found = judged(tmp_path, log, {"recommendations": lists})
    assert value(found, "quality", "recall", "warm") == pytest.approx((1 / 2 + 0) / 2)  # at 10 sharp u's own is over: d
    lists = [*listed("1", "u", "bd", 10), *listed("1", None, "d", 1)]
    found = judged(tmp_path, log, {"recommendations": lists})
    assert value(found, "quality", "recall", "warm") == pytest.approx((1 + 0) / 2)  # and from 10 sharp on it holds


def test_a_read_that_failed_showed_nothing(tmp_path: Path, log: Path) -> None:
    tables = wrote()
    tables["reads"][0] |= {"status": 400, "items": 0, "version": None}
    found = judged(tmp_path, log, tables)
    assert value(found, "quality", "recall") == 0.0
    assert value(found, "staleness", "recall", "0 h before") == pytest.approx(1 / 4)  # of the lists alone


def test_longer_lists_are_cut_at_the_shortest_k_of_all(tmp_path: Path, log: Path) -> None:
    first = make_bundle(tmp_path / "1", log, {"recommendations": listed("1", None, "xyzd", 1)}, arm="long", k=4)
    other = make_bundle(tmp_path / "2", log, {"recommendations": listed("1", None, "xy", 1)}, arm="short", k=2)
    assert value(judge([first], log, Options()), "quality", "recall", arm="long") == pytest.approx(1 / 4)
    found = judge([first, other], log, Options())
    assert (found["options"]["k"], value(found, "quality", "recall", arm="long")) == (2, 0.0)


def test_ages_of_events_run_from_when_they_occurred_until_a_read_could_reflect_them(tmp_path: Path, log: Path) -> None:
    e1, _, e3, e4, e5, *_ = EVENTS
    seen_events = [seen(e1, 1), seen(e3, 0.5), seen(e4, 3), seen(e5, None, fate="lost")]
    found = judged(tmp_path, log, {"event_visibility": seen_events})
    # Of e1, e3, e4, e5: searches, nonsense, unknown items and the last day of the log are not asked about.
    assert find(found["figures"], "hand", "freshness", "p50")["n"] == 4  # type: ignore[index]
    assert value(found, "freshness", "p50") == 3600.0
    assert value(found, "freshness", "p95") is None  # one of four is never seen
    assert value(found, "freshness", "never") == 0.25
    assert value(found, "freshness", "share", "15 to 60 min") == 0.25
    assert value(found, "freshness", "share", "1 to 2 h") == 0.25


def test_reads_fail_by_one_cause_each(tmp_path: Path, log: Path) -> None:
    tables = wrote()
    u, w, _, x, last = tables["reads"]
    u |= {"status": 400, "items": 0}
    w |= {"status": 503, "items": 0, "latency_ms": 95.0}
    x |= {"items": 0}
    last |= {"list_age_seconds": 75 * 60 + 0.1, "served_reason": "popular"}
    del tables["reads"][2]
    found = judged(tmp_path, log, tables)
    shares = {cause: value(found, "availability", "not_good", cause) for cause in ("4xx", "5xx", "empty", "stale")}
    assert shares == dict.fromkeys(shares, 0.2)
    assert value(found, "availability", "not_good", "unanswered") == 0.2
    assert value(found, "availability", "good") == 0.0
    assert value(found, "availability", "fallback") == 0.2
    assert (value(found, "latency", "p50"), value(found, "latency", "p99")) == (5.0, 95.0)
    shutil.rmtree(tmp_path / "bundle")
    patient = judged(tmp_path, log, tables, Options(stale_minutes=76))
    assert value(patient, "availability", "good") == 0.2


def test_where_an_arm_does_not_say_how_old_a_list_is_its_run_does(tmp_path: Path, log: Path) -> None:
    tables = wrote(runs=[run(1, version="v1", data_cutoff=at(0.9)), run(12.6, version="v2")])
    for row in tables["reads"]:
        row["list_age_seconds"] = None
    found = judged(tmp_path, log, tables, Options(stale_minutes=85))
    assert value(found, "availability", "not_good", "stale") == 0.8  # all but w at 14, 84 minutes behind


def test_how_old_a_list_is_its_run_says_and_not_the_arm(tmp_path: Path, log: Path) -> None:
    tables = wrote(runs=[run(1, version="v1", data_cutoff=at(0.9)), run(12.6, version="v2")])
    for row in tables["reads"]:
        row["list_age_seconds"] = 0.0
    found = judged(tmp_path, log, tables, Options(stale_minutes=85))
    assert value(found, "availability", "not_good", "stale") == 0.8


def test_novelty_is_of_the_reads_that_showed_a_list(tmp_path: Path, log: Path) -> None:
    # Taken of 13, each item once more than it was: a 2 + 1, b and d 1 + 1, x 0 + 1, c 1 + 1; searches are none.
    bits = {"a": log2(13 / 3), "b": log2(13 / 2), "c": log2(13 / 2), "d": log2(13 / 2), "x": log2(13)}
    tables = wrote()
    whole = judged(tmp_path, log, tables)
    u, w, later = ((bits[one] + bits[other]) / 2 for one, other in ("ab", "xd", "cd"))
    assert value(whole, "quality", "novelty") == pytest.approx((u + (w + later) / 2) / 2)
    tables["reads"][1] |= {"status": 503, "items": 0, "version": None}  # w at 12
    some = judged(tmp_path, log, tables)
    assert value(some, "quality", "novelty") == pytest.approx((u + later) / 2)
    tables["reads"][0] |= {"items": 0}
    row = find(judged(tmp_path, log, tables)["figures"], "hand", "quality", "novelty")
    assert row and (row["n"], row["value"]) == (1, pytest.approx(later))
    for read in tables["reads"]:
        read["items"] = 0
    row = find(judged(tmp_path, log, tables)["figures"], "hand", "quality", "novelty")
    assert row and (row["n"], row["value"]) == (0, None)


def test_a_stale_list_was_shown_and_is_scored(tmp_path: Path, log: Path) -> None:
    tables = wrote()
    for row in tables["reads"]:
        row["list_age_seconds"] = 1e6
    found = judged(tmp_path, log, tables)
    assert value(found, "availability", "not_good", "stale") == 1.0
    assert value(found, "quality", "recall") == pytest.approx(1 / 4)


def test_runs_are_timed_counted_and_missed(tmp_path: Path, log: Path) -> None:
    runs = [
        run(2),
        run(3, status="failed", published=None, version=None),
        run(6, started=at(6.5), ended=at(7), published=at(7)),
    ]
    found = judged(tmp_path, log, {"runs": runs})
    assert value(found, "runs", "duration_p50") == pytest.approx(360)
    assert value(found, "runs", "duration_p95") == pytest.approx(1800)
    assert (value(found, "runs", "skew_p50"), value(found, "runs", "skew_p95")) == (0, 1800)
    assert value(found, "runs", "missed_intervals") == 1  # something was delivered at 1 and at 2
    assert (value(found, "runs", "runs", "published"), value(found, "runs", "runs", "failed")) == (2, 1)
    shutil.rmtree(tmp_path / "bundle")
    stream = judged(tmp_path, log, {"runs": runs}, kind="streaming")
    assert value(stream, "runs", "missed_intervals") is None  # it runs when there is something to do


def test_costs_are_priced_by_the_sheet_or_by_the_bill(tmp_path: Path, log: Path) -> None:
    sheet = tmp_path / "prices.json"
    sheet.write_text(json.dumps({"id": "x", "source": "made up", "per_cpu_hour": 2.0, "per_gb_hour": 0.5}))
    costs = [cost("train"), cost("serve", usd=0.5)]
    found = judged(tmp_path, log, {"costs": costs}, Options(prices=read_prices(sheet)))
    assert value(found, "cost", "usd_per_million_events") == pytest.approx(3.0 / 9 * 1e6)  # of nine delivered rows
    assert value(found, "cost", "usd_per_1000_users") == pytest.approx(3.0 / 3 * 1e3)
    assert value(found, "cost", "usd_per_month") == pytest.approx(3.0 * 15)  # two days
    assert value(found, "cost", "cpu_seconds") == 7200
    assert value(found, "cost", "cpu_seconds", "train") == 3600
    assert find(found["figures"], "hand", "cost", "lists_unread") is None  # the arm was never asked


def test_what_lists_cost_that_nobody_read(tmp_path: Path, log: Path) -> None:
    lists = [
        *listed("v1", "u", "ab", 1.1, 20),
        *listed("v1", "w", "ab", 1.1, 20),
        *listed("v2", "u", "ab", 20, 30),
        *listed("v2", "w", "ab", 20),
        *listed("v1", None, "xd", 1.1, 12.6),  # everyone's is not counted
    ]
    answers = [answer(10, "u", "v1"), answer(14, "w", "v1"), answer(40, "w", "v2", status=500), answer(12, "x", "v1")]
    sheet = tmp_path / "prices.json"
    sheet.write_text(json.dumps({"id": "x", "source": "made up", "per_cpu_hour": 2.0, "per_gb_hour": 0.0}))
    tables = {"recommendations": lists, "reads": answers, "costs": [cost("train")]}
    found = judged(tmp_path, log, tables, Options(prices=read_prices(sheet)))
    assert value(found, "cost", "lists_unread") == 0.5  # both of v2
    assert value(found, "cost", "usd_unread_per_month") == pytest.approx(2.0 / 2 * 15)  # two days


def test_recovery_is_counted_from_when_a_fault_began(tmp_path: Path, log: Path) -> None:
    crash = {"fault": "crash", "started": at(1), "detected": at(1.5), "recovered": at(3), "bad_rows": 4}
    faults = [crash, crash | {"detected": at(2), "recovered": None, "bad_rows": 1}]
    found = judged(tmp_path, log, {"faults": faults})
    assert value(found, "recovery", "detected_after", "crash") == pytest.approx(0.75 * 3600)
    assert value(found, "recovery", "recovered_after", "crash") is None
    assert value(found, "recovery", "bad_rows", "crash") == 5


def test_a_horizon_that_the_log_does_not_cover_is_refused(tmp_path: Path, log: Path) -> None:
    with pytest.raises(BadInput, match="record a longer log or compare with a shorter --horizon"):
        judged(tmp_path, log, {}, Options(horizon_hours=47))


def test_arms_that_met_faults_are_left_out_and_named(tmp_path: Path, log: Path) -> None:
    crash = {"fault": "crash", "started": at(1), "detected": at(2), "recovered": at(2), "bad_rows": 0}
    bundles = [make_bundle(tmp_path / name, log, {}, arm=name) for name in ("a", "b")]
    bundles.append(make_bundle(tmp_path / "c", log, {"faults": [crash]}, arm="c"))
    said = "These arms met faults and are left out of who is freshest, best and cheapest: c."
    assert said in judge(bundles, log, Options())["remarks"]
    assert said not in judge(bundles[1:], log, Options())["remarks"]  # b alone has no rival without


def test_an_invalid_bundle_is_not_judged(tmp_path: Path, log: Path) -> None:
    folder = make_bundle(tmp_path / "bundle", log, wrote())
    (folder / "runs.parquet").unlink()
    with pytest.raises(BadInput, match=r"runs\.parquet is missing"):
        judge([folder], log, Options())


def test_what_makes_arms_less_comparable_is_said(tmp_path: Path) -> None:
    log = make_log(tmp_path / "log", [event(11, "u", "a")], [(10, "u")])
    machine = {"cpu": "quill", "cores": 1, "memory_bytes": 1}
    arms = [
        make_bundle(tmp_path / "a", log, {}, arm="a", k=3),
        make_bundle(tmp_path / "b", log, {}, arm="b", hardware=machine, price_sheet="theirs"),
    ]
    seeds, prices, machines, lengths = judge(arms, log, Options())["remarks"]
    assert seeds.startswith("Fewer than 3 seeds") and seeds.endswith("a, b.")
    assert prices.endswith(": b.")
    assert "different machines" in machines
    assert lengths == "Lists are 3, 5 long; all are cut at 3."
