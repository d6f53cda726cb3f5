"""Requests to be forgotten: a number that may stand in a form or a log, and, until it is done, a file that says who.

The row in table `erasures` is filed with the request and becomes its receipt; it never holds the user, only a keyed hash.
"""

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select, update

from pipeline.errors import BadInput
from pipeline.failpoints import reach
from pipeline.privacy.keys import hash_name, load_key
from pipeline.privacy.people import EDGES
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

    Raises `BadInput` with the open ones when it is not among them, and when its file names somebody else than the database.
    """
    create_schema(engine)
    with reading(engine) as connection:
        rows = {row.request: row for row in connection.execute(select(erasures))}
    if number not in rows:
        waiting = [str(name) for name, row in sorted(rows.items()) if row.erased_at is None]
        raise BadInput(f"there is no request {number}; open are: {', '.join(waiting) or 'none'}.")
    is_done, file = rows[number].erased_at is not None, request_file(settings, number)
    if is_done and not file.exists():
        return dict(json.loads(rows[number].places))
    request = read_request(settings, number)
    if hash_name(load_key(settings), "user", request.user) != rows[number].user_hash:
        raise BadInput(
            f"request {number} is somebody's in the serving database and somebody else's in {file}: "
            "the database was put back, or the key is another one; file the request again, which gives each a number."
        )
    if is_done:
        file.unlink()  # whoever carried it out died before
        return dict(json.loads(rows[number].places))
    return request


def close_request(engine: Engine, settings: Settings, request: Request) -> None:
    """The receipt is written and nothing says any more who it was."""
    receipt: dict[str, Any] = {
        "erased_at": datetime.now(UTC),
        "rows": sum(request.places.values()),
        "places": json.dumps(dict(sorted(request.places.items()))),
    }
    path = request_file(settings, request.number)
    path.with_suffix(".draft").unlink(missing_ok=True)
    with writing(engine) as connection:
        connection.execute(update(erasures).where(erasures.c.request == request.number).values(receipt))
    reach("erase.receipt_written")
    path.unlink(missing_ok=True)
