"""Arms side by side on one log of the demonstration shop: `make compare`.

`python bench/arms.py [--hours N] [--users N] [--horizon HOURS] [--seeds N] [--out DIR]` freezes a log, runs the batch arm at
two cadences, the streaming reference and the controls for every seed of the model, and has them judged:
`judgement.html` in the folder. What is there already is not made again, so a run that was stopped goes on.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path


def hunt(*arguments: str | Path) -> None:
    """Run `treasure-hunt`, and stop where it stops."""
    done = subprocess.run([sys.executable, "-m", "pipeline.cli", *map(str, arguments)])
    if done.returncode:
        raise SystemExit(done.returncode)


def make(folder: Path, last: str, *arguments: str | Path) -> Path:
    """The folder is there and whole, which the file that is written last tells; a half one is made anew."""
    if not (folder / last).exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{folder} …", file=sys.stderr, flush=True)
        hunt(*arguments)
    return folder


def run_arms(log: Path, arms: Path, seed: int) -> list[Path]:
    """The bundles of one seed: the batch arm at one hour is the first, which the others are held against."""

    def run(name: str, *arguments: str | Path) -> Path:
        folder = arms / f"{name}-{seed}"
        return make(folder, "arm.json", "arm", "run", arguments[0], log, folder, *arguments[1:])

    hourly = run("batch-1h", "batch", "--seed", str(seed))
    return [
        hourly,
        run("batch-4h", "batch", "--cadence", "4h", "--seed", str(seed)),
        late := run("batch-4h-late", "batch", "--cadence", "4h", "--delay", "4h", "--seed", str(seed)),
        run("bare-4h-late", "bare", "--batch", late),
        run("stream", "stream", "--batch", hourly),
        run("stream-1h", "stream", "--batch", hourly, "--micro-batch", "1h"),
        run("popular", "popular", "--batch", hourly),
        run("nothing", "nothing", "--batch", hourly),
    ]


def main() -> None:
    """Freeze, run, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=int, default=36, help="of the log")
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--horizon", type=int, default=12, help="hours after a read that count")
    parser.add_argument(
        "--seeds", type=int, default=1, help="of the model; give at least three to publish what comes out"
    )
    parser.add_argument("--out", type=Path, default=Path("var/comparison"))
    asked = parser.parse_args()
    size = ("--hours", str(asked.hours), "--users", str(asked.users), "--items", "300", "--events-per-hour", "600")
    log = make(asked.out / "log", "log.json", "record", asked.out / "log", *size)
    bundles = [bundle for seed in range(asked.seeds) for bundle in run_arms(log, asked.out / "arms", seed)]
    hunt("compare", *bundles, "--log", log, "--out", asked.out, "--horizon", str(asked.horizon))


if __name__ == "__main__":
    main()
