"""Processes that end with their owner, however it ends, with all that they had started.

Each child leads a session of its own. A second process, the undertaker, which is this file run as a program, reads
their ids from a pipe; when the owner's end closes, because it is done or because it was killed, it stops whatever is
left of those sessions: politely, then by force.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from pipeline.errors import Unreachable

STOP_SECONDS = 20.0  # what a running task gets to end before it is stopped
PATIENCE_SECONDS = 5.0  # what orphans get


class Children:
    """Processes that end with their owner, however it ends; each in a session of its own, with a log of its own."""

    def __init__(self, home: Path, lock: IO[str]) -> None:
        """`lock` stays taken until the last of them is gone, even when their owner is killed."""
        self._home = home
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        read_end, self._pipe = os.pipe()
        self._undertaker = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", __name__],
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=read_end,
            pass_fds=[lock.fileno()],
            start_new_session=True,
        )
        os.close(read_end)

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> int:
        """The named process runs and writes to `logs/<name>.log`; returns its id."""
        with (self._home / "logs" / f"{name}.log").open("ab") as out:
            child = subprocess.Popen(  # noqa: S603
                command,
                env=environment,
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[name] = child
        os.write(self._pipe, b"%d\n" % child.pid)
        return child.pid

    def ended(self) -> dict[str, int]:
        """The exit codes of those that run no more."""
        return {name: child.returncode for name, child in self._running.items() if child.poll() is not None}

    def check(self) -> None:
        """Nothing, or `Unreachable` with the log file of one that has ended."""
        for name, code in self.ended().items():
            raise Unreachable(f"Airflow's {name} ended with {code}; see {self._home / 'logs' / f'{name}.log'}.")

    def stop(self) -> None:
        """Every one has ended, with all that it had started; the API last, since running tasks report to it."""
        for last in (False, True):
            group = [child for name, child in self._running.items() if (name == "api-server") is last]
            for child in group:
                child.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            for child in group:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(max(0.0, deadline - time.monotonic()))
        os.close(self._pipe)
        self._undertaker.wait()


def stop_sessions(leaders: Collection[int]) -> None:
    """No process of these sessions lives any more, orphans and grandchildren included (where there is a /proc)."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + PATIENCE_SECONDS
        left = find_members(leaders)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while left and time.monotonic() < deadline:
            time.sleep(0.05)
            left = find_members(leaders)


def find_members(leaders: Collection[int]) -> list[int]:
    """Living processes of these sessions; the dead that nobody has asked after do not count."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may end while we look
            if os.getsid(int(entry.name)) in leaders:
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
                found += [int(entry.name)] if state != "Z" else []
    return found


if __name__ == "__main__":
    stop_sessions({int(line) for line in sys.stdin})
