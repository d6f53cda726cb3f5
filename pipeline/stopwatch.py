"""What a piece of work took: seconds, seconds of processor time, and the process's largest memory so far."""

import resource
import time

Clocks = tuple[float, float]  # seconds by the wall and of the processor, from a start of their own


def read_clocks() -> Clocks:
    """Where the clocks stand now."""
    return time.perf_counter(), time.process_time()


def time_since(started: Clocks, share: int = 1) -> dict[str, float]:
    """What was taken since then, in seconds and MiB; pieces that cannot be told apart each bear their share of the time."""
    wall, cpu = read_clocks()
    return {
        "seconds": round((wall - started[0]) / share, 3),
        "cpu_seconds": round((cpu - started[1]) / share, 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
