"""An hour of the line at several sizes, stage by stage, and hours in a row: `make bench`, tiny by `make bench-small`.

`python bench/hours.py [--small] [--profile] [--hours N] [--folder DIR] [--out DIR] [CASE …]` invents a shop's files
(`invented_shop.py`), lands the hours of its window by `ingest_events`, and then puts hours through every stage by
`pipeline.line`, each stage in a process of its own: the first hour of a model learns it, the next folds its news in. Cases:

* `hour`: the hour, its versions published into PostgreSQL as well, and a plain pandas batch (`plain_pandas.py`) on the
  same files;
* `history`: the hour of a smaller shop, and the same hour in a window ten times as long;
* `growth`: hours in a row from a full window on, and a backfill of the same hours beside hours alone, as commands;
* `rivals`: both shops' hours beside plain pandas and Cicerone (`cicerone.py`, which needs a package index);
* `surge`: an hour of ten million events, DuckDB held to 2 GiB, up to the model;
* `large` and `largest`: larger shops, as far as memory (18 GB) and time (20 minutes a stage) go; the window of the largest,
  a month, is invented as sums by day (`invented_sums.py`), not as events.

Prints the table as it grows and writes `performance.md`, `performance.json` and `growth.svg` to the folder of `--out`.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cicerone import run_ways
from database import open_postgres
from invented_shop import Size, write_hours
from invented_sums import write_sums
from measured import Figures, measure, measure_typed
from plain_pandas import run_batch
from told import COLUMNS, describe_machine, draw_growth, write_markdown
from work import do_hour, do_hours, do_stage, do_stage_in_parts

from pipeline.actions import DAY
from pipeline.hours import HOUR, format_hour, hours_between, parse_hour
from pipeline.line import STAGES
from pipeline.settings import Settings, load_settings

LAST = parse_hour("2026-02-02T12")  # the newest hour; no window below ends at 00 UTC, when a model is learnt anew
HISTORY_STAGE = "ingest_events"
ALONE = 8  # hours that are run by a command of their own, beside a backfill of all


@dataclass(frozen=True)
class Scale:
    """The sizes of every case: a shop and the days of its window."""

    hour: Size
    days: int
    times: int  # how much longer the window of `history` is
    growth: Size
    hours: int  # in a row
    surge: Size
    large: Size | None = None
    largest: Size | None = None
    pairs: int = 0  # of users and items in the window of the largest
    largest_days: int = 30
    knobs: dict[str, int] = field(default_factory=dict)


WHOLE = Scale(
    hour=Size(100_000, 20_000, 100_000),
    days=1,
    times=10,
    growth=Size(20_000, 5_000, 20_000),
    hours=72,
    surge=Size(100_000, 20_000, 10_000_000),
    large=Size(300_000, 50_000, 100_000),
    largest=Size(1_000_000, 100_000, 1_000_000),
    pairs=50_000_000,
)
TINY = Size(300, 200, 2_000)
SMALL = Scale(
    hour=TINY,
    days=1,
    times=2,
    growth=TINY,
    hours=1,
    surge=TINY,
    largest=TINY,
    pairs=6_000,
    largest_days=3,
    knobs={"factors": 8, "iterations": 2},
)


@dataclass
class Bench:
    """What is measured, where, and the rows and sentences so far."""

    scale: Scale
    folder: Path
    is_profiled: bool = False
    hours: int = 0  # in a row; 0: as many as the scale says
    rows: list[dict[str, Any]] = field(default_factory=list)
    sums: list[dict[str, Any]] = field(default_factory=list)
    profiles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    plot: str = ""

    def add(self, case: str, stage: str, took: Figures) -> Figures:
        """The work is a row, and a line of the terminal."""
        row = {"case": case, "stage": stage, **asdict(took), **{k: took.told.get(k) for k in ("rows_in", "rows_out")}}
        self.rows.append({name: row.get(name) for name in COLUMNS} | {"stopped": took.stopped})
        if took.profile:
            self.profiles[f"{case}: {stage}"] = (*took.told.get("parts", ()), "", *took.profile)
        said = f"{took.seconds:8.1f} s {took.cpu_seconds:8.1f} CPU-s {took.peak_mb:8.0f} MB"
        print(f"{case:<34} {stage:<15} {said}  {took.told.get('way', '')}{took.stopped}", file=sys.stderr, flush=True)
        return took

    def conclude(self, what: str, value: float, of: str) -> None:
        """A ratio, and of what."""
        self.sums.append({"what": what, "value": float(value), "of": of})
        print(f"{what}: {value:.2f} ({of})", file=sys.stderr, flush=True)

    def total(self, case: str, key: str) -> float:
        """A figure added up over the stages of a case."""
        return sum(row[key] for row in self.rows if row["case"] == case and row["stage"] in STAGES)


def describe(size: Size, days: int) -> str:
    """A shop in a few words."""
    return f"{size.users:,} users, {size.items:,} items, {size.events:,} events an hour, window {days * 24:,} h"


def open_shop(bench: Bench, name: str, size: Size, days: int, hours: int = 2) -> tuple[Settings, list[datetime]]:
    """A shop of its own whose window has landed; returns its settings, and the newest hours, which have not."""
    folder = bench.folder / name
    newest = hours_between(LAST - (hours - 1) * HOUR, LAST)
    before = hours_between(newest[0] - days * 24 * HOUR, newest[0] - HOUR)
    settings = load_settings(
        home=folder / "home",
        source="parquet_folder",
        source_url=str(folder / "source"),
        window_days=days,
        **bench.scale.knobs,
    )
    written = write_hours(folder / "source", size, before) + write_hours(folder / "source", size, newest, True)
    print(f"{name}: {describe(size, days)}; {written / 1e6:,.0f} MB of files", file=sys.stderr, flush=True)
    took = measure(do_hours, before, settings, [HISTORY_STAGE], most_seconds=3600)
    bench.add(name, f"landing {len(before)} h", took)
    if took.stopped:
        raise SystemExit(f"{name}: the history did not land: {took.stopped}")
    return settings, newest


def measure_hour(bench: Bench, case: str, hour: datetime, settings: Settings) -> bool:
    """Every stage of the hour is a row; False when one did not end."""
    work = do_stage_in_parts if bench.is_profiled else do_stage
    for stage in STAGES:
        took = bench.add(case, stage, measure(work, stage, hour, settings, is_profiled=bench.is_profiled))
        if took.stopped:
            return False
        if "made_anew" in took.told:
            bench.conclude(f"{case}: lists of users that were made anew", took.told["made_anew"], "all lists of users")
    whole = {key: bench.total(case, key) for key in ("seconds", "cpu_seconds", "read_mb", "written_mb")}
    whole["peak_mb"] = max(row["peak_mb"] for row in bench.rows if row["case"] == case and row["stage"] in STAGES)
    bench.add(case, "the hour", Figures(**whole))
    return True


def measure_two(bench: Bench, case: str, hours: Sequence[datetime], settings: Settings) -> bool:
    """An hour that learns a model, and the next, which folds its news in; False when one did not end."""
    ways = zip(("learnt anew", "folded in"), hours, strict=True)
    return all(measure_hour(bench, f"{case}, {way}", hour, settings) for way, hour in ways)


def measure_postgres(bench: Bench, case: str, hours: Sequence[datetime], settings: Settings) -> None:
    """The same versions into PostgreSQL; the server's own CPU-seconds are in no figure."""
    with open_postgres(bench.folder / "pg") as url:
        there = settings.model_copy(update={"serving_url": url})
        took = [
            bench.add(f"{case}, PostgreSQL", "publish", measure(do_stage, "publish", hour, there)) for hour in hours
        ]
    here = next(row for row in bench.rows if row["case"] == f"{case}, folded in" and row["stage"] == "publish")
    if not any(one.stopped for one in took):
        bench.conclude("publish into PostgreSQL by publish into SQLite", took[-1].seconds / here["seconds"], "seconds")


