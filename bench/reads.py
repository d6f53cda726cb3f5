"""How many reads a second `treasure-hunt serve` answers on PostgreSQL, and how long they take: `python bench/reads.py`.

Starts a PostgreSQL 18 of its own, publishes a version (100,000 users, 20,000 items, 5,000 queries, lists of 20), serves it
with as many processes as there are cores, then drives: as many reads as `wrk` gets (Debian's package; skipped
without it), and an open loop, in which a read is due every millisecond, answered or not the one before, and its time
counts from when it was due: idle, and while another process publishes versions one after the other. Prints reads a second,
p50, p99, p99.9, the answers by HTTP status and how many cores each used. The driver, the database and a publisher share the
machine's cores with the API: that is the point.
"""

import argparse
import asyncio
import gc
import multiprocessing
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uvloop
from database import open_postgres

from pipeline.serving.database import connect
from pipeline.serving.publish import describe_version, publish_version
from pipeline.serving.schema import PUBLISHED

HOUR = datetime(2026, 1, 1, tzinfo=UTC)
K = 20
WRK = """
request = function()
  local n = math.random(0, {users} - 1)
  local kind = n % 4
  if kind < 2 then return wrk.format("GET", string.format("/v1/recommendations/u%06d", n)) end
  local typed = n % 8 == 2 and "qeury+fine" or "fine+query"
  if kind == 2 then return wrk.format("GET", string.format("/v1/search-recommendations?q=%s+%d", typed, n % {queries})) end
  return wrk.format("GET", string.format("/v1/similar/i%06d", n % {items}))
end
"""


