"""Where files lie: a folder of this machine, or a bucket of object storage, whose files are fetched before they are read."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path, PurePosixPath

from pipeline.checksums import name_sums
from pipeline.errors import BadInput, Unreachable, Unreadable
from pipeline.hours import HOUR, hours_between
from pipeline.object_storage import hide_query, is_bucket, open_bucket, path_of
from pipeline.run import Run
from pipeline.sources.columns import first_line

OTHER_NAME = "what lies there has another name"


def name_files(relations: Iterable[str], start: datetime, end: datetime) -> list[str]:
    """The names of files, with * in them, that hold the hours from start to end."""
    hours = hours_between(start, max(start, end - HOUR))
    return list(dict.fromkeys(hour.strftime(relation) for relation in relations for hour in hours))


def find_files(folder: Path, names: Iterable[str]) -> list[Path]:
    """The files below a folder that have one of these names, in the order of their names.

    Raises `Unreadable` for a link whose file is not there: what it stands for would be lost in silence.
    """
    found = sorted({path for name in names for path in folder.glob(name) if not path.is_dir()})
    for path in found:
        if not path.exists():
            raise Unreadable(f"{path} is a link to a file that is not there")
    return found


def say_absent(folder: Path, relations: Iterable[str], start: datetime, end: datetime, url: str) -> str:
    """What these hours have no file of, in half a sentence; nothing when there is one, or no name says the hour.

    Files that lie beside the place of those that are missing are named, since a name in other letters is another name.
    """
    names = name_files([relation for relation in relations if "%H" in relation], start, end)
    if not names or find_files(folder, names):
        return ""
    beside = sorted({path.name for name in names for path in (folder / name).parent.glob("*") if path.is_file()})
    others = f"; {OTHER_NAME}: {', '.join(beside[:3])}" if beside else ""
    return f"there is no file {names[0]} in {hide_query(url)}{others}"


def open_folder(run: Run, url: str, relations: list[str], start: datetime, end: datetime, scratch: Path) -> Path:
    """A folder of this machine that holds the files of these hours: the source's own, or `scratch` with what was fetched."""
    if is_bucket(url):
        names = name_files(relations, start, end)
        return fetch(run, url, [*name_sums(names), *names] if names else ["**"], scratch / "fetched")
    folder = Path(url).expanduser().resolve()
    if not folder.is_dir():
        raise BadInput(
            f"source {run.settings.source}: {folder} is not a folder; set TREASURE_HUNT_SOURCE_URL to the folder of its "
            f"files (see sql/sources/{run.settings.source}/README.md)."
        )
    return folder


def fetch(run: Run, url: str, names: Iterable[str], folder: Path) -> Path:
    """The objects of these names below the URL lie in `folder`; one that lies there already is not fetched again.

    Fetched whole before anything is read, so that every reader sees the same bytes and a line that breaks is found here.
    """
    from fsspec.implementations.arrow import ArrowFSWrapper

    shown = hide_query(url)
    storage = ArrowFSWrapper(open_bucket(url, f"source {run.settings.source}", run.settings))
    prefix = PurePosixPath(path_of(url))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if not storage.exists(str(prefix.parts[0])):
            raise BadInput(f"source {run.settings.source}: there is no bucket {prefix.parts[0]}.")
        for name in names:
            pattern = str(prefix / name)
            found = storage.glob(pattern) if "*" in name else [pattern] if storage.isfile(pattern) else []
            for key in found:
                target = folder / PurePosixPath(key).relative_to(prefix)
                if target.exists() or storage.isdir(key):
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                size = storage.info(key)["size"]
                storage.get_file(key, str(target) + ".part")
                part = Path(str(target) + ".part")
                if part.stat().st_size != size:
                    raise Unreadable(
                        f"source {run.settings.source}: {shown}: {name} was cut off or replaced while it was fetched"
                    )
                part.replace(target)
    except OSError as error:
        raise Unreachable(f"source {run.settings.source}: {shown} cannot be read: {first_line(error)}") from None
    return folder
