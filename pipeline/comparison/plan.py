"""What a comparison is made of: a log, a bundle for every arm and seed, and what of it is not there yet.

Each is made by the command line in a process of its own, so that the memory and the processor time of an arm are its own. It
is made aside and moved to its name when it is whole; what stands there and is valid is not made again, so a comparison
that was stopped goes on where it was.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.comparison.clock import parse_duration, split_log
from pipeline.comparison.log import Log, read_log
from pipeline.comparison.validate import find_breaches
from pipeline.errors import BadInput, TreasureHuntError
from pipeline.files import alone_in
from pipeline.hours import HOUR

ARMS = ("batch", "stream", "popular", "nothing", "bare")
SIGN = "treasure-hunt: "  # what the command line puts before the sentence of an error
GIVING_WAY = 10  # niceness of what runs in the background: the hourly stages of the same machine come first
Say = Callable[[str], None]


@dataclass(frozen=True)
class Bundle:
    """A bundle to be made: its folder's name, the arm, options of its command, and whose bundle it is made from."""

    name: str
    arm: str
    options: tuple[str, ...] = ()
    batch: str = ""


def plan_bundles(arms: Sequence[str], cadences: Sequence[str], seeds: Iterable[int]) -> list[Bundle]:
    """The bundles of these arms, those of a seed together, batches first; with them those that others are made from.

    A cadence is `4h`, or `4h+4h` with the delay of each run behind it. `stream`, `popular` and `nothing` are made from the
    batch at the first one, `bare` from that at the last.
    """
    planned = []
    for seed in seeds:
        batches = {cadence: plan_batch(cadence, seed) for cadence in cadences}
        sources = {arm: batches[cadences[-1] if arm == "bare" else cadences[0]] for arm in ARMS if arm != "batch"}
        needed = {sources[arm].name for arm in arms if arm in sources}
        planned += [batch for batch in batches.values() if "batch" in arms or batch.name in needed]
        planned += [
            Bundle(f"{arm}-of-{source.name}", arm, batch=source.name) for arm, source in sources.items() if arm in arms
        ]
    return planned


def plan_batch(cadence: str, seed: int) -> Bundle:
    """The bundle of a batch at `4h`, or `4h+4h`."""
    every, _, delay = cadence.partition("+")
    options = ("--cadence", every, "--delay", delay or "0s", "--seed", str(seed))
    return Bundle(f"batch-{cadence}-{seed}", "batch", options)


def check_plan(log: Log, cadences: Iterable[str], horizon: int) -> None:
    """Raises `BadInput` for what would end the comparison on this log later: a cadence or a horizon it has no room for."""
    for cadence in cadences:
        every, _, delay = cadence.partition("+")
        list(split_log(log.started, log.ended, parse_duration(every)))
        parse_duration(delay or "0s")
    if horizon * HOUR >= log.ended - log.started:
        raise BadInput(
            f"a horizon of {horizon} h leaves no read to be scored in a log of {(log.ended - log.started) // HOUR} h; "
            "choose a shorter horizon or a longer log."
        )


def make_log(folder: Path, options: Sequence[str], say: Say | None = None) -> Log:
    """The log in the folder, recorded with these options where there is none yet; raises what `read_log` raises."""
    with alone_in(aside(folder)):
        if not (folder / "log.json").exists():
            make(folder, lambda out: ["record", out, *options], say)
    return read_log(folder)


def make_bundle(bundle: Bundle, log: Path, arms: Path, say: Say | None = None) -> Path:
    """The folder of this bundle among `arms`: valid, and of this log. One that is so already is left as it is."""
    folder = arms / bundle.name
    source: list[str | Path] = ["--batch", arms / bundle.batch] if bundle.batch else []
    with alone_in(aside(folder)):  # an attempt whose scheduler took it for dead may still be at work
        if not folder.exists() or find_breaches(folder, log):
            make(folder, lambda out: ["arm", "run", bundle.arm, log, out, *bundle.options, *source], say)
        elif say:
            say(f"{folder} is there, valid and of this log; it is not made again")
    return folder


def aside(folder: Path) -> Path:
    """Where a folder is made; who makes it is alone in there."""
    return folder.parent / ".making" / folder.name


def make(folder: Path, command: Callable[[Path], Sequence[str | Path]], say: Say | None) -> None:
    """The folder is what the command leaves in the one that it is given; what stood there before is gone."""
    for left in aside(folder).iterdir():  # by an attempt that was killed
        shutil.rmtree(left)
    hunt(command(made := aside(folder) / "made"), say)
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)


def hunt(arguments: Sequence[str | Path], say: Say | None = None) -> None:
    """`treasure-hunt` has run with these arguments, in a process that ends with this call, however it ends.

    `say` hears its lines, and then it gives way to other work of the machine; without one they go where this process's go.
    Raises `TreasureHuntError` with its sentence when it fails.
    """
    command = [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if say else {}
    child = subprocess.Popen(command, encoding="utf-8", errors="replace", **pipes)  # type: ignore[call-overload]  # noqa: S603
    sentence = f"{SIGN}{' '.join(command[3:5])} failed; it says why above."
    try:
        if say:
            os.setpriority(os.PRIO_PROCESS, child.pid, GIVING_WAY)
            for line in child.stdout:
                say(line.rstrip())
                sentence = line.rstrip() if line.startswith(SIGN) else sentence
        child.wait()
    except BaseException:
        child.terminate()  # a batch arm takes away what is half made
        child.wait()
        raise
    if child.returncode:
        raise TreasureHuntError(sentence.removeprefix(SIGN))
