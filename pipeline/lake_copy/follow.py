"""The copy follows the lake: which folders have changed, and in which order the copy's are made like them."""

import fcntl
import json
import math
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from pipeline.errors import NotLanded, TreasureHuntError
from pipeline.failpoints import reach
from pipeline.files import alone_in, hash_file
from pipeline.lake_copy.place import entries_of, open_own, state_folder
from pipeline.manifests import ALL, MARKS, how_to_mend
from pipeline.object_storage import Place
from pipeline.privacy.rewrite import landed_hours_of
from pipeline.privacy.tombstones import tombstone_file
from pipeline.settings import Settings
from pipeline.tables import PRODUCERS

TAKEN = ".taken"  # the end of the mark of what is being copied
# Folders that an hour copies at its end, and seconds after which it begins no more: others wait for its slot.
MOST_AT_ONCE, MOST_SECONDS = 500, 300.0


def follow(settings: Settings, lake: Path, whole: bool = False) -> int:
    """The copy holds what the lake holds in every folder that changed since (`whole`: in every one, each file put anew);
    returns how many.

    Nothing where no copy is asked for. Raises `Unreachable`, `NotLanded` for what is damaged or gone in the lake, `BadInput`
    for a copy of another home; what was not copied by then stays marked. Waits for whoever is copying already.
    """
    if not settings.lake_copy:
        return 0
    with alone_in(state_folder(settings)):
        there = open_own(settings)
        if whole:
            _begin(lake)
            (lake / MARKS / ALL).touch()
        return _follow(there, settings, lake, is_anew=whole)


def follow_or_say(settings: Settings, lake: Path) -> list[str]:
    """The same for what must not fail by it, nor wait: sentences of what was done, and a warning of what was not."""
    if not settings.lake_copy:
        return []
    try:
        with _alone_if_free(state_folder(settings)) as is_free:
            if not is_free:
                return ["the lake is being copied; what is new is copied with the next hour"]
            count = _follow(open_own(settings), settings, lake, MOST_AT_ONCE, MOST_SECONDS)
    except TreasureHuntError as error:
        return [f"warning: {error}"]
    except Exception as error:  # whatever it is: the hour is done
        what = f"{type(error).__name__} in {lake}"
        return [f"warning: the lake cannot be copied ({what}); `treasure-hunt lake push` tries again"]
    return [f"hours and inboxes copied: {count}"] if count else []


def waiting(lake: Path) -> list[str]:
    """The folders of the lake, hours and inboxes, that the copy has still to follow, oldest first; ALL stands for all."""
    marks = lake / MARKS
    return sorted({path.name.removesuffix(TAKEN) for path in marks.iterdir()} if marks.is_dir() else {ALL})


def _follow(
    there: Place,
    settings: Settings,
    lake: Path,
    most: int | None = None,
    seconds: float = math.inf,
    is_anew: bool = False,
) -> int:
    _begin(lake)
    _mark_all(lake)
    count, wrong, until = 0, list[NotLanded](), time.monotonic() + seconds
    for name in waiting(lake)[:most]:
        folder = lake.joinpath(*name.split("~"))
        _take(lake, name, folder)
        try:
            _copy_folder(there, lake, folder, is_anew)
        except NotLanded as error:  # the others are copied all the same
            wrong.append(error)
            continue
        reach("copy.folder_done")
        (lake / MARKS / f"{name}{TAKEN}").unlink()
        count += 1
        if time.monotonic() > until:
            break
    _copy_tombstones(there, tombstone_file(settings))
    if wrong:
        raise wrong[0]
    return count


def _copy_tombstones(there: Place, path: Path) -> None:
    if not path.exists():
        return
    content = path.read_bytes()
    try:
        json.loads(content)
    except ValueError:
        raise NotLanded(f"{path} is damaged and is not copied; bring it back from the copy at {there.shown}.") from None
    there.put(path.name, BytesIO(content))


