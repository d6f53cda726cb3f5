"""The measuring of an hour: every stage is a row with its figures, at a size that says nothing of speed."""

import json
from datetime import datetime
from pathlib import Path

import hours
import pytest
from told import COLUMNS

from pipeline.line import STAGES, run_stage
from pipeline.settings import Settings

pytestmark = pytest.mark.timeout(600)


def test_small_run_has_a_row_for_every_stage_and_the_ratios(tmp_path: Path) -> None:
    bench = hours.main(
        ["--small", "--folder", str(tmp_path), "--out", str(tmp_path / "out"), "hour", "growth", "surge"]
    )

    assert not [row for row in bench.rows if row["stopped"]]
    for case in ("hour, learnt anew", "hour, folded in"):
        rows = [row for row in bench.rows if row["case"] == case]
        assert [row["stage"] for row in rows] == [*STAGES, "the hour"]
        for row in rows[:-1]:
            assert set(COLUMNS) <= set(row)
            assert row["seconds"] > 0 and row["cpu_seconds"] > 0 and row["peak_mb"] > 50, row
            assert row["read_mb"] > 0 and row["written_mb"] > 0, row
        assert rows[-1]["seconds"] == pytest.approx(sum(row["seconds"] for row in rows[:-1]))
        by_stage = {row["stage"]: row for row in rows}
        assert by_stage["ingest_events"]["rows_in"] == hours.TINY.events
        assert by_stage["ingest_catalog"]["rows_out"] == hours.TINY.items
    assert [row["stage"] for row in bench.rows if row["case"] == "hour"] == ["landing 24 h", "plain pandas"]
    assert [row["stage"] for row in bench.rows if row["case"] == "hour, PostgreSQL"] == ["publish", "publish"]
    assert [row["what"].split(" by ")[0] for row in bench.sums] == [
        "hour, learnt anew: lists of users that were made anew",
        "hour, folded in: lists of users that were made anew",
        "publish into PostgreSQL",
        "hour, learnt anew: plain pandas",
        "hour, folded in: plain pandas",
        "last 1 of 1 hours in a row",
        "files in the last hour's folder",
        "backfill of 1 hours",
        "backfill of 1 hours",
    ]
    page = (tmp_path / "out" / "performance.md").read_text()
    assert f"| {' | '.join(COLUMNS.values())} |" in page and "duckdb" in page and " cores" in page
    assert json.loads((tmp_path / "out" / "performance.json").read_text())["ratios"] == bench.sums
    assert (tmp_path / "out" / "growth.svg").read_text().count("<title>") == len(STAGES)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_largest_shop_finds_the_sums_that_were_invented_for_its_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare_both(bench: hours.Bench, case: str, newest: list[datetime], settings: Settings) -> None:
        for hour in newest:
            for stage in ("ingest_events", "ingest_catalog", "prepare"):
                result = run_stage(stage, hour, settings)
            read.append(result.rows_in)

    read: list[int] = []
    monkeypatch.setattr(hours, "measure_two", prepare_both)
    bench = hours.main(["--small", "--folder", str(tmp_path), "--out", str(tmp_path / "out"), "largest"])

    assert not [row for row in bench.rows if row["stopped"]]
    (invented,) = (row["rows_out"] for row in bench.rows if row["stage"] == "inventing sums")
    assert 0.8 * hours.SMALL.pairs < invented <= hours.SMALL.pairs
    assert invented < read[0] < read[1] < invented + 2 * hours.TINY.events


def test_unknown_case_is_named_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        hours.main(["yesterday"])
    assert (
        "no case yesterday; the cases are hour, history, growth, rivals, surge, large, largest"
        in capsys.readouterr().err
    )
