"""Arms side by side on a small week of the demonstration shop: `make compare`.

`python bench/arms.py [--hours N] [--users N] [--no-drift] [--cadences 1h,4h] [--seeds N] [--processes N] [--out DIR]`
freezes a log, runs the batch arm at its cadences, the streaming reference and the controls for every seed of the model, and
has them judged: `judgement.html` in the folder. What is there already is not made again, so a run that was stopped goes on.
Arms that run at the same time take each other's time: give no more processes than there are cores with nothing to do.
"""

import argparse
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.comparison import plan
from pipeline.comparison.plan import Bundle
from pipeline.errors import BadInput, TreasureHuntError


def plan_arms(cadences: list[str], seed: int) -> list[Bundle]:
    """The bundles of one seed: the batch arm at the first cadence is the first, and others are made from it."""
    seeded = ("--seed", str(seed))
    batches = [Bundle(f"batch-{cadence}-{seed}", "batch", ("--cadence", cadence, *seeded)) for cadence in cadences]
    first, late = batches[0].name, f"batch-4h-late-{seed}"
    return [
        *batches,
        Bundle(late, "batch", ("--cadence", "4h", "--delay", "4h", *seeded)),
        Bundle(f"bare-4h-late-{seed}", "bare", batch=late),
        Bundle(f"story-{seed}", "story", seeded),
        Bundle(f"stream-{seed}", "stream", batch=first),
        Bundle(f"stream-1h-{seed}", "stream", ("--micro-batch", "1h"), first),
        Bundle(f"popular-{seed}", "popular", batch=first),
        Bundle(f"nothing-{seed}", "nothing", batch=first),
    ]


def make_arms(bundles: Iterable[Bundle], log: Path, folder: Path, processes: int) -> None:
    """The bundles stand in the folder, so many made at a time; after a failure none is begun."""

    failed: list[Bundle] = []

    def run(bundle: Bundle) -> None:
        if not failed:
            print(f"{folder / bundle.name} …", file=sys.stderr, flush=True)
            try:
                plan.make_bundle(bundle, log, folder)
            except BaseException:
                failed.append(bundle)
                raise

    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(run, bundles))


def make_log(out: Path, *words: str) -> Path:
    """The log stands in its folder; raises `BadInput` when one of another shop does."""
    log, asked = out / "log", out / "log.asked"
    said = " ".join(words)
    if asked.exists() and asked.read_text() != said:
        raise BadInput(f"{log} was recorded with {asked.read_text()}; name another --out for {said}.")
    out.mkdir(parents=True, exist_ok=True)
    asked.write_text(said)
    return plan.make_log(log, words).folder


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """What was asked for, by default on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=int, default=168, help="of the log")
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--events-per-hour", type=int, default=200)
    parser.add_argument("--shop-seed", type=int, default=0, help="of the shop: another one is another shop")
    parser.add_argument("--drift", action=argparse.BooleanOptionalAction, default=True, help="of tastes and fashions")
    parser.add_argument("--cadences", default="1h,4h", help="of the batch arm; what others are made from is the first")
    parser.add_argument("--horizon", type=int, default=24, help="hours after a read that count")
    parser.add_argument(
        "--seeds", type=int, default=1, help="of the model; give at least three to publish what comes out"
    )
    parser.add_argument("--processes", type=int, default=2, help="arms that run at the same time")
    parser.add_argument("--out", type=Path, default=Path("var/comparison"))
    return parser.parse_args(words)


def compare(asked: argparse.Namespace) -> None:
    """Freeze, run, judge."""
    size = [
        f"--{name}={getattr(asked, name.replace('-', '_'))}" for name in ("hours", "users", "items", "events-per-hour")
    ]
    log = make_log(asked.out, *size, f"--seed={asked.shop_seed}", *(["--drift"] if asked.drift else []))
    planned = [bundle for seed in range(asked.seeds) for bundle in plan_arms(asked.cadences.split(","), seed)]
    bundles = asked.out / "arms"
    make_arms([bundle for bundle in planned if not bundle.batch], log, bundles, asked.processes)
    make_arms([bundle for bundle in planned if bundle.batch], log, bundles, asked.processes)
    judged = [bundles / bundle.name for bundle in planned]
    plan.hunt(["compare", *judged, "--log", log, "--out", asked.out, "--horizon", str(asked.horizon)])


def main() -> None:
    """Freeze, run, judge; one sentence where that ends."""
    try:
        compare(parse())
    except TreasureHuntError as error:
        sys.exit(f"{Path(__file__).name}: {error}")


if __name__ == "__main__":
    main()
