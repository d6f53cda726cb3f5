"""Requests to be forgotten: a number that may stand in a form or a log, and, until it is done, a file that says who.

The row in table `erasures` is filed with the request and becomes its receipt; it never holds the user, only a keyed hash.
"""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select, update

from pipeline.errors import BadInput
from pipeline.failpoints import reach
from pipeline.privacy.keys import hash_name, load_key
from pipeline.privacy.people import EDGES
from pipeline.privacy.tombstones import read_tombstones
from pipeline.serving.database import create_schema, reading, writing
from pipeline.serving.schema import erasures
from pipeline.settings import Settings


@dataclass
class Request:
    """An open request: whom to forget, and what was found of them so far, so that a killed attempt can be taken up."""

    number: int
    user: str
    requested_at: str
    sessions: set[str] = field(default_factory=set)
    queries: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    places: dict[str, int] = field(default_factory=dict)


def request_file(settings: Settings, number: int) -> Path:
    """Where an open request stands; only its owner can read it."""
    return settings.home / "erasures" / f"{number:06d}.json"


def file_request(engine: Engine, settings: Settings, user: str) -> int:
    """The number of the request to forget this user; an open one of the same user keeps its number.

    A number that the database gives out again, because it was replaced or put back, stays that of whom its file names.
    """
    user = user.strip(EDGES)
    if not user:
        raise BadInput("the user id is empty; give the id as it stands in the events.")
    create_schema(engine)
    key, now = load_key(settings), datetime.now(UTC)
    of_user = erasures.c.user_hash == hash_name(key, "user", user)
    with writing(engine) as connection:
        while True:
            known = connection.execute(select(erasures).where(of_user, erasures.c.erased_at.is_(None))).first()
            if known is None:
                row = {"requested_at": now, "user_hash": hash_name(key, "user", user)}
                known = connection.execute(insert(erasures).values(row).returning(*erasures.c)).one()
            number = int(known.request)
            if not request_file(settings, number).exists():
                save_request(settings, Request(number, user, known.requested_at.isoformat()))
            filed = read_request(settings, number)
            if filed.user == user:
                return number
            theirs = {
                "requested_at": datetime.fromisoformat(filed.requested_at),
                "user_hash": hash_name(key, "user", filed.user),
            }
            connection.execute(update(erasures).where(erasures.c.request == number).values(theirs))


def save_request(settings: Settings, request: Request) -> None:
    """The open request is on disk, with what was found so far."""
    path = request_file(settings, request.number)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    told = {name: sorted(value) if isinstance(value, set) else value for name, value in vars(request).items()}
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(told, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_request(settings: Settings, number: int) -> Request:
    """What the file of an open request says; raises `BadInput` when there is none."""
    try:
        told = json.loads(request_file(settings, number).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(
            f"request {number} was filed under another home; carry it out there, or file it again."
        ) from None
    sets: dict[str, Any] = {name: set(value) if isinstance(value, list) else value for name, value in told.items()}
    return Request(**sets)


def open_request(engine: Engine, settings: Settings, number: int) -> Request | dict[str, int]:
    """The open request of this number, or what was gone, rows by place, when it was carried out before.

    Raises `BadInput` with the open ones when it is not among them, when its file names somebody else than the database, and
    when it was carried out elsewhere.
    """
    create_schema(engine)
    with reading(engine) as connection:
        rows = {row.request: row for row in connection.execute(select(erasures))}
    if number not in rows:
        waiting = [str(name) for name, row in sorted(rows.items()) if row.erased_at is None]
        raise BadInput(f"there is no request {number}; open are: {', '.join(waiting) or 'none'}.")
    row, file = rows[number], request_file(settings, number)
    is_done = row.erased_at is not None
    request = None if is_done and not file.exists() else read_request(settings, number)
    if request and hash_name(load_key(settings), "user", request.user) != row.user_hash:
        raise BadInput(
            f"request {number} is somebody's in the serving database and somebody else's in {file}: the database was put "
            "back, or the key is another one; file the request again and carry out the number that it is given."
        )
    if not is_done and request:
        return request
    tombstones = read_tombstones(settings)
    if tombstones is None or row.user_hash not in tombstones.users:
        raise BadInput(
            f"request {number} was carried out at {row.erased_at:%Y-%m-%d %H:%M} UTC, but not here: in another home, or "
            "before this one was put back from a backup; file it again."
        )
    if request:
        drop_files(settings, request)  # whoever carried it out died before
    return dict(json.loads(row.places))


def close_request(engine: Engine, settings: Settings, request: Request) -> None:
    """The receipt is written, other open requests of the same user are done too, and nothing says any more who it was."""
    done = {"erased_at": datetime.now(UTC), "rows": 0, "places": "{}"}
    found = {"rows": sum(request.places.values()), "places": json.dumps(dict(sorted(request.places.items())))}
    of_user = erasures.c.user_hash == hash_name(load_key(settings), "user", request.user)
    with writing(engine) as connection:
        connection.execute(update(erasures).where(of_user, erasures.c.erased_at.is_(None)).values(done))
        connection.execute(update(erasures).where(erasures.c.request == request.number).values(found))
    reach("erase.receipt_written")
    drop_files(settings, request)


def drop_files(settings: Settings, request: Request) -> None:
    """No file of this home names the user any more; this request's goes last, so that it is found when this is killed."""
    own = request_file(settings, request.number)
    for path in sorted(own.parent.iterdir()):
        with suppress(ValueError, KeyError, FileNotFoundError):  # a draft may be half written
            if path != own and json.loads(path.read_text(encoding="utf-8"))["user"] == request.user:
                path.unlink()
    own.with_suffix(".draft").unlink(missing_ok=True)
    own.unlink(missing_ok=True)