def _begin(lake: Path) -> None:
    """From now on whatever changes is marked; the first time everything is."""
    if (lake / MARKS).is_dir():
        return
    draft = lake / ".staging" / f"marks-{uuid.uuid4().hex[:12]}"
    draft.mkdir(parents=True)
    (draft / ALL).touch()
    draft.rename(lake / MARKS)


def _mark_all(lake: Path) -> None:
    marks = lake / MARKS
    if not (marks / ALL).exists():
        return
    inboxes: list[Path] = []
    if (lake / "replays").is_dir():
        with alone_in(lake / "replays", with_others=True):  # a replay that began before marks were made ends first
            inboxes = sorted((lake / "replays").iterdir())
    for folder in [*landed_hours_of(lake), *(path for path in inboxes if path.is_dir())]:
        (marks / "~".join(folder.relative_to(lake).parts)).touch()
    (marks / ALL).unlink()


def _take(lake: Path, name: str, folder: Path) -> None:
    """The mark says that the folder is being copied; one that is made meanwhile stands beside it.

    While nobody is at work in the folder: a mark is made before what it stands for, and both under the folder's lock.
    """
    mark = lake / MARKS / name
    with alone_in(folder.parent if folder.parent.name == "replays" else folder, with_others=True):
        if mark.exists():
            mark.replace(mark.with_name(f"{name}{TAKEN}"))


def _copy_folder(there: Place, lake: Path, folder: Path, is_anew: bool = False) -> None:
    """The copy's folder holds the manifests of this one and the tables that they name, and no others.

    Raises `NotLanded` when one of them is damaged or gone: then nothing of it takes the place of what is there.
    """
    place = f"{lake.name}/{folder.relative_to(lake)}"
    manifests = _read_manifests(folder)
    named, replaced = set[str](), set[str]()
    for name, content in manifests.items():
        try:
            manifest = json.loads(content)
            named |= {str(entry["file"]) for entry in entries_of(manifest)}
            replaced |= {file for file in manifest.get("replaced", ()) if (folder / file).exists()}
        except (ValueError, TypeError, KeyError, AttributeError):
            raise _wrong(folder, folder / name, "is damaged and is not copied") from None
    found = there.sizes(place)
    for name in sorted(found):
        if name.endswith(".json") and name not in manifests:  # the line takes none away: it was lost or removed
            raise _wrong(folder, folder / name, f"is gone, and stands in the copy of the lake at {there.shown}")
    for name in sorted(named | replaced):
        try:
            file = (folder / name).open("rb")
        except FileNotFoundError:
            if name not in named:
                continue
            if _read_manifests(folder) != manifests:
                return  # it landed anew just now, and is marked again
            raise _wrong(folder, folder / name, "is missing") from None
        with file:
            if is_anew or found.get(name) != os.fstat(file.fileno()).st_size:
                if not hash_file(folder / name).startswith(name.rsplit(".", 2)[-2]):
                    raise _wrong(folder, folder / name, "is damaged and is not copied")
                there.put(f"{place}/{name}", file)
    reach("copy.tables_put")
    for name, content in manifests.items():
        there.put(f"{place}/{name}", BytesIO(content))
    reach("copy.manifests_put")
    for name in sorted(found.keys() - named - replaced - manifests.keys()):
        there.delete(f"{place}/{name}")


def _read_manifests(folder: Path) -> dict[str, bytes]:
    paths = [path for path in sorted(folder.iterdir()) if path.suffix == ".json"] if folder.is_dir() else []
    return {path.name: path.read_bytes() for path in paths}


def _wrong(folder: Path, path: Path, what: str) -> NotLanded:
    if folder.parent.name == "replays":
        return NotLanded(f"{path} {what}; bring the inbox back from the copy, or remove both and replay again.")
    maker = path.name.split(".")[0]  # of a manifest; of a table the stage that makes it
    remedy = how_to_mend(PRODUCERS.get(maker, maker), f"{folder.parent.name}T{folder.name}")
    return NotLanded(f"{path} {what}; {remedy}.")


@contextmanager
def _alone_if_free(folder: Path) -> Iterator[bool]:
    """Whether no other process is in such a block, or in `alone_in` of the folder; if so, none enters until this ends."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
