"""How fast and in how much memory an hour is pulled: `python bench/pull.py [rows] [postgresql|sqlite]`.

Fills the log of a shop's database with made-up rows of one hour, pulls them as the stage does, and prints one line: rows,
seconds, rows a second, and the peak memory of this process in MiB (the database's own is not in it).
"""

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from database import open_postgres

from pipeline.hours import parse_hour
from pipeline.run import Run
from pipeline.settings import load_settings
from pipeline.shop.database import METADATA
from pipeline.sources.read import pull

HOUR = parse_hour("2026-01-05T10")
FILL = """
insert into events
select i, 'event ' || i, 'user ' || i % 100000, 'session ' || i % 300000, 'click',
    case when i % 3 = 0 then 'a query of some length ' || i % 5000 end, 'item ' || i % 20000,
    case when i % 7 = 0 then 2 end, i % 20, '2026-01-05T10:00:00Z', '2026-01-05 10:00:00'
from {series}
"""
SERIES = {
    "postgresql": "generate_series(1, {rows}) as numbers(i)",
    "sqlite": "(with recursive numbers(i) as (select 1 union all select i + 1 from numbers where i < {rows}) "
    "select i from numbers)",
}


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database that is gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'shop.db'}"
        return
    with open_postgres(folder / "data") as url:
        yield url.replace("postgresql://", "postgresql+psycopg://")


def main(rows: int, kind: str) -> None:
    """Fill, pull, print."""
    folder = Path(tempfile.mkdtemp(prefix="pull-"))
    try:
        with database(kind, folder) as url:
            engine = sa.create_engine(url)
            METADATA.create_all(engine)
            with engine.begin() as connection:
                connection.execute(sa.text(FILL.format(series=SERIES[kind].format(rows=rows))))
            engine.dispose()
            settings = load_settings(home=folder, source="shop", source_url=url)
            began = time.perf_counter()
            pulled = pull(Run(HOUR, settings), "events", folder / "events.parquet")
            seconds = time.perf_counter() - began
        assert pulled == rows
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{kind}: {pulled:,} rows in {seconds:.1f} s, {pulled / seconds:,.0f} rows/s, peak {peak:,.0f} MiB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1_000_000, sys.argv[2] if sys.argv[2:] else "postgresql")
