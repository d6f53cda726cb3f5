"""How long the ingestion boundary takes for an hour of a million events: `python bench/ingest.py [rows]`.

Makes one hour of events with about 3 % dirt as a Parquet file and takes it in as `ingest_events` does: pull, typing, the
whole suite, ledger, quarantine, audit of what is kept. Prints seconds, CPU-seconds and peak memory of a process that does
nothing else.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pipeline.run import Run
from pipeline.settings import load_settings
from pipeline.stages.ingest_events import ingest_events

HOUR = datetime(2026, 1, 1, 10, tzinfo=UTC)

# A deterministic mixture: hash(row) decides who does what; about 3 % of the rows break one of nine rules.
ROWS = """
copy (
    select
        case when h3 % 1000 < 8 then 'e' || (row - 1) else 'e' || row end as event_id,
        case when h1 % 10 = 0 then null when h3 % 1000 = 11 then repeat('u', 300) else 'u' || (h1 % 100000) end as user_id,
        's' || (h1 % 200000) as session_id,
        case
            when h3 % 1000 in (20, 21, 22, 23) then 'veiw'
            when h2 % 10 < 4 then 'search' when h2 % 10 < 8 then 'click' when h2 % 10 = 8 then 'add_to_cart'
            else 'purchase'
        end as event_type,
        case when h2 % 10 < 4 and h3 % 1000 <> 30 then 'query number ' || (h1 % 5000) end as query,
        case when h2 % 10 >= 4 and h3 % 1000 <> 31 then 'i' || (h1 % 20000) end as item_id,
        case when h2 % 10 = 9 then cast(1 + h1 % 5 as varchar) end as quantity,
        case when h2 % 10 in (4, 5) then cast(1 + h1 % 50 as varchar) end as position,
        case
            when h3 % 1000 in (40, 41, 42, 43, 44) then 'yesterday'
            when h3 % 1000 in (45, 46) then '2026-01-01T13:00:00Z'
            when h3 % 1000 in (47, 48) then '2025-12-31T10:00:00Z'
            else strftime(timestamp '2026-01-01 10:00:00' + to_microseconds(row * 3600), '%Y-%m-%dT%H:%M:%S.%fZ')
        end as occurred_at,
        strftime(timestamp '2026-01-01 10:00:00' + to_microseconds(row * 3600), '%Y-%m-%dT%H:%M:%S.%fZ') as ingested_at
    from (
        select
            range as row, hash(range) as h1, hash(range + 1000000007) as h2, hash(range + 2000000011) as h3
        from range($rows)
    )
    order by row
) to '{target}' (format parquet)
"""


def make_hour(rows: int, target: Path) -> None:
    """One hour of delivered events, all text, in a Parquet file."""
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(ROWS.format(target=target), {"rows": rows})


def take_in(folder: Path, home: Path, figures: multiprocessing.Queue) -> None:
    """Ingest the hour from a folder of Parquet files, as a scheduler's task does, which finds the library imported."""
    began = time.perf_counter()
    import great_expectations.expectations  # noqa: F401

    imported = time.perf_counter() - began
    settings = load_settings(home=home, source="parquet_folder", source_url=str(folder))
    wall, cpu = time.perf_counter(), time.process_time()
    result = ingest_events(Run(hour=HOUR, settings=settings))
    figures.put(
        {
            "import_seconds": round(imported, 1),
            "seconds": round(time.perf_counter() - wall, 1),
            "cpu_seconds": round(time.process_time() - cpu, 1),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            **result.facts["ledger"],
        }
    )


def main(rows: int) -> None:
    """Print the figures of one fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        delivered = Path(folder) / "source" / "events" / f"{HOUR:%Y-%m-%d}" / f"{HOUR:%H}" / "hour.parquet"
        delivered.parent.mkdir(parents=True)
        make_hour(rows, delivered)
        spawn = multiprocessing.get_context("spawn")
        figures = spawn.Queue()
        process = spawn.Process(target=take_in, args=(Path(folder) / "source", Path(folder) / "home", figures))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(process.exitcode)
        for name, value in figures.get().items():
            print(f"{name:<18} {value}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
