"""Why reads failed, what was wrong in those that did not, and what happened to reads during faults: computed by hand."""

from pathlib import Path
from typing import Any

import pytest
from arms_world import Rows, answer, at, event, listed, make_bundle, make_log, run, value

from pipeline.comparison.causes import FAILURES
from pipeline.comparison.judge import Options, judge
from pipeline.comparison.page import comparison_page

# u and v have acted before anything is made of it, w acts at 6.5, and nobody else ever does.
EVENTS = (event(1, "u", "a"), event(1, "v", "a"), event(1, "x", "b"), event(6.5, "w", "a"), event(20, "u", "b"))
OPTIONS = Options(horizon_hours=24)
ITEMS = {"a": 0.0, "b": 0.0, "c": 6.0}


def reload_runs(**last: Any) -> Rows:
    """Two runs that take four hours and in whose last half hour the table is dropped and loaded."""
    first = run(4, started=at(2), ended=at(4), published=at(3.5), data_cutoff=at(2), version="1")
    return [first, run(8, started=at(6), ended=at(8), published=at(7.6), data_cutoff=at(6), version="2") | last]


def failed(hour: float, user: str, status: int = 400) -> dict[str, Any]:
    return answer(hour, user, None, status=status, items=0, served_reason=None, list_age_seconds=None)


def causes(tmp_path: Path, lists: Rows, answers: Rows, runs: Rows, **more: Any) -> dict[str, int]:
    """How many of the reads failed by which cause."""
    asked = [((row["t"] - at(0)).total_seconds() / 3600, row["user_id"]) for row in answers]
    log = make_log(tmp_path / "log", list(EVENTS), asked, items=ITEMS)
    tables = {"recommendations": lists, "reads": answers, "runs": runs}
    found = judge([make_bundle(tmp_path / "bundle", log, tables, **more)], log, OPTIONS)
    shares = {cause: value(found, "failures", "cause", cause) for cause in FAILURES}
    return {cause: round(share * len(answers)) for cause, share in shares.items() if share}


def test_who_asks_before_there_is_a_list_asks_too_early_whatever_the_answer(tmp_path: Path) -> None:
    lists = listed("1", "u", "ab", 3.5)
    answers = [failed(3, "u", 503), failed(3.4, "w"), answer(4, "u", "1")]
    assert causes(tmp_path, lists, answers, reload_runs()[:1]) == {"before any list": 2}


def test_a_server_that_does_not_answer_is_told_from_one_that_has_no_row(tmp_path: Path) -> None:
    lists = listed("1", "u", "ab", 3.5)
    answers = [failed(5, "u", 503), failed(5, "stranger")]
    assert causes(tmp_path, lists, answers, reload_runs()[:1]) == {"no answer": 1, "unknown": 1}


def test_a_table_that_is_dropped_and_loaded_fails_those_who_wait_for_their_part_of_it(tmp_path: Path) -> None:
    lists = [
        *listed("1", "u", "ab", 3.5, 7.5),
        *listed("1", "x", "ab", 3.6, 7.5),
        *listed("2", "u", "ab", 7.6),
        *listed("2", "v", "ab", 7.8),
        *listed("2", "x", "ab", 8),
    ]
    answers = [
        failed(7.55, "u"),  # nobody has a list
        answer(7.7, "u", "2"),
        failed(7.7, "x"),  # had one, and gets one
        failed(7.7, "v"),  # never had one, and gets one
        failed(7.7, "stranger"),
    ]
    expected = {"reloading": 3, "unknown": 1}
    assert causes(tmp_path, lists, answers, reload_runs()) == expected


def test_a_run_that_dies_while_it_loads_is_to_blame_until_the_next_has_come(tmp_path: Path) -> None:
    lists = [
        *listed("1", "u", "ab", 3.5, 7.5),
        *listed("1", "x", "ab", 3.6, 7.5),
        *listed("2", "u", "ab", 7.6, 11.5),
        *listed("3", "u", "ab", 11.6),
        *listed("3", "x", "ab", 12),
    ]
    third = run(12, started=at(10), ended=at(12), published=at(11.6), data_cutoff=at(10), version="3")
    answers = [
        answer(9, "u", "2"),
        failed(9, "x"),  # had a list
        failed(9, "v"),  # never had one, and has acted long before
        failed(11.7, "x"),  # it is being loaded
        failed(11.55, "u"),  # taken by the third run
        failed(13, "v"),  # the third is whole and has no list of theirs
    ]
    assert causes(tmp_path, lists, answers, [*reload_runs(status="failed"), third]) == {
        "run died": 3,
        "reloading": 1,
        "left out": 1,
    }


