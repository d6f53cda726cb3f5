"""The machine that an arm ran on, for `arm.json`, and how much of its memory this process holds."""

import os
import platform
import resource
from pathlib import Path
from typing import Any

CPUINFO, STATM = Path("/proc/cpuinfo"), Path("/proc/self/statm")


def describe_machine() -> dict[str, Any]:
    """The processor's name, its cores and the memory in bytes."""
    return {
        "cpu": name_processor(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def name_processor() -> str:
    """What Linux calls the processor; elsewhere what the platform says."""
    lines = CPUINFO.read_text(encoding="utf-8").splitlines() if CPUINFO.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine() or "unknown")


def resident_bytes() -> int:
    """The memory that this process holds now, as Linux says; elsewhere the largest so far."""
    if STATM.exists():
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
