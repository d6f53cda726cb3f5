"""Where the copy of the lake lies, whose it is, and whether all of it can be reached."""

import json
import logging
import uuid
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from pipeline.errors import BadInput, Unreadable
from pipeline.files import write_json
from pipeline.manifests import ALL, MARKS
from pipeline.object_storage import Place
from pipeline.settings import PREFIX, Settings

OWNER = "owner.json"
REMEDY = "what is missing there is copied with the next hour, or by `treasure-hunt lake push`"
log = logging.getLogger("treasure_hunt")


def check_reach(settings: Settings) -> None:
    """Raises `BadInput` where a copy of this home is kept that the settings do not name: nobody could be erased from it."""
    place = read_state(settings).get("place")
    if place and not settings.lake_copy:
        raise BadInput(
            f"a copy of the lake is kept at {place}, and {PREFIX}LAKE_COPY does not say so: set it, so that the erasure "
            f"reaches the copy, or remove the copy and {state_folder(settings)}."
        )


def check_strangers(settings: Settings) -> None:
    """Raises `BadInput` where the copy has files that this home has not: what goes here would stay there."""
    if not settings.lake_copy:
        return
    there, lakes = open_copy(settings), settings.home / "lake"
    found = []
    for source in there.folders(""):
        places = [
            f"{source}/hours/{day}/{hour}"
            for day in there.folders(f"{source}/hours")
            for hour in there.folders(f"{source}/hours/{day}")
        ]
        places += [f"{source}/replays/{name}" for name in there.folders(f"{source}/replays")]
        found += [place for place in places if there.sizes(place).keys() - _names_in(lakes / place)]
    if found:
        raise BadInput(
            f"the copy of the lake at {there.shown} has files in {len(found)} hours or inboxes that this home does "
            f"not have, the first in {found[0]}: bring them here by `treasure-hunt lake fetch`, or remove them there."
        )


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def state_folder(settings: Settings) -> Path:
    """Where the home keeps what it knows of its copy; whoever copies or fetches is alone in it."""
    return settings.home / "lake" / ".copy"


def read_state(settings: Settings) -> dict[str, str]:
    """Which `home` the copy knows this one by, and at which `place` it is; empty where none was ever kept."""
    path = state_folder(settings) / "state.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError):
        raise BadInput(f"{path} is damaged; remove it and, in the copy of the lake, owner.json.") from None


def write_state(settings: Settings, home: str, place: str) -> None:
    """The same is known from now on."""
    folder = state_folder(settings)
    write_json(folder / "state.json", {"home": home, "place": place}, folder / ".draft")


def open_copy(settings: Settings, remedy: str = REMEDY) -> Place:
    """The place of the copy, whoever's it is; raises `BadInput` for one that cannot be meant."""
    where, lakes = settings.lake_copy, (settings.home / "lake").resolve()
    place = Place(where, "the copy of the lake", remedy, settings)
    if place.is_folder and Path(place.shown).is_relative_to(lakes):
        raise BadInput(f"{PREFIX}LAKE_COPY={where}: lies in the lake itself, {lakes}; a copy belongs elsewhere.")
    return place


def open_own(settings: Settings) -> Place:
    """The place of the copy, which is this home's; where it is another one than before, everything is marked."""
    there, state = open_copy(settings), read_state(settings)
    home, owner = state.get("home") or uuid.uuid4().hex, read_owner(there)
    if owner not in (None, home):
        raise BadInput(
            f"the copy at {there.shown} is that of another home; give this one a place of its own, or go on from that copy "
            "by `treasure-hunt lake fetch` in an empty home."
        )
    if state.get("place") != there.shown or owner is None:
        if state.get("place", there.shown) != there.shown:
            log.warning("the copy of the lake moves to %s: remove what is left at %s", there.shown, state["place"])
        for lake in (path for path in sorted((settings.home / "lake").iterdir()) if (path / MARKS).is_dir()):
            (lake / MARKS / ALL).touch()
        write_state(settings, home, there.shown)
    if owner is None:
        write_owner(there, home)
    return there


def write_owner(there: Place, home: str) -> None:
    """The copy is that of this home."""
    there.put(OWNER, BytesIO(json.dumps({"home": home}).encode()))


def read_owner(there: Place) -> str | None:
    """Which home the copy is that of; None before there is one."""
    content = there.read(OWNER)
    return None if content is None else str(parse(content, f"{there.shown}/{OWNER}").get("home"))


def parse(content: bytes, name: str) -> dict[str, Any]:
    """What a JSON file of the copy holds; raises `Unreadable` when it is damaged."""
    try:
        return {**json.loads(content)}
    except (ValueError, TypeError):
        raise Unreadable(
            f"{name} is damaged in the copy of the lake", "fetch the hours before it, or remove it there"
        ) from None


def entries_of(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the manifest of a stage or of an inbox says of its files."""
    return [*manifest.get("tables", {}).values(), *manifest.get("batches", [])]
