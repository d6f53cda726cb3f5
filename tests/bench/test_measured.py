"""What a process of its own is measured by, and when it is stopped."""

import os
import time
from typing import Any

from measured import measure

from pipeline.errors import BadInput


def burn(seconds: float) -> dict[str, Any]:
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass
    return {"pid": os.getpid()}


def hold(mb: int) -> dict[str, Any]:
    held = b"x" * (mb * 1_000_000)
    return {"held": len(held)}


def refuse() -> dict[str, Any]:
    raise BadInput("nothing of the kind")


def die() -> dict[str, Any]:
    os._exit(3)


def sleep(seconds: float) -> dict[str, Any]:
    time.sleep(seconds)
    return {}


def test_figures_are_those_of_another_process() -> None:
    took = measure(burn, 0.3, is_bare=True)
    assert took.told["pid"] != os.getpid() and not took.stopped
    assert 0.3 <= took.cpu_seconds <= took.seconds + 0.1


def test_peak_is_the_largest_memory_and_not_that_of_who_started_it() -> None:
    mine = b"x" * 400_000_000
    small, large = (measure(hold, mb, is_bare=True).peak_mb for mb in (1, 200))
    assert len(mine) and 180 < large - small < 230 and small < 300


def test_profile_names_the_function_that_took_the_time() -> None:
    took = measure(burn, 0.3, is_profiled=True, is_bare=True)
    assert "burn" in " ".join(took.profile[:2]) and "%" in took.profile[0]


def test_what_does_not_end_well_is_told_and_not_raised() -> None:
    assert measure(refuse, is_bare=True).stopped == "nothing of the kind"
    assert measure(die, is_bare=True).stopped == "the process died"
    assert "minutes" in measure(sleep, 60.0, is_bare=True, most_seconds=1.0).stopped
    assert "memory" in measure(sleep, 60.0, is_bare=True, most_mb=1.0).stopped