def measure_pandas(bench: Bench, case: str, hour: datetime, settings: Settings) -> None:
    """Pandas on the files that the hour was made from, beside both ways of the line."""
    took = bench.add(case, "plain pandas", measure(run_batch, settings, hour, settings.home / "pandas", is_bare=True))
    conclude_beside(bench, case, "plain pandas", took)


def conclude_beside(bench: Bench, case: str, other: str, took: Figures) -> None:
    """The other's CPU-seconds by those of both ways of the line."""
    for way in ("learnt anew", "folded in"):
        ours = bench.total(f"{case}, {way}", "cpu_seconds")
        if ours and not took.stopped:
            bench.conclude(f"{case}, {way}: {other} by the line", took.cpu_seconds / ours, "CPU-seconds")


def case_hour(bench: Bench) -> None:
    """The hour itself."""
    settings, hours = open_shop(bench, "hour", bench.scale.hour, bench.scale.days)
    if measure_two(bench, "hour", hours, settings):
        measure_postgres(bench, "hour", hours, settings)
    measure_pandas(bench, "hour", hours[1], settings)
    shutil.rmtree(bench.folder / "hour")


def case_history(bench: Bench) -> None:
    """The same hour with a short and a long history."""
    name, times = "history", bench.scale.times
    settings, hours = open_shop(bench, name, bench.scale.growth, bench.scale.days * times)
    for label, days in (("x1", bench.scale.days), (f"x{times}", bench.scale.days * times)):
        home = shutil.copytree(settings.home, bench.folder / name / label)
        own = settings.model_copy(update={"home": home, "window_days": days})
        measure_two(bench, f"{name} {label}", hours, own)
        measure_pandas(bench, f"{name} {label}", hours[1], own)
    for way in ("learnt anew", "folded in"):
        base, longer = (bench.total(f"{name} {label}, {way}", "cpu_seconds") for label in ("x1", f"x{times}"))
        if base and longer:
            bench.conclude(
                f"an hour with history x{times} by the same hour with x1, {way}", longer / base, "CPU-seconds"
            )
    shutil.rmtree(bench.folder / name)


