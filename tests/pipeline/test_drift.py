"""Drift: volume and what is in an hour, against the hours like it."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from handmade_shop import FIRST, event, item, landed, open_shop, rows
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from pipeline.drift import count_events, judge_profile, judge_volume, share_move, stability_index
from pipeline.errors import AuditFailed
from pipeline.gates import GATES
from pipeline.hours import HOUR
from pipeline.lake import Work
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.manifests import hour_folder, read_manifest
from pipeline.run import Run
from pipeline.settings import Settings, load_settings

DAY = 24
WEEK = 7 * DAY


def found(settings: Settings, hour: int, rule: str, stage: str = "ingest_events") -> tuple[bool, float | None]:
    """What a gate found in an hour that landed: did it pass, and the figure."""
    manifest = read_manifest(Run(FIRST + hour * HOUR, settings), stage)
    assert manifest
    (outcome,) = [entry for entry in manifest["quality"] if entry["rule"] == rule]
    return outcome["passed"], outcome["observed"]


def volume(home: Path, events: dict[int, int], replayed: int = 0, **knobs: Any) -> list[tuple[bool, float | None]]:
    """What the two gates find in the last of these hours (counted from FIRST), given the events that each accepted."""
    settings = load_settings(home=home, **{"gate_min_rows": 10, **knobs})
    works = [Work(Run(FIRST + hour * HOUR, settings), "ingest_events") for hour in events]
    for work, accepted in zip(works, events.values(), strict=True):
        work.facts["volume"] = {"events": accepted}
        work.folder.mkdir(parents=True)
    users = [f"u{number}" for number in range(list(events.values())[-1])]
    write_events(works[-1].draft("events"), users, replayed=replayed)
    judge_volume(works[-1], works)
    assert [entry["rule"] for entry in works[-1].quality] == ["volume_far_off", "volume_unusual"]
    return [(entry["passed"], entry["observed"]) for entry in works[-1].quality]


def write_events(path: Path, users: list[str | None], sessions: list[str] | None = None, replayed: int = 0) -> None:
    """Events of these users, of which the first `replayed` were replayed: they have no lag."""
    columns = {
        "user_id": pa.array(users, pa.string()),
        "session_id": pa.array(sessions or users, pa.string()),
        "lag_seconds": pa.array([None if place < replayed else 60 for place in range(len(users))], pa.int64()),
    }
    pq.write_table(pa.table(columns), path)


@pytest.mark.parametrize(
    ("events", "warns", "blocks"),
    [
        (10, False, False),
        (9, True, False),
        (4, True, False),
        (3, True, True),
        (40, False, False),
        (41, True, False),
        (100, True, False),
        (101, True, True),
        (0, True, False),
    ],
)
def test_volume_flips_exactly_at_its_limits_and_an_empty_hour_never_blocks(
    tmp_path: Path, events: int, warns: bool, blocks: bool
) -> None:
    hours = {0: 20, WEEK: 20, 2 * WEEK: events}
    if blocks:
        with pytest.raises(AuditFailed, match=rf"events: {events} accepted, .* times the 20 that are usual"):
            volume(tmp_path, hours)
    else:
        assert volume(tmp_path, hours) == [(True, events / 20), (not warns, events / 20)]


def test_volume_is_held_against_the_median_of_the_same_weekday_and_hour_of_four_weeks(tmp_path: Path) -> None:
    weeks = {0: 99, WEEK: 10, 2 * WEEK: 30, 3 * WEEK: 20, 4 * WEEK: 60}
    hours = weeks | {5 * WEEK - DAY: 99, 5 * WEEK + 1: 99, 5 * WEEK: 25}
    assert volume(tmp_path, hours)[1] == (True, 1.0)


def test_with_fewer_than_two_weeks_the_same_hour_of_the_last_seven_days_is_used_and_below_three_nothing(
    tmp_path: Path,
) -> None:
    assert volume(tmp_path, {0: 10, DAY: 10, 2 * DAY: 30})[1] == (True, None)
    assert volume(tmp_path, {0: 10, DAY: 10, 2 * DAY: 10, 3 * DAY: 30})[1] == (False, 3.0)
    assert volume(tmp_path, {0: 10, 4 * DAY: 20, 5 * DAY: 20, WEEK: 20})[1] == (True, 1.0)
    assert volume(tmp_path, {0: 10, 8 * DAY: 20, 10 * DAY: 20})[1] == (True, None)


def test_a_small_hour_is_not_judged_and_much_where_little_is_usual_only_warns(tmp_path: Path) -> None:
    assert volume(tmp_path, {0: 9, WEEK: 9, 2 * WEEK: 1}) == [(True, 1 / 9)] * 2
    assert volume(tmp_path, {0: 9, WEEK: 9, 2 * WEEK: 100}) == [(True, 100 / 9), (False, 100 / 9)]
    assert volume(tmp_path, {0: 0, WEEK: 0, 2 * WEEK: 100}) == [(True, None)] * 2


def test_replayed_rows_are_no_trade_of_the_hour_that_delivers_them(tmp_path: Path) -> None:
    assert volume(tmp_path, {0: 20, WEEK: 20, 2 * WEEK: 120}, replayed=100) == [(True, 1.0)] * 2


def test_of_one_actor_at_most_as_many_events_count_as_gates_speak_from(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", ["bot"] * 50 + ["u", "u", "v"])
    assert count_events(tmp_path / "events.parquet", 10) == 10 + 3
    write_events(tmp_path / "events.parquet", [None] * 20, ["s"] * 19 + ["t"])
    assert count_events(tmp_path / "events.parquet", 10) == 10 + 1
    write_events(tmp_path / "events.parquet", [])
    assert count_events(tmp_path / "events.parquet", 10) == 0


def test_an_hour_far_off_stops_with_one_sentence_and_nothing_lands(tmp_path: Path) -> None:
    clicks = [event("click", f"u{place}", "a", day * DAY) for day, n in enumerate((5, 5, 5, 26)) for place in range(n)]
    settings = open_shop(tmp_path, [item("a")], clicks, gate_min_rows=5)
    hours = [FIRST + day * DAY * HOUR for day in range(4)]
    with pytest.raises(
        AuditFailed, match=r"2026-01-08T10: events: 26 accepted, 5\.20 times the 5 .* are 0\.2 and 5; to do: "
    ):
        list(run_stage_of_hours("ingest_events", hours, settings))
    assert [bool(read_manifest(Run(hour, settings), "ingest_events")) for hour in hours] == [True] * 3 + [False]
    assert (hour_folder(settings.lake, hours[3]) / "failed" / "ingest_events" / "manifest.json").exists()


def test_hours_that_go_together_find_what_each_finds_by_itself(tmp_path: Path) -> None:
    hours = [day * DAY for day in range(6)]
    counts = zip(hours, (10, 12, 14, 30, 0, 42), strict=True)
    clicks = [event("click", f"u{place}", "a", hour) for hour, count in counts for place in range(count)]
    together, alone = (open_shop(tmp_path / name, [item("a")], clicks, gate_min_rows=10) for name in "ab")
    list(run_stage_of_hours("ingest_events", [FIRST + hour * HOUR for hour in hours], together))
    for hour in hours:
        run_stage("ingest_events", FIRST + hour * HOUR, alone)
    for hour in hours:
        manifests = [
            read_manifest(Run(FIRST + hour * HOUR, settings), "ingest_events") for settings in (together, alone)
        ]
        assert manifests[0] and manifests[1]
        for part in ("quality", "facts", "notes"):
            assert manifests[0][part] == manifests[1][part]
    assert found(alone, 3 * DAY, "volume_unusual") == (False, 2.5)


# What is in the hour


def profile_work(folder: Path, counts: dict[str, dict[str, tuple[int, int]]], **knobs: Any) -> Work:
    """A stage at work whose draft of `event_profile` holds these counts."""
    work = Work(Run(FIRST, load_settings(home=folder, **knobs)), "prepare")
    work.folder.mkdir(parents=True)
    drafted = [
        {"feature": feature, "bucket": bucket, "events": now, "usual_events": usual}
        for feature, buckets in counts.items()
        for bucket, (now, usual) in buckets.items()
    ]
    pq.write_table(pa.Table.from_pylist(drafted), work.draft("event_profile"))
    return work


def judged(work: Work, references: int = 7) -> dict[str, tuple[bool, float | None]]:
    judge_profile(work, references)
    return {entry["rule"]: (entry["passed"], entry["observed"]) for entry in work.quality}


STEADY = {
    "event_type": {"search": (500, 3500), "click": (500, 3500)},
    "query": {"00": (250, 1750), "01": (250, 1750)},
    "category": {"games": (250, 1750), "toys": (250, 1750)},
    "user_id": {"filled": (900, 6300), "empty": (100, 700)},
    "search": {"joined": (300, 2100), "unjoined": (200, 1400)},
}
DRIFTED = {
    "event_types_drifted": {"event_type": {"search": (900, 3500), "click": (100, 3500)}},
    "queries_drifted": {"query": {"00": (500, 1750), "01": (0, 1750)}},
    "categories_drifted": {"category": {"games": (500, 1750), "toys": (0, 1750)}},
    "null_share_moved": {"user_id": {"filled": (700, 6300), "empty": (300, 700)}},
    "click_through_moved": {"search": {"joined": (0, 2100), "unjoined": (500, 1400)}},
}


def test_a_steady_hour_passes_every_gate_with_a_figure_of_zero(tmp_path: Path) -> None:
    assert judged(profile_work(tmp_path, STEADY)) == dict.fromkeys(DRIFTED, (True, 0.0))


@pytest.mark.parametrize("gate", DRIFTED)
def test_what_drifted_warns_by_its_own_gate_alone(tmp_path: Path, gate: str) -> None:
    work = profile_work(tmp_path, STEADY | DRIFTED[gate])
    assert {name for name, (passed, _) in judged(work).items() if not passed} == {gate}
    (note,) = work.notes
    assert note.startswith("warning: event_profile: ")
    assert GATES[gate].severity == "warning"


def test_what_moved_most_is_named_with_its_shares_and_no_bucket_of_queries_is(tmp_path: Path) -> None:
    work = profile_work(tmp_path, STEADY | DRIFTED["event_types_drifted"] | DRIFTED["queries_drifted"])
    judged(work)
    of_types, of_queries = work.notes
    assert "the mix of event_type moved by 0.8" in of_types
    assert ", most 'click' (10.0%, usually 50.0%); the limit is 0.2" in of_types
    assert "most" not in of_queries.split(";")[0]


@pytest.mark.parametrize("gate", DRIFTED)
def test_drift_flips_exactly_at_its_limit(tmp_path: Path, gate: str) -> None:
    counts = STEADY | DRIFTED[gate]
    figure = judged(profile_work(tmp_path / "as it is", counts))[gate][1]
    knob = {"null_share_moved": "null_share_limit", "click_through_moved": "click_through_limit"}.get(gate, "psi_limit")
    assert judged(profile_work(tmp_path / "at", counts, **{knob: figure}))[gate][0]
    assert not judged(profile_work(tmp_path / "past", counts, **{knob: np.nextafter(figure, 0)}))[gate][0]


@pytest.mark.parametrize(("references", "least"), [(2, 1), (7, 501), (0, 1)])
def test_too_little_to_judge_by_passes_without_a_figure(tmp_path: Path, references: int, least: int) -> None:
    counts = {**STEADY, **DRIFTED["click_through_moved"], **DRIFTED["categories_drifted"]}
    outcome = judged(profile_work(tmp_path, counts, drift_min_rows=least), references)
    assert outcome["click_through_moved"] == outcome["categories_drifted"] == (True, None)


def test_an_hour_without_events_is_not_judged(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a")], [])
    for stage in ("ingest_events", "ingest_catalog", "prepare"):
        run_stage(stage, FIRST, settings)
    for gate in DRIFTED:
        assert found(settings, 0, gate, "prepare") == (True, None)


def test_click_through_where_nobody_clicked_before_moves_by_all_of_it(tmp_path: Path) -> None:
    counts = {"search": {"joined": (300, 0), "unjoined": (200, 3500)}}
    assert judged(profile_work(tmp_path, counts))["click_through_moved"] == (False, 1.0)


BUCKETS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=2), st.tuples(st.integers(0, 500), st.integers(0, 5000)), min_size=1
)


@given(BUCKETS, st.integers(200, 3000), st.integers(0, 2**32 - 1))
@bounded(max_examples=60)
def test_samples_of_one_distribution_do_not_drift(buckets: dict[str, Any], size: int, seed: int) -> None:
    weights = np.array([usual + 1 for _, usual in buckets.values()], float)
    draw = np.random.default_rng(seed).multinomial
    now, usual = draw(size, weights / weights.sum()), draw(7 * size, weights / weights.sum())
    counts = {name: (int(a), int(b)) for name, a, b in zip(buckets, now, usual, strict=True)}
    assert 0 <= stability_index(counts) < 0.2


def test_what_chance_alone_moves_is_taken_off() -> None:
    indexes = []
    for seed in range(50):
        draw = np.random.default_rng(seed).multinomial
        pairs = zip(draw(300, np.full(32, 1 / 32)), draw(2100, np.full(32, 1 / 32)), strict=True)
        indexes.append(stability_index({str(name): (int(a), int(b)) for name, (a, b) in enumerate(pairs)}))
    assert np.mean(indexes) < 0.04  # with it 0.12


@given(BUCKETS.filter(lambda found: all(sum(column) for column in zip(*found.values(), strict=True))))
@bounded(max_examples=60)
def test_figures_are_finite_and_do_not_depend_on_the_order_of_buckets(buckets: dict[str, Any]) -> None:
    index = stability_index(buckets)
    assert np.isfinite(index) and index >= 0
    assert stability_index(dict(reversed(buckets.items()))) == index
    assert all(np.isfinite(figure) and figure >= 0 for figure in share_move(buckets, "a"))


# Through the line: a shop of a week of days, the last of which drifts


def busy_hour(hour: int, drift: str = "") -> Sequence[dict[str, Any]]:
    """Events of 120 users, each searching one of two things and clicking one of two items."""
    made = []
    for place in range(120):
        thing, user = "ab"[place % 2], f"u{place}"
        if drift != "half the searches are lost" or place % 4 < 2:
            made += [event("search", user, {"a": "red shoes", "b": "blue hat"}[thing], hour, minute=1)]
        if drift != "clicks are lost":
            made += [event("click", user, thing, hour, minute=2, position=1)]
    if drift == "sessions are lost":
        made = [row | {"session_id": None, "position": None} for row in made]
    if drift == "one query":
        made = [row | ({"query": "query for a"} if row["query"] else {}) for row in made]
    if drift == "one item":
        made = [row | ({"item_id": "a"} if row["item_id"] else {}) for row in made]
    return made


@pytest.mark.parametrize(
    ("drift", "gates"),
    [
        ("", set()),
        ("clicks are lost", {"event_types_drifted", "click_through_moved"}),
        ("half the searches are lost", {"null_share_moved"}),
        ("sessions are lost", {"null_share_moved"}),
        ("one query", {"queries_drifted"}),
        ("one item", {"categories_drifted"}),
    ],
)
def test_drift_is_caught_within_the_hour(tmp_path: Path, drift: str, gates: set[str]) -> None:
    days = [day * DAY for day in range(4)]
    events = [row for hour in days[:-1] for row in busy_hour(hour)] + list(busy_hour(days[-1], drift))
    items = [item("a", category="games"), item("b", category="toys")]
    settings = open_shop(tmp_path, items, events, drift_min_rows=100)
    hours = [FIRST + hour * HOUR for hour in days]
    list(run_stage_of_hours("ingest_events", hours, settings))
    run_stage("ingest_catalog", hours[-1], settings)
    result = run_stage("prepare", hours[-1], settings)
    manifest = read_manifest(Run(hours[-1], settings), "prepare")
    assert manifest
    assert {entry["rule"] for entry in manifest["quality"] if not entry["passed"]} == gates
    assert len([note for note in result.notes if note.startswith("warning: event_profile")]) == len(gates)
    text = (hour_folder(settings.lake, hours[-1]) / "prepare.json").read_text()
    assert "shoes" not in text
    usual = {row[:2]: row[2:] for row in rows_of_profile(settings, days[-1])}
    assert usual[("event_type", "search")] == (60 if "searches" in drift else 120, 360)


def rows_of_profile(settings: Settings, hour: int) -> list[tuple[Any, ...]]:
    assert landed(settings, "event_profile", hour).num_rows
    return rows(settings, "event_profile", "feature", "bucket", "events", "usual_events", hour=hour)


def test_the_hour_itself_and_hours_after_it_are_no_reference(tmp_path: Path) -> None:
    days = [day * DAY for day in range(3)]
    settings = open_shop(tmp_path, [item("a")], [row for hour in days for row in busy_hour(hour)])
    list(run_stage_of_hours("ingest_events", [FIRST + hour * HOUR for hour in days], settings))
    for stage in ("ingest_catalog", "prepare"):
        run_stage(stage, FIRST + timedelta(days=1), settings)
    assert ("event_type", "search", 120, 120) in rows_of_profile(settings, DAY)
