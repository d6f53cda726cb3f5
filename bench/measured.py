"""What a piece of work takes in a process of its own: seconds, CPU-seconds, largest memory, bytes read and written.

Processes are forked from one that has imported Great Expectations, as the tasks of Airflow's scheduler are
(docs/decisions/0003-importing-great-expectations.md), so that its import is in no figure but those of memory; commands are
measured as they are typed, with all that they load. A piece that
takes too much memory or time is stopped: a size that does not fit is a line of the table and no end of the machine.
"""

import cProfile
import io
import multiprocessing
import os
import pstats
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from pipeline.errors import TreasureHuntError
from pipeline.settings import PREFIX

MB = 1_000_000
MOST_SECONDS, MOST_MB = 1200.0, 18_000.0
TOP = 12  # functions of a profile


@dataclass(frozen=True)
class Figures:
    """What the work took; `told` is what it returned, `stopped` says why it did not end, `profile` where its time went."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    read_mb: float
    written_mb: float
    told: dict[str, Any] = field(default_factory=dict)
    stopped: str = ""
    profile: tuple[str, ...] = ()


def measure(
    work: Callable[..., dict[str, Any]],
    *given: Any,
    is_profiled: bool = False,
    is_bare: bool = False,
    most_seconds: float = MOST_SECONDS,
    most_mb: float = MOST_MB,
) -> Figures:
    """Do `work(*given)` in a process that does nothing else; both must be picklable, and the work returns a dict.

    A bare one starts from nothing: the library of rules is not in its memory.
    """
    context = multiprocessing.get_context("spawn" if is_bare else "forkserver")
    if not is_bare:
        context.set_forkserver_preload(["great_expectations.expectations"])
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=do_work, args=(there, work, given, is_profiled))
    began, peak = time.perf_counter(), 0.0
    process.start()
    there.close()
    try:
        while not here.poll(0.2):
            took, peak = time.perf_counter() - began, max(peak, read_memory(process.pid, "VmRSS"))
            why = f"over {most_mb / 1000:.0f} GB of memory" if peak > most_mb else ""
            why = why or (f"over {most_seconds / 60:.0f} minutes" if took > most_seconds else "")
            if why:
                return Figures(took, float("nan"), peak, float("nan"), float("nan"), stopped=why)
        found: Figures = here.recv()
        return found
    except EOFError:
        took = time.perf_counter() - began
        return Figures(took, float("nan"), peak, float("nan"), float("nan"), stopped="the process died")
    finally:
        if process.is_alive() and not here.closed:
            process.join(10)
        process.kill()
        process.join()


def measure_typed(
    knobs: dict[str, str], *words: str, most_seconds: float = 3600.0, most_mb: float = MOST_MB
) -> Figures:
    """What `treasure-hunt WORDS` takes as a person types it, from the start on, with all processes that it starts.

    Memory and processor time are those of all of them together, as they were seen ten times a second; bytes are not counted.
    """
    environment = os.environ | {f"{PREFIX}{name}": value for name, value in knobs.items()}
    began, peak, why, clocks = time.perf_counter(), 0.0, "", dict[int, float]()
    program, nothing = Path(sys.executable).with_name("treasure-hunt"), float("nan")
    process = subprocess.Popen([program, *words], env=environment, stdout=sys.stderr)
    tree = psutil.Process(process.pid)
    try:
        while process.poll() is None and not why:
            memory = 0
            for one in [tree, *list_children(tree)]:
                try:
                    memory += one.memory_full_info().pss  # what a fork shares counts once
                    spent = one.cpu_times()
                    clocks[one.pid] = spent.user + spent.system
                except psutil.Error:
                    continue
            took, peak = time.perf_counter() - began, max(peak, memory / MB)
            why = f"over {most_mb / 1000:.0f} GB of memory" if peak > most_mb else ""
            why = why or (f"over {most_seconds / 60:.0f} minutes" if took > most_seconds else "")
            time.sleep(0.1)
    finally:
        process.kill()  # what it started ends with it
        process.wait()
    why = why or (f"it exits with {process.returncode}" if process.returncode else "")
    return Figures(time.perf_counter() - began, sum(clocks.values()), peak, nothing, nothing, stopped=why)


def list_children(tree: psutil.Process) -> list[psutil.Process]:
    """What a process has started, and what these have; none when it is over."""
    try:
        return tree.children(recursive=True)
    except psutil.Error:
        return []


def do_work(pipe: Connection, work: Callable[..., dict[str, Any]], given: tuple[Any, ...], is_profiled: bool) -> None:
    """Send what the work took."""
    profiler = cProfile.Profile() if is_profiled else None
    read, written = read_traffic()
    began = read_clocks()
    told, stopped = {}, ""
    try:
        told = profiler.runcall(work, *given) if profiler else work(*given)
    except TreasureHuntError as error:
        stopped = str(error)
    took = [now - then for now, then in zip(read_clocks(), began, strict=True)]
    now_read, now_written = read_traffic()
    peak = read_memory(os.getpid(), "VmHWM")
    pages = (now_read - read) / MB, (now_written - written) / MB
    pipe.send(Figures(*took, peak, *pages, told, stopped, describe_profile(profiler) if profiler else ()))


def read_memory(pid: int | None, line: str) -> float:
    """A line of the process's status (`VmRSS`: its memory now, `VmHWM`: the largest so far) in MB; 0 when it is gone.

    Not `ru_maxrss`, which a process inherits from the one that started it.
    """
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    return next((int(one.split()[1]) * 1024 / MB for one in text.splitlines() if one.startswith(f"{line}:")), 0.0)


def read_clocks() -> tuple[float, float]:
    """Seconds by the wall and of the processor, from a start of their own."""
    return time.perf_counter(), time.process_time()


def read_traffic() -> tuple[int, int]:
    """Bytes that this process has read and written so far by calls of the system, whether or not a disk had to move."""
    lines = dict(one.split(": ") for one in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(lines["rchar"]), int(lines["wchar"])


def describe_profile(profiler: cProfile.Profile) -> tuple[str, ...]:
    """The functions in which most of the time was spent themselves, each with its share of the whole."""
    stats = pstats.Stats(profiler, stream=io.StringIO())
    whole = stats.total_tt  # type: ignore[attr-defined]  # set when the profile is read
    entries = [(own, calls, place) for place, (_, calls, own, _, _) in stats.stats.items()]  # type: ignore[attr-defined]
    told = []
    for own, calls, (file, _, function) in sorted(entries, reverse=True)[:TOP]:
        where = "" if file == "~" else f"{'/'.join(Path(file).parts[-2:])} "
        told.append(f"{own / whole:5.1%}  {own:8.2f} s  {calls:>9,} calls  {where}{function}")
    return tuple(told)
