"""The lake: kept means audited, readers follow manifests, and the same hour is the same bytes."""

import fcntl
import json
import multiprocessing
import os
import shutil
import threading
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from handmade_shop import DERIVED, FIRST, derive, ingest, lake_files, landed, landed_path, train_again_and_again
from handmade_shop import event as shop_event
from handmade_shop import fill_shop as fill
from handmade_shop import item as shop_item
from handmade_shop import open_shop as open_handmade

from pipeline.errors import AuditFailed, NotLanded
from pipeline.failpoints import Failpoint
from pipeline.files import hash_file
from pipeline.hours import HOUR, format_hour
from pipeline.lake import Work, open_stage, open_stages
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.manifests import find_table, hour_folder, landed_hours, read_manifest
from pipeline.model_files import read_factors
from pipeline.run import Run
from pipeline.settings import Settings

LAST = FIRST + 6 * HOUR  # the last hour that ran whole in `ran`
POOR = {"bought": pa.table({"user_id": ["a", "a"], "item_id": ["x", "x"]})}
GOOD = {"bought": pa.table({"user_id": ["a", "a"], "item_id": ["x", "y"]})}


def keep(work: Work, tables: dict[str, pa.Table]) -> None:
    for name, table in tables.items():
        pq.write_table(table, work.draft(name))
        work.keep(name)


def land(run: Run, tables: dict[str, pa.Table], stage: str = "prepare") -> None:
    with open_stage(run, stage) as work:
        keep(work, tables)


def staging(run: Run) -> list[Path]:
    return list((run.lake / ".staging").iterdir())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(FIRST, Settings(home=tmp_path))


def test_what_is_kept_lands_under_its_hash_and_its_manifest_names_it(run: Run) -> None:
    land(run, GOOD)
    found = find_table(run, "bought")
    assert found
    path, entry = found
    assert entry["sha256"] == hash_file(path)
    assert path.name == f"bought.{entry['sha256'][:12]}.parquet"
    assert (entry["rows"], entry["bytes"]) == (2, path.stat().st_size)
    assert staging(run) == []


def test_a_draft_that_fails_its_suite_lands_nothing_and_stays_as_evidence(run: Run) -> None:
    with pytest.raises(AuditFailed, match="user_id_and_item_id_repeated"):
        land(run, POOR)
    assert find_table(run, "bought") is None
    evidence = hour_folder(run.lake, run.hour) / "failed" / "prepare"
    assert pq.read_table(evidence / "bought.parquet").num_rows == 2
    told = json.loads((evidence / "manifest.json").read_text())
    assert told["error"] == "AuditFailed"
    assert "user_id_and_item_id_repeated" in told["sentence"]
    assert staging(run) == []


def test_nothing_of_a_stage_lands_when_its_second_table_is_refused(run: Run) -> None:
    other = {"holdout": pa.table({"user_id": ["a"], "item_id": ["x"], "kind": ["click"], "weight": [1]})}
    with pytest.raises(AuditFailed):
        land(run, other | POOR)
    assert list(hour_folder(run.lake, run.hour).glob("*.parquet")) == []
    assert read_manifest(run, "prepare") is None


@pytest.mark.parametrize("crash", [ZeroDivisionError("a defect"), AuditFailed("refused")])
def test_a_stage_that_raises_leaves_the_earlier_landed_version_untouched(run: Run, crash: Exception) -> None:
    land(run, GOOD)
    before = lake_files(run.settings)
    with pytest.raises(type(crash)), open_stage(run, "prepare") as work:
        keep(work, {"bought": GOOD["bought"].slice(0, 1)})
        raise crash
    after = {name: data for name, data in lake_files(run.settings).items() if "failed" not in name}
    assert after == before
    assert landed(run.settings, "bought").num_rows == 2
    told = json.loads((hour_folder(run.lake, run.hour) / "failed/prepare/manifest.json").read_text())
    # The words of a defect may quote anything; only sentences of ours are repeated.
    assert told["sentence"] == ("refused" if isinstance(crash, AuditFailed) else "ZeroDivisionError")


def test_success_clears_the_evidence_and_the_staging_folder(run: Run) -> None:
    with pytest.raises(AuditFailed):
        land(run, POOR)
    land(run, GOOD)
    assert not (hour_folder(run.lake, run.hour) / "failed").exists()
    assert staging(run) == []


