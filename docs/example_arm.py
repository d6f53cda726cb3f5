"""Somebody else's arm: what was taken most in the last 24 hours, for everyone, made anew every hour.

`python docs/example_arm.py LOG BUNDLE` reads a frozen log and leaves a bundle that `treasure-hunt compare` can judge. A list
is published a minute after its hour; it knows the events that had been delivered when the hour ended, and no later one.
"""

import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from pipeline.comparison import bundle

K, HOUR, MINUTE = 20, timedelta(hours=1), timedelta(minutes=1)


def run_arm(log: Path, out: Path) -> None:
    """The bundle of this arm on a log stands in folder `out`."""
    known = bundle.read_document(log, "log")
    started, ended = (datetime.fromisoformat(known[name]) for name in ("started", "ended"))
    db = duckdb.connect()
    db.execute("set TimeZone = 'UTC'")
    for name in bundle.LOG_TABLES:
        db.read_parquet(str(log / bundle.file_of(name))).create_view(name)
    # A row is an event the first time it is delivered, when it says what was done and when; nonsense is refused.
    db.execute("""create table events as select *, row_number() over (partition by event_id order by delivered_at) as turn,
        event_type in ('click', 'add_to_cart', 'purchase', 'search') and occurred is not null as is_valid
        from (select *, try_cast(occurred_at as timestamptz) as occurred from log_events)""")
    runs, lists, cutoff = [], [], started + HOUR
    while cutoff + MINUTE <= ended:
        before, version, published = time.process_time(), f"hour-{cutoff:%Y-%m-%dT%H}", cutoff + MINUTE
        top = db.execute(
            """select item_id from events where delivered_at >= $cutoff - interval 24 hours and delivered_at < $cutoff
            and turn = 1 and is_valid and event_type <> 'search' and item_id is not null
            group by item_id order by count(*) desc, item_id limit $k""",
            {"cutoff": cutoff, "k": K},
        ).fetchall()
        for row in lists if top else ():
            row["valid_to"] = row["valid_to"] or published  # the list before holds until this one
        made = {"version": version, "source": "popular", "valid_from": published, "valid_to": None}
        lists += [made | {"rank": rank, "item_id": item} for rank, (item,) in enumerate(top, start=1)]
        run = {"run_id": version, "interval_start": cutoff - HOUR, "interval_end": cutoff, "scheduled": cutoff}
        run |= {"started": cutoff, "ended": published, "data_cutoff": cutoff, "status": "skipped", "events_in": 0}
        run |= {"status": "published", "published": published, "version": version} if top else {}
        runs.append(run | {"rows_out": len(top), "cpu_seconds": time.process_time() - before, "peak_bytes": 0})
        cutoff += HOUR
    bundle.write_rows(out, "runs", runs)
    bundle.write_rows(out, "recommendations", lists)
    db.register("all_runs", bundle.read_table(out, "runs"))
    db.execute("create view published_runs as select * from all_runs where status = 'published'")
    reads = """select t, user_id, if(version is null, 404, 200) as status, null as latency_ms, version,
        epoch(t - data_cutoff) as list_age_seconds, if(version is null, null, 'popular') as served_reason,
        coalesce(rows_out, 0) as items from log_reads asof left join published_runs on t >= published"""
    visible = """select event_id, coalesce(occurred, delivered_at) as occurred, delivered_at as landed, case
        when turn > 1 then 'duplicate' when is_valid then 'accepted' else 'quarantined' end as fate,
        if(turn = 1 and is_valid, published, null) as first_visible
        from events asof left join published_runs on delivered_at < data_cutoff"""
    bundle.write_table(out, "reads", db.sql(reads).to_arrow_table())
    bundle.write_table(out, "event_visibility", db.sql(visible).to_arrow_table())
    bundle.write_rows(out, "faults", [])
    used = {"cpu_seconds": sum(run["cpu_seconds"] for run in runs), "gb_seconds": 0.0}
    bundle.write_rows(out, "costs", [{"what": "count", **used, "bytes_read": 0, "bytes_written": 0}])
    about = {
        "arm": "popular lately",
        "kind": "other",
        "commit": "example",
        "settings_hash": "example",
        "seed": 0,
        "k": K,
    }
    about |= {name: known[name] for name in ("log_hash", "started", "ended")}
    about |= {"cadence_seconds": 3600, "delay_seconds": 60, "price_sheet": "", "notes": "an example"}
    bundle.write_arm(out, about | {"hardware": {"cpu": "any", "cores": 1, "memory_bytes": 10**9}})


if __name__ == "__main__":
    run_arm(Path(sys.argv[1]), Path(sys.argv[2]))
