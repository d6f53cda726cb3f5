"""The plain batch that the line is held against makes whole lists out of the window and nothing else."""

from pathlib import Path

import pandas as pd
from invented_shop import Size, write_hours
from plain_pandas import read_window, run_batch, weigh_pairs

from pipeline.hours import HOUR, parse_hour
from pipeline.settings import Settings, load_settings

HOUR_ASKED = parse_hour("2026-02-02T12")


def open_window(folder: Path) -> Settings:
    hours = [HOUR_ASKED - step * HOUR for step in (0, 1, 23, 24)]
    write_hours(folder, Size(users=200, items=100, events=400), hours)
    return load_settings(source="parquet_folder", source_url=str(folder), window_days=1, factors=8, iterations=2)


def test_only_the_window_counts_each_event_once_and_older_ones_less(tmp_path: Path) -> None:
    settings = open_window(tmp_path)
    again = tmp_path / "events" / "2026-02-02" / "11" / "hour.parquet"
    again.write_bytes((tmp_path / "events" / "2026-02-02" / "12" / "hour.parquet").read_bytes())
    events = read_window(settings, HOUR_ASKED)
    assert len(events) == 2 * (400 - 4)  # four rows of an hour are misspelt
    clicks = events[events["event_type"] == "click"]
    assert clicks["weight"].max() < 2 and clicks.sort_values("occurred_at")["weight"].is_monotonic_increasing


def test_everybody_with_a_pair_has_a_list_without_what_they_met(tmp_path: Path) -> None:
    settings = open_window(tmp_path)
    told = run_batch(settings, HOUR_ASKED, tmp_path / "lists")
    pairs = weigh_pairs(read_window(settings, HOUR_ASKED))
    lists = pd.read_parquet(tmp_path / "lists" / "users.parquet")
    assert set(lists["user_id"]) == set(pairs["user_id"])
    assert lists.groupby("user_id")["item_id"].nunique().eq(settings.k).all()
    met = set(zip(pairs["user_id"], pairs["item_id"], strict=True))
    assert not met & set(zip(lists["user_id"], lists["item_id"], strict=True))
    assert told["rows_out"] > len(lists)
