"""What an hour may do to the model of the hour before: `python bench/hourly_model.py [SEEDS] [HOURS] [DAYS]`.

For each seed the demonstration shop trades DAYS days. Then HOURS hours of the next are done in each of the ways of
`TREASURE_HUNT_HOURLY_MODEL`, the first by a refit, with the stages train, evaluate and recommend as they are. Prints by
way, as means over hours and seeds without each first hour: recall@20 against the shop's truth of the next hour, the same as
a share of what the refit reaches with its 95 % interval over hours, the share of their top 10 that users without news keep
from the hour before, and CPU-seconds of train.
"""

import shutil
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline.backfill import backfill_hours
from pipeline.demo.tour import measure_truth
from pipeline.demo.trade import trade
from pipeline.hours import HOUR, hours_between, parse_hour
from pipeline.line import run_stage
from pipeline.manifests import find_table, read_manifest
from pipeline.metrics import bootstrap
from pipeline.run import Run
from pipeline.settings import Settings, load_settings

FIRST = parse_hour("2026-01-01T00")
WAYS = ("refit", "warm", "fold_in")


def read_lists(run: Run) -> dict[str, list[str]]:
    """The hour's lists by user."""
    found = find_table(run, "user_recommendations")
    assert found
    lists = pq.read_table(found[0], columns=["user_id", "item_id"]).to_pandas()
    return {str(user): list(items) for user, items in lists.groupby("user_id", sort=False)["item_id"]}


def share_kept(before: dict[str, list[str]], now: dict[str, list[str]], run: Run) -> float:
    """The mean share of their top 10 that users without events in the hour keep."""
    found = find_table(run, "events")
    assert found
    busy = set(pq.read_table(found[0], columns=["user_id"])["user_id"].to_pylist())
    quiet = [user for user in now if user in before and user not in busy]
    return float(np.mean([len(set(before[user][:10]) & set(now[user][:10])) / 10 for user in quiet]))


def run_way(settings: Settings, first: datetime, hours: int) -> pd.DataFrame:
    """One row per hour after the first: recall, the share kept, and CPU-seconds of train."""
    rows, before = [], {}
    for hour in hours_between(first, first + (hours - 1) * HOUR):
        run = Run(hour, settings)
        for stage in ("train", "evaluate", "recommend"):
            run_stage(stage, hour, settings)
        lists, trained = read_lists(run), read_manifest(run, "train")
        assert trained
        if before:
            truth = measure_truth(settings, hour, lists)
            rows.append((truth.ours, share_kept(before, lists, run), trained["timings"]["cpu_seconds"]))
        before = lists
    return pd.DataFrame(rows, columns=["recall", "kept", "cpu_seconds"])


def main(seeds: int = 1, hours: int = 24, days: int = 8) -> None:
    """Print the table."""
    found: dict[str, list[pd.DataFrame]] = {way: [] for way in WAYS}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            settings = load_settings(home=Path(folder) / "var", data_docs=False)
            first = FIRST + timedelta(days=days)
            last = first + (hours - 1) * HOUR
            trade(settings, FIRST, last, seed=seed)
            backfill_hours(settings, hours_between(FIRST, last), ["ingest_events", "ingest_catalog"])
            backfill_hours(settings, hours_between(first, last), ["prepare"])
            for way in WAYS:
                home = shutil.copytree(settings.home, Path(folder) / way)
                found[way].append(
                    run_way(settings.model_copy(update={"home": home, "hourly_model": way}), first, hours)
                )
    refit = pd.concat(found["refit"])["recall"].to_numpy()
    print(f"{seeds} seeds, {hours - 1} hours after the first; of the refit's recall in brackets 95 % over hours")
    for way in WAYS:
        whole = pd.concat(found[way])
        share = whole["recall"].to_numpy() / refit
        low, high = bootstrap(share[:, None], 0, 2000, 0.95)
        means = whole.mean()
        print(
            f"{way:8} recall@20 {means['recall']:.4f}  of the refit's {share.mean():.3f} [{low[0]:.3f}, {high[0]:.3f}]  "
            f"kept of the top 10 {means['kept']:.3f}  CPU-s {means['cpu_seconds']:.2f}"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
