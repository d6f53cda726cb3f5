"""The way back: the lake of an empty home is filled from its copy."""

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import BadInput, Overtaken, Unreadable
from pipeline.files import alone_in, hash_file, move_into_place
from pipeline.hours import parse_hour
from pipeline.lake_copy.place import (
    entries_of,
    open_copy,
    parse,
    read_owner,
    read_state,
    state_folder,
    write_owner,
    write_state,
)
from pipeline.manifests import hour_folder
from pipeline.object_storage import Place
from pipeline.privacy.tombstones import read_mark, tombstone_file
from pipeline.settings import Settings


@dataclass
class Fetched:
    """What came back out of a copy."""

    hours: int = 0
    files: int = 0
    bytes: int = 0


def fetch(settings: Settings) -> Fetched:
    """The lake of this source holds what its copy holds, each table being what its manifest says; then this home is the one
    that the copy follows, and the one before it no more. What is there already and is the same stays, so that a fetch that
    was cut off goes on.

    Raises `BadInput` when there is no copy, or the lake has landed an hour otherwise; `Unreadable` when the copy is damaged;
    `Overtaken` when somebody is erased meanwhile.
    """
    there, lake, done = open_copy(settings, "fetch again"), settings.lake, Fetched()
    with alone_in(state_folder(settings)):
        owner, days = read_owner(there), there.folders(f"{lake.name}/hours")
        if owner is None or not days:
            raise BadInput(f"there is no copy of the lake of source {settings.source} at {there.shown}.")
        state = read_state(settings)
        if state.get("home", owner) != owner:
            raise BadInput(f"this home has a copy of its own at {state['place']}; fetch into an empty one.")
        staging = lake / ".staging" / f"fetch-{uuid.uuid4().hex[:12]}"
        staging.mkdir(parents=True)
        try:
            tombstones = tombstone_file(settings)
            if (content := there.read(tombstones.name)) is not None:
                with alone_in(tombstones.parent):
                    _place(content, tombstones, staging, done)
            mark = read_mark(settings)
            hours = [parse_hour(f"{day}T{hour}") for day in days for hour in there.folders(f"{lake.name}/hours/{day}")]
            folders = [hour_folder(lake, hour) for hour in hours]
            folders += [lake / "replays" / name for name in there.folders(f"{lake.name}/replays")]
            for folder in folders:
                is_inbox = folder.parent.name == "replays"
                with alone_in(folder.parent if is_inbox else folder):
                    if read_mark(settings) != mark:
                        raise Overtaken("somebody was erased while the copy of the lake was fetched; fetch again.")
                    done.hours += _fetch_folder(there, lake, folder, staging, done) and not is_inbox
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        home = uuid.uuid4().hex  # only now: a home that has not all of it would take from the copy what it lacks
        write_owner(there, home)
        write_state(settings, home, there.shown)
    return done


def _fetch_folder(there: Place, lake: Path, folder: Path, staging: Path, done: Fetched) -> bool:
    """The folder holds the manifests of its copy, and before them the tables that they name; whether there are any."""
    place = f"{lake.name}/{folder.relative_to(lake)}"
    manifests = {}
    for name in there.sizes(place):
        if name.endswith(".json") and (content := there.read(f"{place}/{name}")) is not None:
            manifests[name] = content
    for name, content in manifests.items():
        for entry in entries_of(parse(content, f"{place}/{name}")):
            target, draft = folder / entry["file"], staging / entry["file"]
            if target.exists() and hash_file(target) == entry["sha256"]:
                continue
            if not there.fetch(f"{place}/{entry['file']}", draft):
                raise _unreadable(f"{place}/{entry['file']} is missing")
            if hash_file(draft) != entry["sha256"]:
                raise _unreadable(f"{place}/{entry['file']} is not what its manifest says")
            done.files, done.bytes = done.files + 1, done.bytes + draft.stat().st_size
            move_into_place(draft, target)
    for name, content in manifests.items():
        _place(content, folder / name, staging, done)
    return bool(manifests)


def _unreadable(fault: str) -> Unreadable:
    remedy = (
        "`treasure-hunt lake push --all` where the hour is whole mends it; else remove the hour there and run it again"
    )
    return Unreadable(f"{fault} in the copy of the lake", remedy)


def _place(content: bytes, target: Path, staging: Path, done: Fetched) -> None:
    """The file has these bytes; raises `BadInput` when it has others."""
    if target.exists():
        if target.read_bytes() != content:
            raise BadInput(
                f"{target} is there already and is not what the copy of the lake has; a copy is fetched into an empty home."
            )
        return
    draft = staging / target.name
    draft.write_bytes(content)
    done.files, done.bytes = done.files + 1, done.bytes + len(content)
    move_into_place(draft, target)
