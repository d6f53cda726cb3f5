"""Who was erased, as keyed hashes: whoever stands here is refused at ingestion, so that no backfill brings them back.

One file for all sources of this home. `mark` is a number that grows with every step of an erasure: a stage that began
under another mark than it ends under may hold rows of somebody erased meanwhile, and lands nothing.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import BadInput, Overtaken
from pipeline.files import alone_in, write_json
from pipeline.privacy.keys import hash_name, load_key
from pipeline.privacy.people import belongs_to, people_of, sessions_of
from pipeline.settings import Settings

ERASED = "erased"  # the rule in quarantine and ledger
SENTENCE = "the person asked to be forgotten"
# What is left of a row of somebody erased: that it was delivered, where it stands, and in which hour.
KEPT = frozenset({"row", "locator", "delivered_at"})
WHO = ("user_id", "session_id")


@dataclass(frozen=True)
class Tombstones:
    """Keyed hashes of the users who were erased and of the sessions that were theirs."""

    users: frozenset[str]
    sessions: frozenset[str]


def tombstone_file(settings: Settings) -> Path:
    """Where the tombstones of this home stand, beside the lakes of its sources."""
    return settings.home / "lake" / "tombstones.json"


def _read(settings: Settings) -> dict[str, Any]:
    try:
        return dict(json.loads(tombstone_file(settings).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {"key": "", "mark": 0, "users": [], "sessions": []}


def read_mark(settings: Settings) -> int:
    """The number of steps that erasures have taken; 0 when nobody was erased."""
    return int(_read(settings)["mark"])


def check_mark(settings: Settings, mark: int, what: str) -> None:
    """Raises `Overtaken` when the mark has moved on."""
    if read_mark(settings) != mark:
        raise Overtaken(f"somebody was erased while {what} was at work; nothing of it is kept, run it again.")


def read_tombstones(settings: Settings) -> Tombstones | None:
    """The tombstones, or None when nobody was erased; raises `BadInput` when they were made with another key."""
    found = _read(settings)
    if not found["users"]:
        return None
    if found["key"] != hash_name(load_key(settings), "key", ""):
        raise BadInput(
            f"{tombstone_file(settings)} was written with another key than this one, so nobody in it would be known "
            "again; bring back TREASURE_HUNT_HASH_KEY or the file keys/hash.key."
        )
    return Tombstones(frozenset(found["users"]), frozenset(found["sessions"]))


def raise_tombstone(settings: Settings, user: str, sessions: Iterable[str] = ()) -> None:
    """The user and these sessions are known as erased, and the mark has moved on."""
    read_tombstones(settings)  # refuses another key
    key, path = load_key(settings), tombstone_file(settings)
    with alone_in(path.parent):
        found = _read(settings)
        tombstones = {
            "key": hash_name(key, "key", ""),
            "mark": found["mark"] + 1,
            "users": sorted({*found["users"], hash_name(key, "user", user)}),
            "sessions": sorted({*found["sessions"], *(hash_name(key, "session", name) for name in sessions)}),
        }
        write_json(path, tombstones, path.parent / ".tombstones")


def blank_erased(settings: Settings, path: Path) -> pa.Array:
    """Rows of people who were erased are empty in this draft of delivered events; returns their numbers, from 1.

    Theirs are the rows that name them, and those without a user of a session that is or was theirs. Costs nothing while
    nobody was erased.
    """
    tombstones = read_tombstones(settings)
    if tombstones is None:
        return pa.array([], pa.int64())
    key = load_key(settings)
    seen = pq.read_table(path, columns=[*WHO, "excluded"])
    people = people_of(seen)

    def known(column: str, kind: str, hashes: frozenset[str]) -> set[str]:
        names = pc.unique(people[column]).to_pylist()
        return {name for name in names if name and hash_name(key, kind, name) in hashes}

    users = known("user_id", "user", tombstones.users)
    sessions = known("session_id", "session", tombstones.sessions) | sessions_of(people, users)
    erased = belongs_to(people, users, sessions)
    if pc.any(erased).as_py():
        _blank_rows(path, erased)
    erased = pc.or_(erased, pc.fill_null(pc.equal(seen["excluded"], SENTENCE), False))  # with those blanked before
    return pc.add(pc.indices_nonzero(erased).cast(pa.int64()), 1)


def _blank_rows(path: Path, erased: pa.ChunkedArray) -> None:
    """These rows hold nothing but what is KEPT, and say why in `excluded`; goes through the file batch by batch."""
    draft, start = path.with_name(f"{path.name}.blanked"), 0
    # Where every row had a value, the file says that none is null.
    shape = pa.schema([field.with_nullable(True) for field in pq.read_schema(path)])
    with pq.ParquetFile(path) as file, pq.ParquetWriter(draft, shape, compression="zstd") as writer:
        for batch in file.iter_batches():
            mask = erased.slice(start, len(batch)).combine_chunks()
            start += len(batch)
            columns = [
                column
                if name in KEPT
                else pc.if_else(mask, pa.scalar(SENTENCE if name == "excluded" else None, column.type), column)
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=shape))
    draft.replace(path)
