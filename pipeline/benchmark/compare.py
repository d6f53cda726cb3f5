"""Every rival on one world: figures, seconds and peak memory, as a table and as files."""

import csv
import importlib.metadata
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from pipeline.benchmark.judge import FIGURES, judge
from pipeline.benchmark.rivals import RIVALS, Rival, learn_blend
from pipeline.benchmark.tune import Trial
from pipeline.benchmark.world import World
from pipeline.files import code_version, hash_file, write_json
from pipeline.settings import Settings

Row = dict[str, Any]
COLUMNS = ("model", "k", *FIGURES, "learn_seconds", "rank_seconds", "peak_mb", "source")
LIBRARIES = ("implicit", "numpy", "scipy", "pandas", "pyarrow")
MODEL_KNOBS = ("factors", "alpha", "regularization", "iterations", "seed", "threads")


def compare(
    world: World,
    settings: Settings,
    ks: Sequence[int],
    rivals: Iterable[Rival],
    begin: Callable[[str], None],
    tell: Callable[[str], None],
) -> Iterator[list[Row]]:
    """For each rival the rows of its figures, one for each k; it is told when the data is too large for one."""
    for rival in rivals:
        items = world.train.shape[1]
        if rival.most_items and items > rival.most_items:
            tell(f"{rival.name} is left out: {items:,} items, it is run up to {rival.most_items:,}")
            continue
        begin(rival.name)
        reset_peak()
        started = perf_counter()
        score = rival.learn(world.train, settings)
        learnt = perf_counter()
        figures = judge(world, score, ks)
        took = {
            "learn_seconds": round(learnt - started, 2),
            "rank_seconds": round(perf_counter() - learnt, 2),
            "peak_mb": round(peak_mb()),
        }
        yield [{"model": rival.name, **row, **took} for row in figures]


def list_rivals(trials: Sequence[Trial]) -> list[Rival]:
    """The rivals, and ours with the best knobs that a search found (they stand first), if there was one."""
    if not trials:
        return list(RIVALS)
    knobs = trials[0].knobs
    tuned = Rival("ours, tuned", lambda train, given: learn_blend(train, knobs.apply(given), knobs.blend))
    return [RIVALS[0], tuned, *RIVALS[1:]]


def describe(
    world: World, settings: Settings, files: dict[str, Path], options: Row, trials: Sequence[Trial]
) -> dict[str, Any]:
    """What the figures rest on: inputs by hash, sizes, what was left out, knobs, versions."""
    return {
        "inputs": {name: {"file": path.name, "sha256": hash_file(path)} for name, path in files.items()},
        "users": world.train.shape[0],
        "items": world.train.shape[1],
        "train_pairs": world.train.nnz,
        "judged_users": len(world.judged),
        "wanted_items": int(world.counts.sum()),
        "left_out": list(world.notes),
        "options": options,
        "settings": {name: getattr(settings, name) for name in MODEL_KNOBS},
        "tuned": {**asdict(trials[0]), "trials": len(trials)} if trials else None,
        "versions": {
            "code": code_version(),
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in LIBRARIES},
        },
    }


def write_files(out: Path, rows: Sequence[Row], description: dict[str, Any]) -> list[Path]:
    """benchmark.json (all of it) and benchmark.csv (the rows) stand in the folder."""
    write_json(out / "benchmark.json", {**description, "rows": list(rows)}, out / ".staging")
    (out / ".staging").rmdir()
    with (out / "benchmark.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return [out / "benchmark.json", out / "benchmark.csv"]


def reset_peak() -> None:
    """The peak memory counts from now on, where the system lets a process say so."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mb() -> float:
    """Largest memory of this process in MiB since `reset_peak`, what it held before (the data) included."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return float("nan")