def case_rivals(bench: Bench) -> None:
    """What others make of the same window, in two shops."""
    for name, size in (("rivals", bench.scale.growth), ("rivals, larger", bench.scale.hour)):
        settings, hours = open_shop(bench, name, size, bench.scale.days)
        measure_two(bench, name, hours, settings)
        measure_pandas(bench, name, hours[1], settings)
        for way, took in run_ways(settings, hours[1], bench.folder / name / "cicerone"):
            bench.add(name, f"Cicerone, {way}", took)
            conclude_beside(bench, name, f"Cicerone, {way}", took)
        shutil.rmtree(bench.folder / name)


def measure_commands(bench: Bench, case: str, hours: Sequence[datetime], settings: Settings) -> None:
    """A backfill of the hours, and some of them one by one, as commands that somebody types: all that they take."""

    def command(home: Path, *words: str) -> Figures:
        named = {name: str(getattr(settings, name)) for name in settings.model_fields_set}
        knobs = {name.upper(): value for name, value in (named | {"home": str(home)}).items()}
        return bench.add(case, f"treasure-hunt {' '.join(words)}", measure_typed(knobs, *words))

    apart = shutil.copytree(settings.home, settings.home.parent / "apart")
    alone = [command(apart, "run", format_hour(hour)) for hour in hours[:ALONE]]
    together = command(settings.home, "backfill", format_hour(hours[0]), format_hour(hours[-1]))
    if any(took.stopped for took in (*alone, together)):
        return
    for key, unit in (("cpu_seconds", "CPU-seconds"), ("seconds", "seconds")):
        one = statistics.median(getattr(took, key) for took in alone)
        what = f"backfill of {len(hours)} hours by {len(hours)} times one alone"
        bench.conclude(what, getattr(together, key) / (len(hours) * one), unit)


