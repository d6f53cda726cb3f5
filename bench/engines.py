"""What `prepare` and `train` take on DuckDB and on Spark, on the same shop: seconds, CPU-seconds, largest memory.

`python bench/engines.py [--users N] [--items N] [--events N] [--days N] [--engines duckdb,spark] [--folder DIR]` invents a
shop (`invented_shop.py`), lands its window and runs both stages of the newest hour, each engine on a copy of the lake.
Memory and processor time are those of all processes of a stage, Spark's own included, as they were seen ten times a second.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from hours import LAST
from invented_shop import Size, write_hours
from measured import Figures, measure_typed

from pipeline.hours import HOUR, format_hour, hours_between

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
        type_well(
            own | {"HOME": str(landed)}, "backfill", *map(format_hour, (hours[0], LAST)), "--only", "ingest_events"
        )
        type_well(own | {"HOME": str(landed)}, "run", format_hour(LAST), "--only", "ingest_catalog")
    for engine in given.engines.split(","):
        home = folder / engine
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(landed, home)
        for stage in STAGES:
            took = type_well(own | {"HOME": str(home), "ENGINE": engine}, "run", format_hour(LAST), "--only", stage)
            print(
                f"| {engine} | {stage} | "
                + " | ".join(f"{one:,.1f}" for one in (took.seconds, took.cpu_seconds, took.peak_mb))
                + " |",
                flush=True,
            )


def type_well(knobs: dict[str, str], *words: str) -> Figures:
    """What a command took that ended well."""
    took = measure_typed(knobs, *words)
    if took.stopped:
        raise SystemExit(f"{' '.join(words)}: {took.stopped}")
    return took


if __name__ == "__main__":
    main()
