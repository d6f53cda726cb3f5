"""Arms side by side on one log of the demonstration shop: `make compare`.

`python bench/arms.py [--hours N] [--users N] [--drift] [--cadences 1h,4h] [--seeds N] [--processes N] [--out DIR]` freezes
a log, runs the batch arm at its cadences, the streaming reference and the controls for every seed of the model, and has them
judged: `judgement.html` in the folder. What is there already is not made again, so a run that was stopped goes on. Arms that
run at the same time take each other's time: give more than one process only as many as there are cores with nothing to do.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Arm:
    """A bundle to be made: its folder's name, the words of its command, and whose bundle it is made from."""

    name: str
    words: tuple[str, ...]
    batch: str = ""


def plan_arms(cadences: list[str], seed: int) -> list[Arm]:
    """The bundles of one seed: the batch arm at the first cadence is the first, and others are made from it."""
    seeded = ("--seed", str(seed))
    batches = [Arm(f"batch-{cadence}-{seed}", ("batch", "--cadence", cadence, *seeded)) for cadence in cadences]
    first, late = batches[0].name, f"batch-4h-late-{seed}"
    return [
        *batches,
        Arm(late, ("batch", "--cadence", "4h", "--delay", "4h", *seeded)),
        Arm(f"bare-4h-late-{seed}", ("bare",), late),
        Arm(f"stream-{seed}", ("stream",), first),
        Arm(f"stream-1h-{seed}", ("stream", "--micro-batch", "1h"), first),
        Arm(f"popular-{seed}", ("popular",), first),
        Arm(f"nothing-{seed}", ("nothing",), first),
    ]


def hunt(*words: str | Path) -> None:
    """Run `treasure-hunt`, and stop where it stops."""
    done = subprocess.run([sys.executable, "-m", "pipeline.cli", *map(str, words)])
    if done.returncode:
        raise SystemExit(done.returncode)


def make(folder: Path, last: str, *words: str | Path) -> Path:
    """The folder is there and whole, which the file that is written last tells; a half one is made anew."""
    if not (folder / last).exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{folder} …", file=sys.stderr, flush=True)
        hunt(*words)
    return folder


def make_arms(arms: Iterable[Arm], log: Path, folder: Path, processes: int) -> None:
    """The bundles stand in the folder, so many made at a time; after a failure none is begun."""

    failed: list[Arm] = []

    def run(arm: Arm) -> None:
        source = ("--batch", folder / arm.batch) if arm.batch else ()
        out = folder / arm.name
        if not failed:
            try:
                make(out, "arm.json", "arm", "run", arm.words[0], log, out, *arm.words[1:], *source)
            except BaseException:
                failed.append(arm)
                raise

    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(run, arms))


def make_log(out: Path, *words: str) -> Path:
    """The log stands in its folder; raises `SystemExit` when one of another shop does."""
    log, asked = out / "log", out / "log.asked"
    said = " ".join(words)
    if asked.exists() and asked.read_text() != said:
        raise SystemExit(f"{log} was recorded with {asked.read_text()}; name another --out for {said}.")
    out.mkdir(parents=True, exist_ok=True)
    asked.write_text(said)
    return make(log, "log.json", "record", log, *words)


def parse() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=int, default=36, help="of the log")
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--events-per-hour", type=int, default=600)
    parser.add_argument("--shop-seed", type=int, default=0, help="of the shop: another one is another shop")
    parser.add_argument("--drift", action="store_true", help="of tastes and fashions")
    parser.add_argument("--cadences", default="1h,4h", help="of the batch arm; what others are made from is the first")
    parser.add_argument("--horizon", type=int, default=12, help="hours after a read that count")
    parser.add_argument(
        "--seeds", type=int, default=1, help="of the model; give at least three to publish what comes out"
    )
    parser.add_argument("--processes", type=int, default=1, help="arms that run at the same time")
    parser.add_argument("--out", type=Path, default=Path("var/comparison"))
    return parser.parse_args()


def main() -> None:
    """Freeze, run, judge."""
    asked = parse()
    size = [
        f"--{name}={getattr(asked, name.replace('-', '_'))}" for name in ("hours", "users", "items", "events-per-hour")
    ]
    log = make_log(asked.out, *size, f"--seed={asked.shop_seed}", *(["--drift"] if asked.drift else []))
    arms = [arm for seed in range(asked.seeds) for arm in plan_arms(asked.cadences.split(","), seed)]
    bundles = asked.out / "arms"
    make_arms([arm for arm in arms if not arm.batch], log, bundles, asked.processes)
    make_arms([arm for arm in arms if arm.batch], log, bundles, asked.processes)
    judged = [bundles / arm.name for arm in arms]
    hunt("compare", *judged, "--log", log, "--out", asked.out, "--horizon", str(asked.horizon))


if __name__ == "__main__":
    main()