def case_growth(bench: Bench) -> None:
    """Hours in a row, one after the other and as a backfill."""
    count, name = bench.hours or bench.scale.hours, "growth"
    settings, hours = open_shop(bench, name, bench.scale.growth, bench.scale.days, count)
    copy = shutil.copytree(settings.home, bench.folder / name / "copy")
    each = []
    for hour in hours:
        took = measure(do_hour, hour, settings)
        if bench.add(name, format_hour(hour), took).stopped:
            return
        each.append(took)
    bench.plot = draw_growth(
        [format_hour(hour) for hour in hours],
        {stage: [took.told["took"][stage][1] for took in each] for stage in STAGES},
    )
    ends = min(10, (count + 1) // 2)
    medians = [statistics.median(took.cpu_seconds for took in some) for some in (each[:ends], each[-ends:])]
    bench.conclude(
        f"last {ends} of {count} hours in a row by the first {ends}", medians[1] / medians[0], "CPU-seconds, medians"
    )
    bench.conclude(
        "files in the last hour's folder by the first's", each[-1].told["files"] / each[0].told["files"], "files"
    )
    measure_commands(bench, name, hours, settings.model_copy(update={"home": copy}))
    shutil.rmtree(bench.folder / name)


def case_surge(bench: Bench) -> None:
    """An hour as no other, with so little memory that DuckDB has to spill."""
    name, size = "surge", bench.scale.surge
    folder = bench.folder / name
    knobs = {"memory_limit": "2GiB", "max_actor_events": 10 * size.events, **bench.scale.knobs}
    settings = load_settings(home=folder / "home", source="parquet_folder", source_url=str(folder / "source"), **knobs)
    written = write_hours(folder / "source", size, [LAST], True)
    print(
        f"{name}: {describe(size, settings.window_days)}; {written / 1e6:,.0f} MB of files", file=sys.stderr, flush=True
    )
    for stage in ("ingest_events", "ingest_catalog", "prepare", "train"):
        if bench.add(name, stage, measure(do_stage, stage, LAST, settings)).stopped:
            break
    shutil.rmtree(folder)


def case_large(bench: Bench) -> None:
    """A larger shop, its model learnt anew: the hour after it costs less."""
    name, size = "large", bench.scale.large
    if size is None:
        return
    settings, hours = open_shop(bench, name, size, bench.scale.days, 1)
    measure_hour(bench, f"{name}, learnt anew", hours[0], settings)
    measure_pandas(bench, name, hours[0], settings)
    shutil.rmtree(bench.folder / name)


def case_largest(bench: Bench) -> None:
    """The hour of a very large shop on the sums of a month, every list anew, and the hour after it."""
    name, size, scale = "largest", bench.scale.largest, bench.scale
    if size is None:
        return
    folder, days = bench.folder / name, scale.largest_days
    knobs = {"window_days": days, **scale.knobs}
    settings = load_settings(home=folder / "home", source="parquet_folder", source_url=str(folder / "source"), **knobs)
    begun = [LAST.replace(hour=0) - day * DAY for day in range(days - 1, 0, -1)]  # an hour of each whole day
    write_hours(folder / "source", replace(size, events=100), begun)
    write_hours(folder / "source", size, hours := [LAST, LAST + HOUR], True)
    print(f"{name}: {describe(size, days)}, {scale.pairs:,} pairs", file=sys.stderr, flush=True)
    bench.add(name, f"landing {len(begun)} h", measure(do_hours, begun, settings, [HISTORY_STAGE]))
    bench.add(name, "inventing sums", measure(write_sums, LAST, settings, size, scale.pairs // len(begun)))
    measure_two(bench, name, hours, settings)
    shutil.rmtree(folder)


CASES: dict[str, Callable[[Bench], None]] = {
    "hour": case_hour,
    "history": case_history,
    "growth": case_growth,
    "rivals": case_rivals,
    "surge": case_surge,
    "large": case_large,
    "largest": case_largest,  # a million users, and as long as all others together
}


def tell(bench: Bench, head: str) -> Iterator[str]:
    """What was found, in Markdown."""
    yield f"{head}\n\n"
    yield write_markdown(bench.rows, COLUMNS)
    yield from (f"\n{row['case']}, {row['stage']}: stopped, {row['stopped']}\n" for row in bench.rows if row["stopped"])
    yield "\n" + write_markdown(bench.sums, {"what": "what", "value": "ratio", "of": "of"})
    for name, lines in bench.profiles.items():
        yield f"\n{name}\n\n```\n" + "\n".join(lines) + "\n```\n"


def main(arguments: Sequence[str]) -> Bench:
    """Measure the cases asked for and write what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"{', '.join(CASES)}; all of them when none is named")
    parser.add_argument("--small", action="store_true", help="tiny sizes: what it does, not how fast")
    parser.add_argument("--profile", action="store_true", help="also where the time of every stage goes (slower)")
    parser.add_argument("--hours", type=int, default=0, help="hours in a row in the case growth")
    parser.add_argument("--folder", type=Path, help="where shops lie while they are measured; a temporary folder")
    parser.add_argument("--out", type=Path, default=Path("var/bench"), help="folder of what is written")
    asked = parser.parse_args(arguments)
    if unknown := sorted(set(asked.cases) - set(CASES)):
        parser.error(f"no case {', '.join(unknown)}; the cases are {', '.join(CASES)}")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the Makefile does; processes inherit it
    head = describe_machine()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        bench = Bench(SMALL if asked.small else WHOLE, Path(folder), asked.profile, asked.hours)
        for name in asked.cases or CASES:
            CASES[name](bench)
            page = "".join(tell(bench, head))
            (asked.out / "performance.md").write_text(page, encoding="utf-8")
            found = {"machine": head, "rows": bench.rows, "ratios": bench.sums}
            (asked.out / "performance.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
            if bench.plot:
                (asked.out / "growth.svg").write_text(bench.plot, encoding="utf-8")
    print(page)
    return bench


if __name__ == "__main__":
    main(sys.argv[1:])
