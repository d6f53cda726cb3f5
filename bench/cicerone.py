"""The same window through Cicerone (PyPI: `cicerone-recommender`), another batch recommender: its own models, and its ALS.

uv installs it into a folder of its own, never beside the line, and it gets the window of the plain pandas batch
(`plain_pandas.py`): every event of a known user with an item, once, with the line's weights, half-life and length of a list.
Writing that file is in no figure. It is given no catalog, which spares it the attributes; every hour of it is a whole one.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd
from measured import MB, MOST_MB, MOST_SECONDS, Figures, read_memory
from plain_pandas import WEIGHTS, read_window

from pipeline.settings import Settings

VERSION = "0.8.5"
PYTHON = "3.11"  # the one that it is made for
WAYS: dict[str, tuple[str, ...]] = {"default models": (), "ALS": ("als", "popular")}  # none named: its own choice
OF_UV = {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}  # as the Makefile says
UV = Path(__file__).resolve().parent.parent / ".venv-uv" / "bin" / "uv"


def install_cicerone(folder: Path) -> Figures:
    """Its command lies in `bin` of the folder, unless what is returned says why not."""
    log = folder.with_suffix(".log")
    took = measure_command([UV, "venv", "--python", PYTHON, folder], log)
    if took.stopped:
        return took
    return measure_command([UV, "pip", "install", "--python", folder, f"cicerone-recommender=={VERSION}"], log)


def hand_over(settings: Settings, hour: datetime, folder: Path) -> int:
    """The window's events lie in the folder as Cicerone reads them; returns how many."""
    events = read_window(settings, hour).dropna(subset=["user_id", "item_id"])
    given = events[["user_id", "item_id", "event_type"]].assign(
        occurred_at=pd.to_datetime(events["occurred_at"], utc=True)
    )
    (folder / "input").mkdir(parents=True, exist_ok=True)
    given.to_parquet(folder / "input" / "events.parquet", index=False)
    return len(given)


def write_wish(settings: Settings, folder: Path, models: Sequence[str]) -> Path:
    """Its two files of settings lie in the folder; returns the first."""
    weights = "".join(f"{name} = {weight}\n" for name, weight in WEIGHTS.items())
    (folder / "features.toml").write_text(f"[event_weights]\n{weights}", encoding="utf-8")
    places = "".join(
        f'[{side}]\nkind = "dataset"\n[{side}.options]\nstorage_backend = "local"\npath = "{folder / side}"\n'
        for side in ("input", "output")
    )
    chosen = f"models = {json.dumps(list(models))}\n" if models else ""
    wish = folder / "cicerone.toml"
    wish.write_text(
        f'[job]\nfeature_config_path = "{folder / "features.toml"}"\ntop_k = {settings.k}\n'
        f"half_life_days = {settings.half_life_days}\n{chosen}{places}",
        encoding="utf-8",
    )
    return wish


def measure_command(command: Sequence[str | Path], log: Path, most_seconds: float = MOST_SECONDS) -> Figures:
    """What a command of another environment took, with its threads and children; what it said is in the log."""
    began, peak, traffic, why = time.perf_counter(), 0.0, (0.0, 0.0), ""
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=own | OF_UV)
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        peak = max(peak, read_memory(process.pid, "VmHWM"))
        traffic = max(traffic, read_traffic_of(process.pid))
        why = f"over {MOST_MB / 1000:.0f} GB of memory" if peak > MOST_MB else why
        why = f"over {most_seconds / 60:.0f} minutes" if time.perf_counter() - began > most_seconds else why
        if why:
            process.kill()
        time.sleep(0.2)
    _, status, usage = ended
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not why:
        why = (log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["it said nothing"])[-1]
    took, worked = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
    return Figures(took, float("nan") if why else worked, peak, *traffic, stopped=why)


def read_traffic_of(pid: int) -> tuple[float, float]:
    """MB that a process has read and written so far; none when it is gone."""
    try:
        lines = dict(one.split(": ") for one in Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return 0.0, 0.0
    return int(lines.get("rchar", 0)) / MB, int(lines.get("wchar", 0)) / MB


def run_ways(settings: Settings, hour: datetime, folder: Path) -> Iterator[tuple[str, Figures]]:
    """Each way of it with what its job on the hour's window took, and its rows in and out, or why it is not installed."""
    rows = hand_over(settings, hour, folder)
    installed = install_cicerone(folder / "environment")
    if installed.stopped:
        yield "installation", installed
        return
    command = folder / "environment" / "bin" / "cicerone"
    for way, models in WAYS.items():
        wish = write_wish(settings, folder, models)
        took = measure_command([command, "--config", wish, "job"], folder / f"{way}.log")
        if not took.stopped:
            lists = pd.read_parquet(folder / "output" / "recommendations.parquet", columns=["user_id"])
            took.told.update(rows_in=rows, rows_out=len(lists))
        yield way, took
