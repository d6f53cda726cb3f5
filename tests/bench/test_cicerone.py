"""Cicerone is handed the line's own window and settings, and a command's figures are its own; it is not installed here."""

import sys
import tomllib
from pathlib import Path

import cicerone
import pandas as pd
import pytest
from cicerone import WAYS, hand_over, measure_command, run_ways, write_wish
from invented_shop import Size, write_hours
from plain_pandas import WEIGHTS, read_window

from pipeline.hours import parse_hour
from pipeline.settings import Settings, load_settings

HOUR = parse_hour("2026-02-02T12")


def open_window(folder: Path) -> Settings:
    write_hours(folder / "source", Size(users=200, items=100, events=400), [HOUR])
    return load_settings(
        source="parquet_folder", source_url=str(folder / "source"), window_days=1, k=7, half_life_days=3.5
    )


def test_it_gets_the_events_of_the_window_that_have_a_user_and_an_item(tmp_path: Path) -> None:
    settings = open_window(tmp_path)
    window = read_window(settings, HOUR)
    rows = hand_over(settings, HOUR, tmp_path)
    given = pd.read_parquet(tmp_path / "input" / "events.parquet")
    assert list(given.columns) == ["user_id", "item_id", "event_type", "occurred_at"]
    assert rows == len(given) == (window["user_id"].notna() & window["item_id"].notna()).sum() < len(window)
    assert not given.isna().any().any() and str(given["occurred_at"].dt.tz) == "UTC"


def test_it_is_asked_for_the_lines_lists_with_the_lines_weights(tmp_path: Path) -> None:
    settings = open_window(tmp_path)
    for models in WAYS.values():
        wish = tomllib.loads(write_wish(settings, tmp_path, models).read_text())
        assert wish["job"] == {
            "feature_config_path": str(tmp_path / "features.toml"),
            "top_k": 7,
            "half_life_days": 3.5,
            **({"models": list(models)} if models else {}),
        }
        assert wish["input"]["options"] == {"storage_backend": "local", "path": str(tmp_path / "input")}
        assert wish["output"]["options"] == {"storage_backend": "local", "path": str(tmp_path / "output")}
    weights = tomllib.loads((tmp_path / "features.toml").read_text())["event_weights"]
    assert weights == WEIGHTS


def test_a_commands_figures_hold_its_threads_its_memory_and_its_children(tmp_path: Path) -> None:
    work = "import subprocess, sys, time; held = bytearray(b'1') * 80_000_000; time.sleep(0.5); "
    child = "import time\nwhile time.process_time() < 0.6: pass"
    took = measure_command(
        [sys.executable, "-c", f"{work}subprocess.run([sys.executable, '-c', {child!r}])"], tmp_path / "log"
    )
    assert not took.stopped and took.cpu_seconds > 0.6 and took.seconds > 1 and 80 < took.peak_mb < 200


def test_a_command_sees_no_modules_of_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    asked = "import os; raise SystemExit(os.environ.get('PYTHONPATH', 'none'))"
    assert measure_command([sys.executable, "-c", asked], tmp_path / "log").stopped == "none"


def test_a_command_that_fails_or_takes_too_long_says_so(tmp_path: Path) -> None:
    failed = measure_command([sys.executable, "-c", "raise SystemExit('no such model')"], tmp_path / "log")
    assert failed.stopped == "no such model" and failed.cpu_seconds != failed.cpu_seconds
    late = measure_command([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", most_seconds=0.3)
    assert late.stopped.startswith("over ") and late.seconds < 30


def test_without_an_index_the_installation_is_what_is_said_to_have_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = open_window(tmp_path)
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho no index answers >&2\nexit 2\n")
    uv.chmod(0o755)
    monkeypatch.setattr(cicerone, "UV", uv)
    [(what, took)] = run_ways(settings, HOUR, tmp_path)
    assert what == "installation" and took.stopped == "no index answers"
