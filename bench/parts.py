"""What the named parts of a stage take: each query of sql/, and the larger pieces of work that are Python's.

A profile of Python says `execute` for whatever DuckDB does; here every query has its name.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

QUERIES = ("write_table", "make_table", "fetch_table", "load_files")
PIECES = {
    "pipeline.audit": ("find_refused",),
    "pipeline.lake": ("audit_table",),  # which has its own name for it, and may have been imported before
    "pipeline.als": ("fit", "fold_in"),
    "pipeline.topk": ("best_items", "similar_items"),
    "pipeline.reasons": ("choose_references", "write_reasons"),
    "pipeline.serving.publish": ("publish_version",),
    "pipeline.report.datadocs": ("make_datadocs",),
}


def clocked(function: Callable[..., Any], parts: dict[str, float], is_query: bool) -> Callable[..., Any]:
    """The function, which adds the seconds that it takes to its part."""

    def call(*given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*given, **named)
        finally:
            name = (
                f"sql {given[1]}"
                if is_query
                else f"{function.__module__.removeprefix('pipeline.')}.{function.__name__}"
            )
            if function.__name__ in ("audit_table", "find_refused"):
                name += f" {given[0]}"
            parts[name] += time.perf_counter() - began

    return call


@contextmanager
def clock_parts() -> Iterator[dict[str, float]]:
    """Seconds by part of what is done in here; enter it before the stage's module is imported."""
    parts: dict[str, float] = defaultdict(float)
    with ExitStack() as stack:
        named = {"pipeline.duck": QUERIES, **PIECES}
        for module, functions in named.items():
            for function in functions:
                found = import_module(module)
                wrapped = clocked(getattr(found, function), parts, module == "pipeline.duck")
                stack.enter_context(patch.object(found, function, wrapped))
        yield parts


def tell_parts(parts: dict[str, float], whole: float, least: float = 0.02) -> tuple[str, ...]:
    """The parts from the slowest on, with their share of the whole; parts within parts are counted in both."""
    order = sorted(parts.items(), key=lambda part: -part[1])
    return tuple(f"{took / whole:5.1%}  {took:8.2f} s  {name}" for name, took in order if took >= least * whole)