def test_success_leaves_the_evidence_of_other_stages(run: Run) -> None:
    for stage in ("train", "prepare"):
        with pytest.raises(AuditFailed), open_stage(run, stage):
            raise AuditFailed("refused")
    land(run, GOOD)
    assert [path.name for path in (hour_folder(run.lake, run.hour) / "failed").iterdir()] == ["train"]


def test_replaced_files_outlive_the_landing_that_replaced_them_by_one(run: Run) -> None:
    """Whoever looked a file up just before can still read it."""
    paths = []
    for count in (0, 1, 2):
        land(run, {"bought": GOOD["bought"].slice(0, count)})
        paths.append(landed_path(run.settings, "bought"))
        assert [path.exists() for path in paths[-2:]] == [True] * len(paths[-2:])
    assert not paths[0].exists()
    land(run, {"bought": GOOD["bought"].slice(0, 1)})  # back to what was just replaced
    assert landed_path(run.settings, "bought") == paths[1]
    assert landed(run.settings, "bought").num_rows == 1


@pytest.mark.parametrize("point", ["lake.tables_moved", "lake.manifest_replaced"])
def test_what_an_attempt_that_died_half_way_left_among_the_landed_files_goes_with_the_next_landing(
    point: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = [{"bought": GOOD["bought"].slice(0, count)} for count in (0, 1, 2)]
    land(run, versions[0])
    land(run, versions[1])
    with monkeypatch.context() as patch:
        patch.setenv("FAILPOINT", f"{point}:raise")
        patch.setattr("pipeline.failpoints._reached", Counter())
        with pytest.raises(Failpoint):
            land(run, versions[2])
    land(run, versions[0])
    land(run, {"bought": GOOD["bought"].slice(1, 1)})
    manifest = json.loads((hour_folder(run.lake, run.hour) / "prepare.json").read_text())
    named = {manifest["tables"]["bought"]["file"], *manifest["replaced"]}
    assert {path.name for path in hour_folder(run.lake, run.hour).glob("*.parquet")} == named
    assert len(named) == 2


def test_what_a_killed_attempt_left_in_staging_is_swept_away_after_a_day(run: Run) -> None:
    old, new = run.lake / ".staging" / "old", run.lake / ".staging" / "new"
    for folder, age in ((old, 90_000), (new, 3_600)):
        folder.mkdir(parents=True)
        moment = folder.stat().st_mtime - age
        os.utime(folder, (moment, moment))
    land(run, GOOD)
    assert staging(run) == [new]


def test_a_second_failure_replaces_the_evidence_of_the_first(run: Run) -> None:
    for reason in ("one", "two"):
        with pytest.raises(AuditFailed), open_stage(run, "prepare"):
            raise AuditFailed(reason)
    evidence = hour_folder(run.lake, run.hour) / "failed" / "prepare"
    assert json.loads((evidence / "manifest.json").read_text())["sentence"] == "two"
    assert [path.name for path in evidence.iterdir()] == ["manifest.json"]


def test_a_crash_between_moving_files_and_the_manifest_leaves_readers_with_the_old_version(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(run, GOOD)

    def lose_power(*_arguments: object) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.landing.write_json", lose_power)
        with pytest.raises(OSError, match="power cut"):
            land(run, {"bought": GOOD["bought"].slice(0, 1)})
    assert landed(run.settings, "bought").num_rows == 2
    land(run, {"bought": GOOD["bought"].slice(0, 1)})
    assert landed(run.settings, "bought").num_rows == 1


def test_files_that_no_manifest_names_are_never_read(run: Run) -> None:
    folder = hour_folder(run.lake, run.hour)
    folder.mkdir(parents=True)
    pq.write_table(GOOD["bought"], folder / "bought.0123456789ab.parquet")
    assert find_table(run, "bought") is None
    with open_stage(run, "train") as work, pytest.raises(NotLanded, match="needs bought, which has not landed"):
        work.read("bought")


def test_changed_bytes_are_not_read(run: Run) -> None:
    land(run, GOOD)
    path = landed_path(run.settings, "bought")
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with open_stage(run, "train") as work, pytest.raises(NotLanded, match="missing or damaged; run prepare of 2026"):
        work.read("bought")


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PAR1")])
def test_a_damaged_file_of_an_earlier_hour_is_named_with_what_to_do(ran: Settings, damage: object) -> None:
    damage(landed_path(ran, "events", 2))  # type: ignore[operator]
    sentence = r"events\..* is missing or damaged; run ingest_events of 2026-01-05T12 again with --repull"
    with pytest.raises(NotLanded, match=sentence):
        run_stage("prepare", LAST, ran)
    run_stage("ingest_events", FIRST + 2 * HOUR, ran, repull=True)
    run_stage("prepare", LAST, ran)


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff\xfe\x00", b"[]", b'"text"', b"{}", b'{"tables": 1}'])
def test_a_damaged_manifest_is_one_sentence_and_running_the_stage_again_mends_it(run: Run, garbage: bytes) -> None:
    land(run, GOOD)
    manifest = hour_folder(run.lake, run.hour) / "prepare.json"
    manifest.write_bytes(garbage)
    with pytest.raises(NotLanded, match=r"the manifest .*prepare\.json is damaged; run prepare of 2026-01-05T10 again"):
        find_table(run, "bought")
    land(run, GOOD)
    assert landed(run.settings, "bought").num_rows == 2


def test_a_damaged_manifest_of_what_was_pulled_is_mended_by_pulling_again_and_never_silently(ran: Settings) -> None:
    before = landed_path(ran, "events", 6).read_bytes()
    (hour_folder(ran.lake, LAST) / "ingest_events.json").write_text("{")
    with pytest.raises(NotLanded, match="run ingest_events of 2026-01-05T16 again with --repull"):
        run_stage("ingest_events", LAST, ran)
    assert not run_stage("ingest_events", LAST, ran, repull=True).reused
    assert landed_path(ran, "events", 6).read_bytes() == before


def test_a_model_that_was_trained_on_other_interactions_is_not_used(ran: Settings) -> None:
    changed = ran.model_copy(update={"half_life_days": 1.0})
    run_stage("prepare", LAST, changed)
    for stage in ("evaluate", "recommend"):
        with pytest.raises(NotLanded, match="train of 2026-01-05T16 was made from another interactions; run train"):
            run_stage(stage, LAST, changed)
    derive(changed, 6, ("train",))
    with pytest.raises(NotLanded, match="evaluate of 2026-01-05T16 was made from another"):
        run_stage("recommend", LAST, changed)
    derive(changed, 6, ("evaluate", "recommend"))


def forget_catalog(settings: Settings) -> None:
    """The last hour takes its catalog anew: nothing says any more that it captured one."""
    (hour_folder(settings.lake, LAST) / "ingest_catalog.json").unlink()


def test_lists_made_of_an_older_catalog_are_not_published(ran: Settings) -> None:
    fill(ran.shop_url, [shop_item("brand new", updated_at=f"{FIRST:%Y-%m-%d} 00:00:00")], [])
    forget_catalog(ran)
    run_stage("ingest_catalog", LAST, ran)
    with pytest.raises(NotLanded, match="was made from another items; run prepare again first"):
        run_stage("publish", LAST, ran)


def test_a_rerun_of_every_stage_of_an_hour_is_byte_identical(ran: Settings) -> None:
    before = lake_files(ran)
    forget_catalog(ran)
    for stage in ("ingest_events", "ingest_catalog"):
        assert not run_stage(stage, LAST, ran, repull=True).reused
    derive(ran, 6)
    assert lake_files(ran) == before


def test_a_rerun_with_another_number_of_threads_or_elsewhere_is_byte_identical(ran: Settings, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(ran.home, moved)
    other = ran.model_copy(update={"threads": 1, "memory_limit": "1GB", "home": moved})
    before = lake_files(ran)
    forget_catalog(other)
    for stage in ("ingest_events", "ingest_catalog"):
        run_stage(stage, LAST, other, repull=True)
    derive(other, 6)
    assert lake_files(other) == before


def test_manifests_say_from_what_with_which_settings_and_code_a_table_was_made(ran: Settings) -> None:
    run = Run(LAST, ran)
    manifest = read_manifest(run, "prepare")
    assert manifest
    hours = {f"events@{format_hour(FIRST + step * HOUR)}" for step in range(7)}
    assert set(manifest["inputs"]) == {"items", "events"} | hours
    items = find_table(run, "items")
    assert items
    assert manifest["inputs"]["items"] == items[1]["sha256"]
    assert manifest["settings"]["factors"] == 8
    assert "home" not in manifest["settings"]
    assert len(manifest["code_version"]) == 12
    assert manifest["timings"]["seconds"] > 0


def test_what_was_pulled_is_reused_and_pulled_anew_only_when_told(tmp_path: Path) -> None:
    settings = open_handmade(tmp_path / "var", [shop_item("a")], [shop_event("click", "u", "a")])
    ingest(settings)
    fill(settings.shop_url, [], [shop_event("click", "v", "a") | {"row_id": 7, "event_id": "late arrival"}])
    assert run_stage("ingest_events", FIRST, settings).reused
    assert landed(settings, "events").num_rows == 1
    result = run_stage("ingest_events", FIRST, settings, repull=True)
    assert not result.reused
    assert (landed(settings, "events").num_rows, result.rows_in, result.rows_out) == (2, 2, 2)


def test_a_backfill_reuses_what_was_pulled_and_computes_anew_what_is_derived(ran: Settings) -> None:
    hours = [LAST - HOUR, LAST]
    assert all(result.reused for result in run_stage_of_hours("ingest_events", hours, ran))
    assert not any(result.reused for result in run_stage_of_hours("prepare", hours, ran))


def test_hours_of_a_stage_land_together_or_not_at_all(run: Run) -> None:
    runs = [run, Run(FIRST + HOUR, run.settings)]
    with pytest.raises(AuditFailed), open_stages(runs, "prepare") as works:
        keep(works[0], GOOD)
        keep(works[1], POOR)
    assert not any(read_manifest(each, "prepare") for each in runs)
    with open_stages(runs, "prepare") as works:
        assert [work.run.name for work in works] == ["2026-01-05T10", "2026-01-05T11"]
        for work in works:
            keep(work, GOOD)
    assert landed_hours(run.lake, "prepare", FIRST, FIRST + 5 * HOUR) == [FIRST, FIRST + HOUR]


def test_a_second_lake_gives_other_hours_but_never_this_one(ran: Settings, tmp_path: Path) -> None:
    there = Run(LAST, ran, lake=tmp_path / "elsewhere", history=ran.lake)
    assert find_table(there, "events") is None
    assert find_table(there, "events", LAST - HOUR)


def test_two_processes_that_land_the_same_stage_at_once_leave_a_consistent_hour(ran: Settings) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [
        context.Process(target=train_again_and_again, args=(ran.home, factors, barrier)) for factors in ((3, 5), (5, 3))
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    with open_stage(Run(LAST, ran), "evaluate") as work:
        widths = {
            read_factors(work.read(f"{kind}_factors"), f"{kind}_id").vectors.shape[1] for kind in ("user", "item")
        }
    assert widths in ({3}, {5})
    # Those that the manifest names, and at most those that they replaced.
    assert len(list(hour_folder(ran.lake, LAST).glob("*_factors.*.parquet"))) <= 4
    assert not list((ran.lake / ".staging").iterdir())


def test_an_attempt_waits_for_the_one_that_is_landing(run: Run) -> None:
    land(run, GOOD)
    descriptor = os.open(hour_folder(run.lake, run.hour), os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    thread = threading.Thread(target=land, args=(run, {"bought": GOOD["bought"].slice(0, 1)}))
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    assert landed(run.settings, "bought").num_rows == 2
    os.close(descriptor)
    thread.join(30)
    assert landed(run.settings, "bought").num_rows == 1


@pytest.mark.parametrize("stage", DERIVED)
def test_every_stage_after_ingestion_says_what_it_waits_for(tmp_path: Path, stage: str) -> None:
    with pytest.raises(NotLanded, match=f"{stage} of 2026-01-05T10 needs .*, which has not landed; run .* first"):
        run_stage(stage, FIRST, Settings(home=tmp_path))


def test_an_hour_in_which_nothing_was_delivered_is_asked_for_again(tmp_path: Path) -> None:
    settings = open_handmade(tmp_path / "var", [shop_item("a")], [])
    ingest(settings)
    fill(settings.shop_url, [], [shop_event("click", "u", "a")])
    assert not run_stage("ingest_events", FIRST, settings).reused
    assert run_stage("ingest_events", FIRST, settings).reused
    assert landed(settings, "events").num_rows == 1