def make_version(folder: Path, users: int, items: int, queries: int) -> dict[str, Path]:
    """A version's tables: every list holds 20 items, and its reasons name items."""
    rng = np.random.default_rng(0)
    ids = np.array([f"i{number:06d}" for number in range(items)])
    kinds = np.array([f"category {number % 40}" for number in range(items)])

    def lists(key: str, names: np.ndarray, other: str = "item_id", told: bool = True) -> dict[str, Any]:
        start, step = rng.integers(0, items, len(names)), rng.integers(1, 7, len(names))
        picked = (start[:, None] + step[:, None] * np.arange(1, K + 1)) % items
        rows: dict[str, Any] = {
            key: np.repeat(names, K),
            "rank": np.tile(np.arange(1, K + 1, dtype=np.int32), len(names)),
            other: ids[picked.ravel()],
            "score": np.tile(np.linspace(1, 0.1, K), len(names)),
        }
        if told:
            named = np.char.add(np.char.add('["clicked","', ids[rng.integers(0, items, len(names) * 4)]), '"]')
            rows["reason"] = named.reshape(-1, 4)[:, np.arange(K) % 4].ravel()
        return rows

    searches = lists("query", np.array([f"fine query {number}" for number in range(queries)]))
    segments = np.array(["all", *(f"category:category {number}" for number in range(40))])
    tables: dict[str, dict[str, Any]] = {
        "items": {
            "item_id": ids,
            "title": [f"A fine thing number {number}" for number in range(items)],
            "category": kinds,
            "brand": ["Brand"] * items,
            "price": rng.uniform(1, 100, items).round(2),
            "currency": ["EUR"] * items,
            "is_available": [True] * items,
            "updated_at": pa.array([None] * items, pa.timestamp("us", tz="UTC")),
        },
        "user_recommendations": lists("user_id", np.array([f"u{number:06d}" for number in range(users)])),
        "query_recommendations": {**searches, "is_common": [True] * queries * K},
        "similar_items": lists("item_id", ids, "similar_item_id"),
        "popular_items": lists("segment", segments, told=False),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return {table.name: folder / f"{table.name}.parquet" for table in PUBLISHED}


def publish(url: str, files: dict[str, Path], number: int) -> None:
    """The version of the hour of this number is live."""
    start = HOUR + timedelta(hours=number)
    end = start + timedelta(hours=1)
    engine = connect(url)
    publish_version(
        engine, describe_version("shop", "batch", start, end, end, {"items": str(number)}, "bench", K), files
    )
    engine.dispose()


def publish_on(url: str, files: dict[str, Path], published: Any) -> None:
    """Publishes hour after hour until it is ended."""
    os.nice(5)  # as a batch job should run beside what people wait for
    for number in range(1, 1000):
        publish(url, files, number)
        published.value = number


@contextmanager
def serving(url: str, workers: int, home: Path) -> Iterator[tuple[int, int]]:
    """`treasure-hunt serve`: its port and its process, when it is ready."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**os.environ, "TREASURE_HUNT_HOME": str(home), "TREASURE_HUNT_SERVING_URL": url}
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--port", str(port), "--workers", str(workers)]
    served = subprocess.Popen(command, env=environment)
    try:
        for _ in range(600):
            time.sleep(0.1)
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=1)
                break
            except OSError:
                continue
        yield port, served.pid
    finally:
        served.terminate()
        served.wait(20)


def paths(users: int, items: int, queries: int) -> Iterator[str]:
    """Half of the reads are of users, a quarter of items, an eighth each of queries with a list and of misspelt ones."""
    rng = random.Random(1)
    while True:
        number = rng.randrange(users)
        kind = number % 4
        if kind < 2:
            yield f"/v1/recommendations/u{number:06d}"
        elif kind == 2:
            typed = "qeury+fine" if number % 8 == 2 else "fine+query"
            yield f"/v1/search-recommendations?q={typed}+{number % queries}"
        else:
            yield f"/v1/similar/i{number % items:06d}"


def cpu_seconds(above: int) -> float:
    """What a process, its children and theirs have used so far."""
    parent, used = {}, {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            values = entry.read_text().rsplit(")", 1)[1].split()
            pid = int(entry.parent.name)
            parent[pid], used[pid] = int(values[1]), sum(map(int, values[11:15])) / os.sysconf("SC_CLK_TCK")
    found = {above}
    while more := {pid for pid, of in parent.items() if of in found} - found:
        found |= more
    return sum(used.get(pid, 0) for pid in found)


def stolen_seconds() -> float:
    """What a virtual machine's processors waited for the host, all together, since it started."""
    return int(Path("/proc/stat").read_text().split()[8]) / os.sysconf("SC_CLK_TCK")


@contextmanager
def telling_cores(above: dict[str, int]) -> Iterator[None]:
    """Prints how many cores each of these used meanwhile, the driver, which is this process, and the machine's host: what
    it gave to others while something here wanted to run.
    """
    began, own, before = time.perf_counter(), time.process_time(), {name: cpu_seconds(above[name]) for name in above}
    stolen = stolen_seconds()
    yield
    took = time.perf_counter() - began
    used = {name: cpu_seconds(pid) - before[name] for name, pid in above.items()} | {
        "driver": time.process_time() - own,
        "taken by the host": stolen_seconds() - stolen,
    }
    print(f"  cores used: {', '.join(f'{name} {cpu / took:.2f}' for name, cpu in used.items())}", flush=True)


async def open_loop(port: int, per_second: int, seconds: float, wanted: Iterator[str]) -> str:
    """Sends a read whenever one is due, over as many kept connections as it takes; says what came of them."""
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    took: list[float] = []
    fates: Counter[str] = Counter()

    async def read(due: float, path: str) -> None:
        try:
            reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
            body = await reader.readexactly(length)
            idle.append((reader, writer))
            fates[head[9:12].decode() + (" degraded" if b'"is_degraded":true' in body else "")] += 1
        except (OSError, asyncio.IncompleteReadError) as error:
            fates[type(error).__name__] += 1
        took.append(time.perf_counter() - due)

    begun, tasks = time.perf_counter(), set()
    for number in range(int(per_second * seconds)):
        due = begun + number / per_second
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        task = asyncio.create_task(read(due, next(wanted)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    if tasks:
        await asyncio.wait(tasks, timeout=30)
    rate = len(took) / (time.perf_counter() - begun)
    took.sort()
    figures = ", ".join(f"p{share} {took[int(len(took) * share / 100)] * 1000:.1f} ms" for share in (50, 99, 99.9))
    return f"{rate:,.0f} reads/s, {figures}, worst {took[-1] * 1000:.0f} ms; {dict(fates)}"


def idle_rate(port: int, seconds: int, users: int, items: int, queries: int, folder: Path) -> str:
    """What `wrk` gets with 16 connections."""
    if not shutil.which("wrk"):
        return "wrk is not installed (apt-get install wrk)"
    script = folder / "reads.lua"
    script.write_text(WRK.format(users=users, items=items, queries=queries), encoding="utf-8")
    command = ["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", "-s", str(script), f"http://127.0.0.1:{port}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    wanted = re.findall(r"(?:50%|99%|Requests/sec:|Non-2xx[^:]*:|Socket errors:).*", said)
    return "; ".join(" ".join(line.split()) for line in wanted)


def main() -> None:
    """Measures and prints."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--users", type=int, default=100_000)
    arguments.add_argument("--items", type=int, default=20_000)
    arguments.add_argument("--queries", type=int, default=5_000)
    arguments.add_argument("--workers", type=int, default=os.cpu_count())
    arguments.add_argument("--seconds", type=int, default=20, help="for each of the three measurements")
    arguments.add_argument("--rate", type=int, default=1000, help="reads a second of the open loop")
    chosen = arguments.parse_args()
    gc.disable()  # a pause of the driver would count as one of every read that is under way
    shape = chosen.users, chosen.items, chosen.queries
    folder = Path(tempfile.mkdtemp(prefix="reads-"))
    try:
        with open_postgres(folder / "pg") as url:
            measure_reads(url, folder, shape, chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure_reads(url: str, folder: Path, shape: tuple[int, int, int], chosen: argparse.Namespace) -> None:
    """Drive the API on this database and print what came of it."""
    files = make_version(folder / "version", *shape)
    publish(url, files, 0)
    print(f"{chosen.workers} processes, {os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}", flush=True)
    with serving(url, chosen.workers, folder) as (port, pid):
        wanted = paths(*shape)
        uvloop.run(open_loop(port, 300, 5, wanted))  # warm
        print(f"idle, as many as wrk gets: {idle_rate(port, chosen.seconds, *shape, folder)}", flush=True)
        postmaster = int((folder / "pg" / "postmaster.pid").read_text().split()[0])
        working = {"API": pid, "database": postmaster}
        with telling_cores(working):
            said = uvloop.run(open_loop(port, chosen.rate, chosen.seconds, wanted))
            print(f"idle, open loop:           {said}", flush=True)
        published = multiprocessing.get_context("spawn").Value("i", 0)
        publisher = multiprocessing.get_context("spawn").Process(target=publish_on, args=(url, files, published))
        publisher.start()
        time.sleep(1)
        with telling_cores({**working, "publisher": publisher.pid}):
            said = uvloop.run(open_loop(port, chosen.rate, chosen.seconds, wanted))
        publisher.terminate()
        publisher.join()
        print(f"publishing, open loop:     {said}; {published.value} versions went live", flush=True)
    print(f"load after {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
