"""How long the audit of a version takes: `python bench/audit.py [users] [postgresql|sqlite]`, 20 items for each user.

Publishes two versions of made-up lists that differ in part, and prints seconds of the load, of the audit, and of its
comparison with the live version alone.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from database import open_postgres

from pipeline.serving import audit
from pipeline.serving.audit import Limits
from pipeline.serving.compare import compare_users, count_recommended
from pipeline.serving.database import connect, reading
from pipeline.serving.publish import publish_version
from pipeline.serving.version import VersionInfo, describe_version

K, ITEMS = 20, 20_000
START = datetime(2026, 1, 1, 13, tzinfo=UTC)


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database that is gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'serving.db'}"
        return
    with open_postgres(folder / "data") as url:
        yield url


def write_version(folder: Path, users: int, seed: int) -> dict[str, Path]:
    """Lists of different items for every user, three quarters of them the same for every seed."""
    folder.mkdir()
    names = [f"item {number}" for number in range(ITEMS)]
    base, moved = np.random.default_rng(0), np.random.default_rng(seed)
    first = base.integers(0, ITEMS, users)
    first = np.where(moved.random(users) < 0.25, moved.integers(0, ITEMS, users), first)
    listed = (first[:, None] + np.arange(K) * 997) % ITEMS
    lists = {
        "rank": np.tile(np.arange(1, K + 1, dtype=np.int32), users),
        "item_id": pa.array(names).take(pa.array(listed.ravel())),
        "score": np.tile(np.linspace(1, 0.1, K), users),
        "reason": pa.array(['["similar"]'] * (users * K)),
    }
    near = (np.arange(ITEMS)[:, None] + 1 + np.arange(K)) % ITEMS
    tables = {
        "items": {
            "item_id": names,
            **{column: pa.nulls(ITEMS, pa.string()) for column in ("title", "category", "brand", "currency")},
            "price": np.full(ITEMS, 9.99),
            "is_available": np.full(ITEMS, True),
            "updated_at": pa.nulls(ITEMS, pa.timestamp("us", tz="UTC")),
        },
        "user_recommendations": {"user_id": np.repeat([f"user {number:08d}" for number in range(users)], K), **lists},
        "query_recommendations": {
            "query": np.repeat([f"query {number}" for number in range(500)], K),
            **{name: column[: 500 * K] for name, column in lists.items()},
            "is_common": np.full(500 * K, True),
        },
        "similar_items": {
            "item_id": np.repeat(names, K),
            "similar_item_id": pa.array(names).take(pa.array(near.ravel())),
            "reason": pa.array(['["similar"]'] * (ITEMS * K)),
            "rank": np.tile(np.arange(1, K + 1, dtype=np.int32), ITEMS),
            "score": np.tile(np.linspace(1, 0.1, K), ITEMS),
        },
        "popular_items": {
            "segment": pa.array(["all"] * ITEMS),
            "rank": np.arange(1, ITEMS + 1, dtype=np.int32),
            "item_id": names,
            "score": np.linspace(1, 0, ITEMS),
        },
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in tables}


def main(users: int, kind: str) -> None:
    """Publish two versions and print what the second one's audit took."""
    folder = Path(tempfile.mkdtemp(prefix="audit-"))
    taken: list[float] = []
    ask = audit.audit_version

    def timed(*arguments: object) -> object:
        begun = time.perf_counter()
        found = ask(*arguments)  # type: ignore[arg-type]
        taken.append(time.perf_counter() - begun)
        return found

    from pipeline.serving import publish

    publish.audit_version = timed  # type: ignore[assignment]
    limits = Limits(empty_places=0, coverage_limit=0.5, overlap_limit=0.3, compare_min_users=100)
    try:
        with database(kind, folder) as url:
            engine = connect(url)
            made: list[VersionInfo] = []
            for hour in (0, 1):
                start = START + timedelta(hours=hour)
                files = write_version(folder / str(hour), users, hour + 1)
                made.append(describe_version("shop", "batch", start, start, start, {"a": str(hour)}, "x", K))
                begun = time.perf_counter()
                outcome = publish_version(engine, made[-1], files, limits=limits)
                total = time.perf_counter() - begun
            with reading(engine) as connection:
                begun = time.perf_counter()
                overlap = compare_users(connection, made[0].version, made[1].version)
                compared = time.perf_counter() - begun
                begun = time.perf_counter()
                covered = count_recommended(connection, made[1].version)
                counted = time.perf_counter() - begun
            engine.dispose()
        print(
            f"{kind}: {users * K:,} rows of users' lists, {outcome}: {total:.1f} s, of it audit {taken[-1]:.2f} s, of "
            f"that churn {compared:.2f} s (kept {overlap.kept:.0%}) and coverage {counted:.2f} s ({covered:,} items)"
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000, sys.argv[2] if len(sys.argv) > 2 else "postgresql")