def test_a_run_that_dies_before_anything_is_loaded_is_to_blame_too(tmp_path: Path) -> None:
    lists = listed("1", "u", "ab", 3.5, 7.5)
    runs = reload_runs(status="failed", published=None)
    assert causes(tmp_path, lists, [failed(9, "u")], runs) == {"run died": 1}


def test_whom_a_whole_version_leaves_out_is_told_from_who_came_after_its_data(tmp_path: Path) -> None:
    lists = [*listed("1", "u", "ab", 3.5, 7.5), *listed("2", "x", "ab", 7.5)]
    answers = [
        failed(9, "u"),  # had a list, and has none in the whole version that followed
        failed(9, "v"),  # has acted before the data of the version
        failed(9, "w"),  # has acted after it
        failed(9, "stranger"),
        failed(5, "w"),  # will act
    ]
    assert causes(tmp_path, lists, answers, reload_runs()) == {
        "left out": 2,
        "too new": 1,
        "unknown": 2,
    }


def test_reads_that_were_good_or_stale_have_not_failed(tmp_path: Path) -> None:
    lists = [*listed("1", "u", "ab", 3.5), *listed("1", None, "ab", 3.5)]
    assert causes(tmp_path, lists, [answer(4, "u", "1"), answer(20, "w", "1")], reload_runs()[:1]) == {}


def judged(tmp_path: Path, answers: Rows, **tables: Rows) -> dict[str, Any]:
    asked = [((row["t"] - at(0)).total_seconds() / 3600, row["user_id"]) for row in answers]
    log = make_log(tmp_path / "log", list(EVENTS), asked, items=ITEMS)
    return judge(
        [make_bundle(tmp_path / "bundle", log, {"reads": answers, "runs": reload_runs()} | tables)], log, OPTIONS
    )


def test_failures_are_shares_of_all_reads_and_of_those_since_the_first_list(tmp_path: Path) -> None:
    answers = [failed(1, "u"), failed(2, "u"), failed(3, "u"), failed(5, "w"), *(answer(h, "u", "1") for h in (4, 6))]
    found = judged(tmp_path, answers, recommendations=listed("1", "u", "ab", 3.5))
    assert value(found, "failures", "cause", "before any list") == pytest.approx(3 / 6)
    assert value(found, "availability", "failed_since_first") == pytest.approx(1 / 3)
    assert "Of the reads since each arm's first list failed: hand 33.33 %." not in found["sentences"]  # it is alone
    text = comparison_page(found)
    assert "Why reads failed" in text and "33.33 %" in text


def test_arms_that_failed_reads_since_their_first_list_are_named_with_their_shares(tmp_path: Path) -> None:
    log = make_log(tmp_path / "log", list(EVENTS), [(4, "u"), (5, "w")], items=ITEMS)
    arms = [
        make_bundle(
            tmp_path / name,
            log,
            {"recommendations": listed("1", None, "ab", 3.5), "reads": [answer(4, "u", "1"), row]},
            arm=name,
        )
        for name, row in (("bad", failed(5, "w")), ("good", answer(5, "w", "1")))
    ]
    assert (
        "Of the reads since each arm's first list failed: good 0 %, bad 50 %." in judge(arms, log, OPTIONS)["sentences"]
    )


def catalog_states(*states: tuple[str, float, str | None]) -> Rows:
    return [{"item_id": item, "valid_from": at(hour), "is_available": said} for item, hour, said in states]


