"""What Airflow itself takes of an hour: `python bench/airflow_tasks.py [HOME]` after `make run` (HOME is var by default).

Says how long the DAG takes to parse once Airflow is imported, as its DAG processor does again and again, and of the runs in
Airflow's own database how long a task waited since the last one before it had ended, and what it took beyond its stage.
"""

import sqlite3
import statistics
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from told import write_markdown

from pipeline.hours import floor_hour
from pipeline.line import STAGES
from pipeline.manifests import read_manifest
from pipeline.run import Run
from pipeline.settings import Settings, load_settings

DAGS = Path(__file__).resolve().parents[1] / "dags"
PARSE = """
import runpy, sys, time
import airflow.sdk
sys.path.insert(0, sys.argv[1])
wall, cpu = time.perf_counter(), time.process_time()
runpy.run_path(sys.argv[1] + "/treasure_hunt_hourly.py")
print(time.perf_counter() - wall, time.process_time() - cpu)
"""
TASKS = """
select task_instance.task_id, task_instance.start_date, task_instance.end_date, dag_run.logical_date, dag_run.run_id
from task_instance inner join dag_run on task_instance.run_id = dag_run.run_id and task_instance.dag_id = dag_run.dag_id
where task_instance.dag_id = 'treasure_hunt_hourly' and task_instance.state = 'success'
"""
Row = dict[str, str | float]


def parse_dag(times: int = 3) -> list[list[float]]:
    """Seconds and CPU-seconds of parsing the hourly DAG, so many times, each in a new process."""
    command = [sys.executable, "-c", PARSE, str(DAGS)]
    said = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(times)]
    return [[float(word) for word in lines.split()[-2:]] for lines in said]


def read_moment(text: str) -> datetime:
    """A moment of Airflow's database, which are in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read_tasks(settings: Settings) -> list[Row]:
    """One row for each task that succeeded: seconds it waited, those of its stage, and those beyond."""
    database = settings.home / "airflow" / "airflow.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        found = connection.execute(TASKS).fetchall()
    ends = {(run, stage): read_moment(end) for stage, _, end, _, run in found}
    line = list(STAGES)  # the writers' one slot makes a row of them
    rows: list[Row] = []
    for stage, start, end, logical_date, run in found:
        manifest = read_manifest(Run(floor_hour(read_moment(logical_date)), settings), stage)
        before = [ends[run, one] for one in line[: line.index(stage)] if STAGES[stage] and (run, one) in ends]
        if manifest is None or not before:  # the first tasks of an hour wait for the run, not for a task
            continue
        took, spent = (read_moment(end) - read_moment(start)).total_seconds(), float(manifest["timings"]["seconds"])
        waited = (read_moment(start) - max(before)).total_seconds()
        rows.append({"stage": stage, "waited": waited, "own": spent, "beyond": took - spent})
    return rows


def summarise(rows: list[Row]) -> list[Row]:
    """Medians by stage, and over all tasks."""
    figures = ("waited", "own", "beyond")
    groups = {stage: [row for row in rows if row["stage"] == stage] for stage in STAGES} | {"every task": rows}
    return [
        {"stage": stage, **{one: statistics.median(float(row[one]) for row in some) for one in figures}}
        for stage, some in groups.items()
        if some
    ]


def main(home: str = "var") -> None:
    """Print both."""
    wall, cpu = (statistics.median(one) for one in zip(*parse_dag(), strict=True))
    print(f"parsing the hourly DAG: {wall:.2f} s, {cpu:.2f} CPU-seconds\n")
    rows = summarise(read_tasks(load_settings(home=Path(home))))
    names = {
        "stage": "task",
        "waited": "waited, s",
        "own": "its stage, s",
        "beyond": "around it, s",
    }
    print(write_markdown(rows, names))


if __name__ == "__main__":
    main(*sys.argv[1:])
