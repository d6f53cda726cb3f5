"""What must hold after any fault, as plain functions: each returns a sentence for everything that is wrong."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import Connection, Engine, inspect, select, text

from pipeline.files import hash_file
from pipeline.lake_copy.follow import waiting
from pipeline.privacy.requests import request_file
from pipeline.serving.database import reading
from pipeline.serving.schema import LISTS, PUBLISHED, erasures, live, live_history, rows_of, versions
from pipeline.settings import Settings

VERSION = r"[0-9T-]+-[0-9a-f]{12}"


def manifests_of(settings: Settings) -> dict[Path, dict[str, Any]]:
    """Every manifest of a landed stage in the lake."""
    paths = sorted((settings.lake / "hours").glob("*/*/*.json"))
    return {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def broken_conservation(settings: Settings) -> list[str]:
    """I1: of every hour and kind delivered = accepted + quarantined + duplicate, and the files hold as many rows."""
    wrong = []
    for path, manifest in manifests_of(settings).items():
        ledger = manifest["facts"].get("ledger")
        if not ledger:
            continue
        if ledger["delivered"] != ledger["accepted"] + ledger["quarantined"] + ledger["duplicate"]:
            wrong.append(f"{path}: the ledger does not balance: {ledger}")
        for fate, table in (("accepted", "events"), ("quarantined", "quarantined_events")):
            if table in manifest["tables"]:
                rows = pq.read_metadata(path.parent / manifest["tables"][table]["file"]).num_rows
                if rows != ledger[fate]:
                    wrong.append(f"{path}: {table} has {rows} rows, the ledger says {ledger[fate]} {fate}")
    return wrong


def broken_landings(settings: Settings) -> list[str]:
    """I2 of the lake: every manifest names files that are there and hold the bytes that it says."""
    return [
        f"{path}: {entry['file']} is missing or damaged"
        for path, manifest in manifests_of(settings).items()
        for entry in manifest["tables"].values()
        if not (path.parent / entry["file"]).exists() or hash_file(path.parent / entry["file"]) != entry["sha256"]
    ]


def broken_copy(settings: Settings) -> list[str]:
    """I2 of the copy of the lake: manifests there name files that are whole; what no mark waits for is as in the lake."""
    wrong = []
    folder = Path(settings.lake_copy) / settings.lake.name
    for path in sorted((folder / "hours").glob("*/*/*.json")):
        here, name = settings.lake / path.relative_to(folder), "~".join(path.relative_to(folder).parts[:-1])
        for entry in json.loads(path.read_text(encoding="utf-8"))["tables"].values():
            table = path.parent / entry["file"]
            if not table.exists() or hash_file(table) != entry["sha256"]:
                wrong.append(f"{path}: {entry['file']} is missing or damaged")
        if name not in waiting(settings.lake) and here.read_bytes() != path.read_bytes():
            wrong.append(f"{path}: is not what the lake has, and nothing waits for it")
    return wrong


def broken_versions(engine: Engine) -> list[str]:
    """I2 of the serving database: the pointer stands on a published version, and every published version is whole."""
    wrong = []
    with reading(engine) as connection:
        published = {
            row.version: row.row_count
            for row in connection.execute(select(versions).where(versions.c.status == "published"))
        }
        for row in connection.execute(select(live)):
            if row.version not in published:
                wrong.append(f"live is {row.version}, which is not published")
        for version, rows in published.items():
            found = sum(_count(connection, table.name, f"version = '{version}'") for table in PUBLISHED)
            if found != rows:
                wrong.append(f"{version} has {found} rows of {rows}")
            for table, (key, item) in LISTS.items():
                wrong += _broken_lists(connection, version, table.name, key, item)
    return wrong


def _count(connection: Connection, source: str, condition: str) -> int:
    return int(connection.scalar(text(f"select count(*) from {source} where {condition}")) or 0)


def _broken_lists(connection: Connection, version: str, table: str, key: str, item: str) -> Iterable[str]:
    """Lists with gaps or repeats, and listed items that cannot be bought, as readers of the table see them."""
    lists = f"(select count(*) as n, max(rank) as last, count(distinct {item}) as items from {table} "
    lists += f"where version = '{version}' group by {key}) as lists"
    if gaps := _count(connection, lists, "n <> last or n <> items"):
        yield f"{version}: {gaps} lists of {table} have gaps or repeats"
    offered = f"select item_id from items where version = '{version}' and is_available"
    if lost := _count(connection, table, f"version = '{version}' and ({item} not in ({offered}) or score is null)"):
        yield f"{version}: {lost} rows of {table} list what cannot be bought, or without a score"


def broken_order(engine: Engine) -> list[str]:
    """I3: no move of the pointer went back to an older hour, but those of a rollback; the last one is what is live."""
    wrong, seen = [], {}
    with reading(engine) as connection:
        for row in connection.execute(select(live_history).order_by(live_history.c.id)):
            before = seen.get((row.source, row.arm))
            if before and row.cause == "publish" and row.interval_start < before.interval_start:
                wrong.append(f"the pointer went back from {before.version} to {row.version}")
            seen[row.source, row.arm] = row
        for row in connection.execute(select(live)):
            last = seen.get((row.source, row.arm))
            if last is None or last.version != row.version:
                wrong.append(f"live is {row.version}, which no move says")
    return wrong


def residue_in_lake(settings: Settings, staging: bool = True) -> list[str]:
    """I5 of the lake: files that no manifest names. What a killed attempt left in `.staging` is swept after a day."""
    listed = {
        path.parent / file
        for path, manifest in manifests_of(settings).items()
        for file in [*(entry["file"] for entry in manifest["tables"].values()), *manifest.get("replaced", [])]
    }
    found = {path for path in (settings.lake / "hours").rglob("*") if path.is_file()}
    left = sorted(str(path) for path in found - listed - set(manifests_of(settings)) if "failed" not in path.parts)
    return left + ([str(path) for path in sorted((settings.lake / ".staging").glob("*"))] if staging else [])


def residue_in_serving(engine: Engine) -> list[str]:
    """I5 of the serving database: rows or tables of versions that are neither published nor kept as failed."""
    with reading(engine) as connection:
        states = {row.version: row.status for row in connection.execute(select(versions.c.version, versions.c.status))}
        wrong = [f"{version} is {state}" for version, state in states.items() if state == "loading"]
        kept = {version for version, state in states.items() if state in {"published", "failed"}}
        names = inspect(connection).get_table_names()
        for table in PUBLISHED:
            if engine.dialect.name == "sqlite":
                found = connection.scalars(text(f"select distinct version from {table.name}")).all()
            else:
                parts = [name.removeprefix(f"{table.name}_") for name in names]
                found = [part for part in parts if re.fullmatch(VERSION, part)]
            wrong += [f"{table.name} holds {version}, which no row says" for version in found if version not in kept]
    return wrong


def residue_of_requests(settings: Settings, engine: Engine) -> list[str]:
    """I5 of erasing: files that say who was meant by a request that is done."""
    with reading(engine) as connection:
        done = connection.scalars(select(erasures.c.request).where(erasures.c.erased_at.is_not(None))).all()
    return [
        f"request {number} is done and still says who" for number in done if request_file(settings, number).exists()
    ]


def content_of_lake(settings: Settings) -> dict[str, Any]:
    """I4: what has landed, by hash: every table of every stage of every hour, and what it was made from."""
    return {
        str(path.relative_to(settings.lake)): {
            "tables": {name: entry["sha256"] for name, entry in manifest["tables"].items()},
            "inputs": manifest["inputs"],
            # What a publish or report has to tell is about the attempt: whether something moved, what was audited in it.
            "facts": manifest["facts"] if manifest["tables"] else {},
        }
        for path, manifest in manifests_of(settings).items()
    }


def content_of_serving(engine: Engine) -> dict[str, Any]:
    """I4: the live version and every row of every published version."""
    with reading(engine) as connection:
        content: dict[str, Any] = {
            "live": sorted(connection.scalars(select(live.c.version))),
            "versions": sorted(
                (row.version, row.row_count, row.content_hash)
                for row in connection.execute(select(versions).where(versions.c.status == "published"))
            ),
        }
        for table in PUBLISHED:
            parts = [
                connection.execute(select(part).where(part.c.version == version)).all()
                for version, *_ in content["versions"]
                for part in [rows_of(table, version, engine.dialect.name)]
            ]
            content[table.name] = sorted(repr(tuple(row)) for rows in parts for row in rows)
    return content


def broken(settings: Settings, engine: Engine) -> list[str]:
    """I1 to I3 at once: what must hold at every moment, also right after a kill."""
    return [*broken_conservation(settings), *broken_landings(settings), *broken_versions(engine), *broken_order(engine)]
