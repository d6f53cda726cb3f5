"""Verifying: the same bytes again, and whatever was altered is found and named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from handmade_shop import FIRST, derive, landed_path

from pipeline.arithmetic import kernels
from pipeline.errors import NotLanded
from pipeline.files import hash_file
from pipeline.hours import HOUR
from pipeline.line import run_stage
from pipeline.manifests import hour_folder
from pipeline.settings import Settings
from pipeline.tables import PRODUCERS
from pipeline.verify import verify_hour

LAST = FIRST + 6 * HOUR


def differing(settings: Settings) -> list[str]:
    results, _ = verify_hour(LAST, settings)
    return [result.table for result in results if not result.is_same]


def forge(settings: Settings, table: str, alter: Callable[[pa.Table], pa.Table]) -> None:
    """Alter a landed table and make its manifest agree."""
    path = landed_path(settings, table, 6)
    pq.write_table(alter(pq.read_table(path)), path)
    manifest = hour_folder(settings.lake, LAST) / f"{PRODUCERS[table]}.json"
    told = json.loads(manifest.read_text())
    told["tables"][table] |= {"sha256": hash_file(path), "bytes": path.stat().st_size}
    manifest.write_text(json.dumps(told))


def test_an_hour_that_is_the_same_again_is_said_to_be_so(ran: Settings) -> None:
    results, remarks = verify_hour(LAST, ran)
    assert {result.table for result in results} == set(PRODUCERS)
    assert all(result.is_same for result in results)
    assert remarks == []
    assert not [path for path in (ran.lake / ".staging").iterdir() if path.name.startswith("verify")]


@pytest.mark.parametrize("table", ["events", "interactions", "user_recommendations", "prequential"])
@pytest.mark.parametrize("is_cut", [True, False])
def test_a_file_that_a_disk_cut_off_or_lost_is_no_file_that_landed(ran: Settings, table: str, is_cut: bool) -> None:
    path = landed_path(ran, table, 6)
    path.write_bytes(path.read_bytes()[:-10]) if is_cut else path.unlink()
    results, _ = verify_hour(LAST, ran)
    assert {one.table: one.verdict for one in results if one.is_broken} == {table: "DAMAGED" if is_cut else "MISSING"}


def test_an_hour_that_cannot_be_computed_again_for_damage_says_which_tables(ran: Settings) -> None:
    for table in PRODUCERS:
        landed_path(ran, table, 6).write_bytes(b"")
    with pytest.raises(NotLanded, match="2026-01-05T16: ingest_events cannot be computed again, because ") as error:
        verify_hour(LAST, ran)
    assert all(f"{table}@2026-01-05T16" in str(error.value) for table in PRODUCERS)
    assert str(error.value).endswith("; run ingest_events of 2026-01-05T16 again with --repull.")
    assert not [path for path in (ran.lake / ".staging").iterdir() if path.name.startswith("verify")]


@pytest.mark.parametrize("table", ["delivered_rows", "user_factors", "interactions"])
def test_damage_in_an_hour_that_this_one_was_made_from_is_named_with_it(ran: Settings, table: str) -> None:
    """The file is as long as it was, which is all that is looked at of the many files of a window."""
    path = landed_path(ran, table, 5)
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(
        NotLanded, match=f"damaged: {table}@2026-01-05T15; run {PRODUCERS[table]} of 2026-01-05T15 again"
    ):
        verify_hour(LAST, ran)


def reprice(table: pa.Table) -> pa.Table:
    prices = table["price"].to_pylist()
    return table.set_column(table.column_names.index("price"), "price", pa.array([prices[0] + 0.01, *prices[1:]]))


def swap_two_ranks(table: pa.Table) -> pa.Table:
    ranks = table["rank"].to_pylist()
    ranks[0], ranks[1] = ranks[1], ranks[0]
    return table.set_column(table.column_names.index("rank"), "rank", pa.array(ranks, pa.int32()))


@pytest.mark.parametrize(
    ("table", "alter"),
    [
        ("items", reprice),
        ("events", lambda table: table.slice(1)),
        ("interactions", lambda table: table.filter(pc.not_equal(table["user_id"], table["user_id"][0]))),
        ("user_recommendations", swap_two_ranks),
        ("query_recommendations", lambda table: table.slice(0, len(table) - 1)),
    ],
)
def test_one_altered_row_is_found_and_its_table_named(
    ran: Settings, table: str, alter: Callable[[pa.Table], pa.Table]
) -> None:
    forge(ran, table, alter)
    assert differing(ran) == [table]


def test_a_changed_row_in_the_source_is_found(ran: Settings) -> None:
    import sqlite3

    with sqlite3.connect(ran.shop_url.removeprefix("sqlite:///")) as shop:
        shop.execute("update events set quantity = 7 where ingested_at >= '2026-01-05 16' and event_type = 'purchase'")
    assert differing(ran) == ["events"]


def test_each_stage_is_computed_with_the_settings_of_its_manifest(ran: Settings) -> None:
    other = ran.model_copy(update={"k": 3, "half_life_days": 2.0, "factors": 5, "seed": 9})
    derive(other, 6)
    assert differing(ran) == []


def test_a_setting_that_there_is_no_longer_does_not_stop_it(ran: Settings) -> None:
    manifest = hour_folder(ran.lake, LAST) / "train.json"
    told = json.loads(manifest.read_text())
    told["settings"]["gone_with_the_wind"] = 1
    manifest.write_text(json.dumps(told))
    assert differing(ran) == []


def test_a_difference_in_code_is_remarked_upon(ran: Settings) -> None:
    manifest = hour_folder(ran.lake, LAST) / "train.json"
    told = json.loads(manifest.read_text()) | {"code_version": "0123456789ab"}
    manifest.write_text(json.dumps(told))
    _, remarks = verify_hour(LAST, ran)
    assert [remark.split(",")[0] for remark in remarks] == ["train was made by code 0123456789ab"]


def test_other_kernels_are_remarked_upon(ran: Settings) -> None:
    manifest = hour_folder(ran.lake, LAST) / "train.json"
    told = json.loads(manifest.read_text())
    assert told["arithmetic"] == kernels() != ""
    manifest.write_text(json.dumps(told | {"arithmetic": "Katmai"}))
    _, (remark,) = verify_hour(LAST, ran)
    assert remark.startswith(f"train was computed with kernels for Katmai, here they are for {kernels()} (")


def test_an_hour_of_which_only_some_stages_ran_is_verified_as_far_as_it_goes(ran: Settings) -> None:
    run_stage("ingest_events", LAST + HOUR, ran)
    results, remarks = verify_hour(LAST + HOUR, ran)
    assert "prepare has not landed, so it is not verified" in remarks
    assert {result.table for result in results if result.is_same} == {"events", "quarantined_events", "delivered_rows"}


def test_the_lake_itself_is_not_written_to(ran: Settings, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in ran.lake.rglob("*") if path.is_file()}
    verify_hour(LAST, ran)
    assert {path: path.stat().st_mtime_ns for path in ran.lake.rglob("*") if path.is_file()} == before


def test_an_hour_that_did_not_run_is_one_sentence(ran: Settings) -> None:
    with pytest.raises(NotLanded, match="2026-01-05T18 has not run for source shop; there is nothing to verify"):
        verify_hour(LAST + 2 * HOUR, ran)
    shutil.rmtree(ran.lake)
    with pytest.raises(NotLanded, match="2026-01-05T16 has not run"):
        verify_hour(LAST, ran)
