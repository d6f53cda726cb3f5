"""A disk that is full and memory that does not suffice: one sentence, nothing broken, and it goes on when there is room.

Every stage runs with hardly any room first, then with more and more: `make test-faults` in small steps (DISK_STEP_KB=32),
the ordinary test run in large ones.
"""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from handmade_shop import FIRST
from invariants import broken_conservation, broken_landings, broken_versions, content_of_lake, residue_in_lake
from killing import FORKS, PATIENCE_SECONDS, act

from pipeline.duck import _sparing
from pipeline.duck import connect as connect_duck
from pipeline.errors import NoSpace, OutOfMemory, TreasureHuntError
from pipeline.hours import HOUR
from pipeline.line import STAGES, run_stage
from pipeline.manifests import read_failure
from pipeline.run import Run
from pipeline.serving.database import connect
from pipeline.settings import Settings, load_settings

STEP_KB = int(os.environ.get("DISK_STEP_KB", "192"))
FIRST_ROOM_KB = 4  # for the first file, not for its manifest
TOLD = 4


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in memory, whose size `resize` sets."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk needs the right to mount one: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def resize(folder: Path, kb: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kb}k", str(folder)], check=True)


def used_kb(folder: Path) -> int:
    return shutil.disk_usage(folder).used // 1024


def run_hour(settings: Settings) -> None:
    for stage in STAGES:
        run_stage(stage, FIRST, settings)


def run_and_tell(settings: Settings, stage: str, told: Path) -> None:
    """For another process: an error that a person is meant to read is written down."""
    try:
        run_stage(stage, FIRST, settings)
    except TreasureHuntError as error:
        told.write_text(f"{type(error).__name__}\n{error}")
        raise SystemExit(TOLD) from None


@pytest.mark.timeout(3600)
def test_a_full_disk_is_one_sentence_in_every_stage_and_the_hour_goes_on_when_there_is_room(
    tiny_shop: Path, small_disk: Path, tmp_path: Path
) -> None:
    knobs: dict[str, Any] = {"factors": 4, "iterations": 2, "data_docs": False, "k": 5, "threads": 1}
    knobs["source_url"] = f"sqlite:///{tiny_shop / 'shop.db'}"  # the source has a disk of its own
    settings = load_settings(home=shutil.copytree(tiny_shop, small_disk / "var"), **knobs)
    calm = load_settings(home=shutil.copytree(tiny_shop, tmp_path / "calm"), **knobs)
    told, failures = tmp_path / "told", Counter[str]()
    for stage in STAGES:
        size = used_kb(small_disk) + FIRST_ROOM_KB
        while True:
            resize(small_disk, size)
            process = FORKS.Process(target=run_and_tell, args=(settings, stage, told))
            process.start()
            process.join(PATIENCE_SECONDS)
            assert broken_conservation(settings) == broken_landings(settings) == []
            if process.exitcode == 0:
                break
            assert process.exitcode == TOLD
            error, sentence = told.read_text().split("\n")
            assert error == "NoSpace", f"{stage}: {sentence}"
            assert "space" in sentence and "free some" in sentence
            failures[stage] += 1
            size += STEP_KB
    print(f"failed for want of space: {dict(failures)}")
    assert set(failures) == set(STAGES)
    assert act(run_hour, calm) == 0
    assert content_of_lake(settings) == content_of_lake(calm)
    assert residue_in_lake(settings, staging=False) == []
    engine = connect(settings.serving)
    assert broken_versions(engine) == []
    engine.dispose()


def test_drafts_of_a_full_disk_do_not_keep_the_room_that_is_needed(
    tiny_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(home=shutil.copytree(tiny_shop, tmp_path / "var"))
    monkeypatch.setenv("FAILPOINT", "lake.stage_done:enospc")
    monkeypatch.setattr("pipeline.failpoints._reached", Counter())
    with pytest.raises(NoSpace, match=r"^no space is left on the disk of .* for ingest_events of .*; free some"):
        run_stage("ingest_events", FIRST, settings)
    failure = read_failure(Run(FIRST, settings), "ingest_events")
    assert failure and failure["error"] == "NoSpace" and failure["tables"] == {}
    assert list(settings.lake.rglob("*.parquet")) == []


def test_too_little_memory_is_one_sentence_with_evidence_and_more_memory_converges(
    landed_home: Path, tmp_path: Path
) -> None:
    settings = load_settings(
        home=shutil.copytree(landed_home, tmp_path / "var"), factors=4, iterations=2, k=5, threads=1
    )
    before, hour = content_of_lake(settings), FIRST + HOUR
    with pytest.raises(OutOfMemory, match=r"^prepare of .* does not fit into memory; raise TREASURE_HUNT_MEMORY_LIMIT"):
        run_stage("prepare", hour, settings.model_copy(update={"memory_limit": "1MB"}))
    failure = read_failure(Run(hour, settings), "prepare")
    assert failure and failure["error"] == "OutOfMemory"
    assert content_of_lake(settings) == before
    run_stage("prepare", hour, settings.model_copy(update={"min_query_users": 1}))
    assert content_of_lake(settings) == before


def test_what_does_not_fit_into_memory_is_tried_once_more_by_one_thread(tmp_path: Path) -> None:
    threads: list[int] = []

    def run_out_at_first(connection: duckdb.DuckDBPyConnection) -> str:
        threads.append(connection.execute("select current_setting('threads')").fetchone()[0])  # type: ignore[index]
        if len(threads) == 1:
            raise duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate")
        return "done"

    with connect_duck(load_settings(threads=2), tmp_path) as connection:
        assert _sparing(connection, lambda: run_out_at_first(connection)) == "done"
    assert threads == [2, 1]