@pytest.fixture
def changing(tmp_path: Path) -> Path:
    """A log in whose catalog b cannot be bought from 5 to 9, and d is in no row."""
    import json

    from pipeline.comparison import bundle
    from pipeline.files import hash_file

    asked = [(4.0, "u"), (6.0, "u"), (6.0, "w"), (10.0, "u")]
    log = make_log(tmp_path / "log", [*EVENTS, event(1, "u", "d")], asked, items=ITEMS)
    states = catalog_states(("a", 0, "true"), ("b", 0, None), ("b", 5, " False"), ("b", 9, "1"), ("c", 0, "t"))
    bundle.write_rows(log, "log_catalog", states)
    known = json.loads((log / "log.json").read_text())
    known["counts"]["catalog"] = len(states)
    known["files"]["catalog.parquet"] = hash_file(log / "catalog.parquet")
    (log / "log.json").write_text(json.dumps(known | {"log_hash": bundle.hash_log(known)}))
    return log


def test_an_item_is_wrong_while_it_cannot_be_bought_or_is_in_no_catalog(tmp_path: Path, changing: Path) -> None:
    lists = [*listed("1", "u", "abd", 3.5), *listed("1", None, "bc", 3.5)]
    answers = [answer(4, "u", "1", items=3), answer(6, "u", "1", items=3), answer(10, "u", "1", items=3)]
    answers.append(answer(6, "w", "1", served_reason="popular"))
    tables = {"recommendations": lists, "reads": answers, "runs": reload_runs()[:1]}
    found = judge([make_bundle(tmp_path / "bundle", changing, tables)], changing, OPTIONS)
    # u is shown d three times and b once while it cannot be bought; w, who gets everyone's, b once.
    assert value(found, "correctness", "wrong_shown") == pytest.approx((3 + 1 + 1) / (3 * 3 + 2))
    assert value(found, "correctness", "wrong_listed") == pytest.approx(
        1 / 5
    )  # d; b could be bought when the lists came


def test_an_answer_that_says_it_was_everyones_list_showed_that_one(tmp_path: Path, changing: Path) -> None:
    lists = [*listed("1", "u", "ac", 3.5), *listed("1", None, "bd", 3.5)]
    answers = [answer(6, "u", "1", served_reason="popular"), answer(10, "u", "1")]
    tables = {"recommendations": lists, "reads": answers, "runs": reload_runs()[:1]}
    found = judge([make_bundle(tmp_path / "bundle", changing, tables)], changing, OPTIONS)
    assert value(found, "correctness", "wrong_shown") == pytest.approx(2 / 4)


def test_lists_are_cut_at_the_shortest_k_before_they_are_called_wrong(tmp_path: Path, changing: Path) -> None:
    tables = {"recommendations": listed("1", "u", "acd", 3.5), "reads": [answer(6, "u", "1", items=3)]}
    tables["runs"] = reload_runs()[:1]
    arms = [make_bundle(tmp_path / str(k), changing, tables if k == 3 else {}, arm=f"k {k}", k=k) for k in (3, 2)]
    found = judge(arms, changing, OPTIONS)
    assert value(found, "correctness", "wrong_shown", arm="k 3") == 0.0
    assert value(found, "correctness", "wrong_listed", arm="k 3") == pytest.approx(1 / 3)
    assert value(found, "correctness", "wrong_shown", arm="k 2") is None  # it showed nothing


def test_reads_during_a_fault_are_counted_until_readers_were_served_as_before(tmp_path: Path) -> None:
    faults = [
        {"fault": "cut", "started": at(4), "detected": at(5), "recovered": at(8), "bad_rows": 0},
        {"fault": "endless", "started": at(5), "detected": None, "recovered": None, "bad_rows": 1},
        {"fault": "nothing", "started": at(6), "detected": None, "recovered": at(6), "bad_rows": 0},
    ]
    answers = [answer(3.6, "u", "1"), failed(4, "w"), answer(6, "u", "1"), failed(8, "w"), answer(9, "u", "1")]
    lists = listed("1", "u", "ab", 3.5)
    found = judged(tmp_path, answers, recommendations=lists, faults=faults)
    of = {
        name: [value(found, "recovery", name, one["fault"]) for one in faults]
        for name in ("failed_reads", "stale_reads")
    }
    assert of == {"failed_reads": [1, 1, 0], "stale_reads": [1, 2, 0]}  # the lists' data are of 2: stale from 3.25 on
    assert "never" in comparison_page(found)
