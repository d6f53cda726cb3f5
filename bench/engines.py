"""What `prepare` and `train` take on DuckDB and on Spark, on the same shop: seconds, CPU-seconds, largest memory.

`python bench/engines.py [--users N] [--items N] [--events N] [--days N] [--engines duckdb,spark] [--folder DIR]` invents a
shop (`invented_shop.py`), lands its window and runs both stages of the newest hour, each engine on a copy of the lake.
Memory and processor time are those of all processes of a stage, Spark's own included, as they were seen ten times a second.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from hours import LAST
from invented_shop import Size, write_hours

from pipeline.hours import HOUR, format_hour, hours_between
from pipeline.settings import PREFIX

STAGES = ("prepare", "train")


def main() -> None:
    """Print a line for each stage and engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--engines", default="duckdb,spark")
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="engines-"))
    hours = hours_between(LAST - (given.days * 24 - 1) * HOUR, LAST)
    landed = folder / "landed"
    own = {"SOURCE": "parquet_folder", "SOURCE_URL": str(folder / "source"), "WINDOW_DAYS": str(given.days)}
    own |= {"DATA_DOCS": "false", "HOURLY_MODEL": "refit"}
    if not landed.exists():
        size = Size(given.users, given.items, given.events)
        write_hours(folder / "source", size, hours[:-1])
        write_hours(folder / "source", size, hours[-1:], with_catalog=True)
        run(own | {"HOME": str(landed)}, "backfill", *map(format_hour, (hours[0], LAST)), "--only", "ingest_events")
        run(own | {"HOME": str(landed)}, "run", format_hour(LAST), "--only", "ingest_catalog")
    for engine in given.engines.split(","):
        home = folder / engine
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(landed, home)
        for stage in STAGES:
            took = run(own | {"HOME": str(home), "ENGINE": engine}, "run", format_hour(LAST), "--only", stage)
            print(f"| {engine} | {stage} | " + " | ".join(f"{one:,.1f}" for one in took) + " |", flush=True)


def run(knobs: dict[str, str], *command: str) -> tuple[float, float, float]:
    """Seconds, CPU-seconds and the largest MB of the processes of a command, which ends well."""
    environment = os.environ | {f"{PREFIX}{name}": value for name, value in knobs.items()}
    began, peak, clocks = time.perf_counter(), 0.0, {}
    process = subprocess.Popen([sys.executable, "-m", "pipeline.cli", *command], env=environment, stdout=sys.stderr)
    tree = psutil.Process(process.pid)
    while process.poll() is None:
        memory = 0
        for one in [tree, *children(tree)]:
            try:
                memory += one.memory_full_info().pss  # what a fork shares counts once
                spent = one.cpu_times()
                clocks[one.pid] = spent.user + spent.system
            except psutil.Error:
                continue
        peak = max(peak, memory / 1e6)
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - began, sum(clocks.values()), peak


def children(tree: psutil.Process) -> list[psutil.Process]:
    """What a process has started, and what these have; none when it is over."""
    try:
        return tree.children(recursive=True)
    except psutil.Error:
        return []


if __name__ == "__main__":
    main()
