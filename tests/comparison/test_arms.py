"""Whole arms on a log of a small shop: the batch arm, the controls and the streaming reference made from its bundle."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.comparison import batch as batch_arm
from pipeline.comparison.answers import answer_from_lists
from pipeline.comparison.bundle import read_document, read_table
from pipeline.comparison.controls import run_control
from pipeline.comparison.log import Log, record_shop
from pipeline.comparison.stream import run_stream
from pipeline.comparison.validate import find_breaches
from pipeline.errors import BadInput
from pipeline.hours import HOUR, parse_hour
from pipeline.line import STAGES
from pipeline.manifests import stage_facts
from pipeline.run import Run
from pipeline.serving.contract import Answer, Asked
from pipeline.serving.database import connect
from pipeline.serving.lists import ListReader
from pipeline.settings import Settings, load_settings

FIRST = parse_hour("2026-01-05T10")
HOURS = [FIRST + step * HOUR for step in range(4)]
DELAY = timedelta(minutes=15)
# Lists of everything there is: of whoever bought something the read contract fills them up.
KNOBS: dict[str, Any] = {"factors": 8, "iterations": 2, "data_docs": False, "k": 80}
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Ran:
    """A log, the bundle of a batch arm on it, and what its own database and lake said before they were deleted."""

    log: Log
    bundle: Path
    answers: dict[str, Answer]  # of the read contract itself, from the version that was live at the end
    ledger: Counter[str]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder, export = tmp_path_factory.mktemp("arms"), batch_arm.export_run
    shop = {"users": 60, "items": 80, "events_per_hour": 200, "dirt": 0.1}
    log = record_shop(folder / "log", HOURS[0], HOURS[-1], seed=1, **shop)
    answers: dict[str, Answer] = {}
    ledger: Counter[str] = Counter()

    def look_and_export(out: Path, *given: Any) -> None:
        settings: Settings = given[3]
        engine = connect(settings.serving)
        reader = ListReader(engine, settings.source, settings.arm, 1e9)
        for user in {*log.read("reads")["user_id"].to_pylist(), "nobody"}:
            answers[user] = reader.read(Asked(user=user))
        engine.dispose()
        for hour in HOURS:
            found = stage_facts(Run(hour, settings), "ingest_events")["ledger"]
            ledger.update({fate: found[fate] for fate in ("accepted", "quarantined", "duplicate")})
        export(out, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_arm, "export_run", look_and_export)
        batch_arm.run_batch(log, folder / "batch", cadence=2 * HOUR, delay=DELAY, **KNOBS)
    yield Ran(log, folder / "batch", answers, ledger)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stream(ran: Ran) -> Path:
    out = ran.bundle.parent / "stream"
    run_stream(ran.log, ran.bundle, out)
    return out


def rows_of(bundle: Path, table: str) -> Rows:
    return read_table(bundle, table).to_pylist()


def test_the_batch_arm_leaves_a_valid_bundle_of_a_run_for_each_interval(ran: Ran) -> None:
    assert find_breaches(ran.bundle, ran.log.folder) == []
    runs = rows_of(ran.bundle, "runs")
    assert [run["interval_end"] for run in runs] == [FIRST + step * HOUR for step in (2, 4)]
    assert {run["status"] for run in runs} == {"published"}
    assert all(run["data_cutoff"] == run["scheduled"] == run["interval_end"] for run in runs)
    assert all(run["started"] == run["scheduled"] + DELAY < run["published"] < run["ended"] for run in runs)
    assert sum(run["events_in"] for run in runs) == ran.log.counts["events"]
    arm = read_document(ran.bundle, "arm")
    assert (arm["arm"], arm["cadence_seconds"], arm["delay_seconds"]) == ("batch 2h +15m", 7200.0, 900.0)
    assert {path.name for path in ran.bundle.parent.iterdir()} <= {
        "log",
        "batch",
        "stream",
        "popular",
        "nothing",
        "bare",
        "hourly",
    }


def test_the_lists_of_a_bundle_are_those_that_the_read_contract_answers(ran: Ran) -> None:
    lists: dict[str | None, Rows] = {}
    for row in rows_of(ran.bundle, "recommendations"):
        if row["valid_to"] is None:
            lists.setdefault(row["user_id"], []).append(row)
    own = 0
    for user, answer in ran.answers.items():
        own += user in lists
        shown = lists.get(user, lists[None])
        assert [(row["rank"], row["item_id"], row["source"]) for row in shown] == [
            (row.rank, row.item_id, row.source) for row in answer.rows
        ]
        assert {row["version"] for row in shown} == {answer.version}
    assert 20 < own < len(ran.answers)


def test_reads_are_answered_by_the_version_that_was_live_then(ran: Ran) -> None:
    reads = read_table(ran.bundle, "reads")
    runs = read_table(ran.bundle, "runs")
    cutoffs = pa.table({"version": runs["version"], "cutoff": runs["data_cutoff"]})
    lists = read_table(ran.bundle, "recommendations")
    by_lists = answer_from_lists(load_settings(), ran.log.read("reads"), lists, cutoffs)
    assert reads.drop_columns("latency_ms").to_pylist() == by_lists.drop_columns("latency_ms").to_pylist()
    statuses = Counter(reads["status"].to_pylist())
    assert statuses[503] > 20 and statuses[200] > 20 and statuses.total() == ran.log.counts["reads"]
    last = [row for row in reads.to_pylist() if row["version"] == ran.answers["nobody"].version]
    assert all(row["served_reason"] == ran.answers[row["user_id"]].served_reason for row in last)
    assert all((row["latency_ms"] is not None) == (row["status"] == 200) for row in reads.to_pylist())


def test_every_delivered_row_has_its_fate_and_is_visible_with_the_first_version_that_knows_it(ran: Ran) -> None:
    seen, runs = rows_of(ran.bundle, "event_visibility"), rows_of(ran.bundle, "runs")
    events = ran.log.read("events").to_pylist()
    assert Counter(row["fate"] for row in seen) == ran.ledger
    assert min(ran.ledger.values()) > 0
    assert [row["event_id"] for row in seen] == [event["event_id"] for event in events]
    for row, event in zip(seen, events, strict=True):
        run = next(run for run in runs if event["delivered_at"] < run["interval_end"])
        assert run["started"] < row["landed"] < run["published"]
        assert row["first_visible"] == (run["published"] if row["fate"] == "accepted" else None)


def test_by_the_same_clock_the_same_log_makes_the_same_bundle(ran: Ran, tmp_path: Path) -> None:
    again = tmp_path / "again"
    batch_arm.run_batch(ran.log, again, cadence=2 * HOUR, delay=DELAY, durations=ran.bundle, **KNOBS)
    for name in ("recommendations", "event_visibility"):
        assert (again / f"{name}.parquet").read_bytes() == (ran.bundle / f"{name}.parquet").read_bytes(), name
    measured = {"runs": ["cpu_seconds", "peak_bytes"], "reads": ["latency_ms"]}
    for name, columns in measured.items():
        ours, theirs = (read_table(bundle, name).drop_columns(columns) for bundle in (again, ran.bundle))
        assert ours.equals(theirs), name
    sizes = ["what", "bytes_read", "bytes_written"]
    ours, theirs = (read_table(bundle, "costs").select(sizes) for bundle in (again, ran.bundle))
    assert ours.equals(theirs)
    models = [(bundle / "models" / "models.json").read_text() for bundle in (again, ran.bundle)]
    assert models[0] == models[1]


def test_a_clock_of_other_runs_is_refused(ran: Ran, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="it is of another log or cadence"):
        batch_arm.run_batch(ran.log, tmp_path / "out", durations=ran.bundle)
    with pytest.raises(BadInput, match=r"has no durations\.json"):
        batch_arm.run_batch(ran.log, tmp_path / "out", durations=ran.log.folder)


def test_costs_name_every_stage_and_add_up_to_the_runs(ran: Ran) -> None:
    costs = {row["what"]: row for row in rows_of(ran.bundle, "costs")}
    assert list(costs) == [*STAGES, "reads"]
    spent = sum(row["cpu_seconds"] for what, row in costs.items() if what != "reads")
    assert spent == pytest.approx(sum(run["cpu_seconds"] for run in rows_of(ran.bundle, "runs")))
    assert costs["publish"]["bytes_written"] == costs["publish"]["bytes_read"] > costs["train"]["bytes_written"] > 0


def test_popular_only_shows_everyone_the_popular_lists_of_the_batch_arm(ran: Ran) -> None:
    out = ran.bundle.parent / "popular"
    run_control("popular", ran.log, ran.bundle, out)
    assert find_breaches(out, ran.log.folder) == []
    wanted = [row for row in rows_of(ran.bundle, "recommendations") if row["user_id"] is None]
    assert rows_of(out, "recommendations") == wanted
    assert {row["served_reason"] for row in rows_of(out, "reads")} == {"popular", None}
    assert [row["what"] for row in rows_of(out, "costs")] == ["ingest_events", "ingest_catalog", "prepare"]
    assert read_document(out, "arm")["arm"] == "popular only (batch 2h +15m)"


def test_do_nothing_shows_the_first_lists_for_ever_and_loses_what_comes_later(ran: Ran) -> None:
    out = ran.bundle.parent / "nothing"
    run_control("nothing", ran.log, ran.bundle, out)
    assert find_breaches(out, ran.log.folder) == []
    first = rows_of(ran.bundle, "runs")[0]
    lists = rows_of(out, "recommendations")
    assert {(row["version"], row["valid_from"], row["valid_to"]) for row in lists} == {
        (first["version"], first["published"], None)
    }
    before = rows_of(ran.bundle, "event_visibility")
    for row, was in zip(rows_of(out, "event_visibility"), before, strict=True):
        is_early = was["landed"] < first["ended"]
        assert row == (was if is_early else was | {"landed": None, "fate": "lost", "first_visible": None})
    assert {row["version"] for row in rows_of(out, "reads") if row["status"] == 200} == {first["version"]}
    assert len(rows_of(out, "runs")) == 1
    assert "what it would cost a month says nothing" in read_document(out, "arm")["notes"]


def test_a_bare_server_answers_400_to_whoever_has_no_list_of_their_own(ran: Ran) -> None:
    out = ran.bundle.parent / "bare"
    run_control("bare", ran.log, ran.bundle, out)
    assert find_breaches(out, ran.log.folder) == []
    first = min(row["valid_from"] for row in rows_of(ran.bundle, "recommendations"))
    expected = [
        503 if row["t"] < first else 200 if row["served_reason"] not in ("popular", None) else 400
        for row in rows_of(ran.bundle, "reads")
    ]
    assert [row["status"] for row in rows_of(out, "reads")] == expected
    assert {503, 200, 400} == set(expected)
    assert read_document(out, "arm")["arm"] == "own lists or HTTP 400 (batch 2h +15m)"


def test_the_streaming_arm_gives_every_row_the_fate_that_the_pipeline_gives_it(ran: Ran, stream: Path) -> None:
    assert find_breaches(stream, ran.log.folder) == []
    ours, theirs = rows_of(stream, "event_visibility"), rows_of(ran.bundle, "event_visibility")
    assert [(row["event_id"], row["occurred"], row["fate"]) for row in ours] == [
        (row["event_id"], row["occurred"], row["fate"]) for row in theirs
    ]


def test_an_event_that_its_user_takes_part_in_is_visible_at_once_and_others_when_the_models_know_them(
    ran: Ran, stream: Path
) -> None:
    first = rows_of(ran.bundle, "runs")[0]
    first_model = first["published"]
    known = set(pq.read_table(ran.bundle / "models" / f"{first['version']}.parquet")["item_id"].to_pylist())
    at_once = 0
    for row, was, event in zip(
        rows_of(stream, "event_visibility"),
        rows_of(ran.bundle, "event_visibility"),
        ran.log.read("events").to_pylist(),
        strict=True,
    ):
        assert row["landed"] > event["delivered_at"]
        if row["fate"] != "accepted":
            assert row["first_visible"] is None
        elif event["event_type"] == "search" or event["user_id"] is None:
            assert row["first_visible"] == was["first_visible"]
        elif event["delivered_at"] > first_model:
            is_known = event["item_id"] in known
            assert (row["first_visible"] == row["landed"]) == is_known
            assert row["landed"] < event["delivered_at"] + timedelta(minutes=1)
            at_once += is_known
        else:
            assert row["first_visible"] >= first_model
    assert at_once > 50


def test_a_users_list_is_replaced_by_the_next_and_everyones_is_that_of_the_batch_arm(ran: Ran, stream: Path) -> None:
    lists = rows_of(stream, "recommendations")
    everyone = [row for row in rows_of(ran.bundle, "recommendations") if row["user_id"] is None]
    assert [row for row in lists if row["user_id"] is None] == everyone
    spans: dict[str, list[tuple[Any, Any]]] = {}
    for row in lists:
        if row["user_id"] and row["rank"] == 1:
            spans.setdefault(row["user_id"], []).append((row["valid_from"], row["valid_to"]))
    assert max(len(found) for found in spans.values()) > 4
    for found in spans.values():
        assert [until for _, until in found] == [since for since, _ in found[1:]] + [None]


def test_the_rows_of_a_run_of_the_stream_are_those_of_its_lists(stream: Path) -> None:
    written = Counter(row["version"] for row in rows_of(stream, "recommendations") if row["user_id"] is not None)
    runs = rows_of(stream, "runs")
    assert {run["version"]: run["rows_out"] for run in runs} == written
    assert max(written.values()) > 80  # a refresh: a list for everybody known


@pytest.fixture(scope="module")
def hourly(ran: Ran) -> Path:
    out = ran.bundle.parent / "hourly"
    run_stream(ran.log, ran.bundle, out, micro_batch=HOUR)
    return out


def test_micro_batches_are_taken_at_their_end(ran: Ran, hourly: Path) -> None:
    assert find_breaches(hourly, ran.log.folder) == []
    runs = [run for run in rows_of(hourly, "runs") if run["run_id"].startswith("consume")]
    assert [run["scheduled"] for run in runs] == [hour + HOUR for hour in HOURS[2:]]
    arm = read_document(hourly, "arm")
    assert (arm["arm"], arm["cadence_seconds"]) == ("stream (reference on batch 2h +15m, every 1h)", 3600.0)


def test_row_by_row_through_a_real_broker_the_lists_are_the_same(
    ran: Ran, stream: Path, tmp_path: Path, broker: str
) -> None:
    run_stream(ran.log, ran.bundle, tmp_path / "out", broker=broker)
    assert find_breaches(tmp_path / "out", ran.log.folder) == []
    ours, theirs = (
        read_table(bundle, "recommendations").drop_columns(["valid_from", "valid_to"])
        for bundle in (tmp_path / "out", stream)
    )
    assert ours.equals(theirs)
    assert read_document(tmp_path / "out", "arm")["arm"] == "stream (reference on batch 2h +15m, broker)"


def test_what_is_not_a_whole_batch_bundle_of_this_log_is_refused(ran: Ran, stream: Path, tmp_path: Path) -> None:
    other = record_shop(tmp_path / "other", FIRST, FIRST, seed=2, users=60, items=80, events_per_hour=200)
    with pytest.raises(BadInput, match="made from another log"):
        run_control("popular", other, ran.bundle, tmp_path / "out")
    with pytest.raises(BadInput, match="a streaming arm; name that of a batch arm"):
        run_control("popular", ran.log, stream, tmp_path / "out")
    with pytest.raises(BadInput, match="is no control; they are popular, nothing, bare"):
        run_control("best", ran.log, ran.bundle, tmp_path / "out")
    with pytest.raises(BadInput, match="holds something already"):
        run_stream(ran.log, ran.bundle, ran.bundle)
    altered = shutil.copytree(ran.bundle, tmp_path / "altered")
    pq.write_table(pq.read_table(altered / "runs.parquet").slice(1), altered / "runs.parquet")
    with pytest.raises(BadInput, match=r"runs\.parquet is not what the arm wrote"):
        run_stream(ran.log, altered, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_models_that_were_altered_or_are_not_there_are_refused(ran: Ran, tmp_path: Path) -> None:
    altered = shutil.copytree(ran.bundle, tmp_path / "altered")
    models = json.loads((altered / "models" / "models.json").read_text())["models"]
    assert [one["version"] for one in models] == [run["version"] for run in rows_of(ran.bundle, "runs")]
    (altered / "models" / models[0]["file"]).write_bytes(b"")
    with pytest.raises(BadInput, match="is not what the batch arm exported"):
        run_stream(ran.log, altered, tmp_path / "out")
    shutil.rmtree(altered / "models")
    with pytest.raises(BadInput, match="has no models/"):
        run_stream(ran.log, altered, tmp_path / "out")
