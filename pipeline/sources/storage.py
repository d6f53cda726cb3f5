"""Where files lie: a folder of this machine, or a bucket of object storage, whose files are fetched before they are read."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pipeline.checksums import name_sums
from pipeline.errors import BadInput, Unreachable, Unreadable
from pipeline.hours import HOUR, hours_between
from pipeline.run import Run
from pipeline.sources.columns import first_line

QUERY = {"endpoint": "endpoint_override", "region": "region", "access_key": "access_key", "secret_key": "secret_key"}


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
    others = f"; what lies there has another name: {', '.join(beside[:3])}" if beside else ""
    return f"there is no file {names[0]} in {hide_query(url)}{others}"


def hide_query(url: str) -> str:
    """A folder, or a bucket's URL without who may read it."""
    parts = urlsplit(url)
    return f"s3://{parts.hostname}{parts.path}" if url.startswith("s3://") else url


def open_folder(run: Run, url: str, relations: list[str], start: datetime, end: datetime, scratch: Path) -> Path:
    """A folder of this machine that holds the files of these hours: the source's own, or `scratch` with what was fetched."""
    if url.startswith("s3://"):
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
    parts = urlsplit(url)
    shown = hide_query(url)
    storage = _open_storage(run, url)
    prefix = PurePosixPath(parts.netloc.rpartition("@")[2] + parts.path)
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


def _open_storage(run: Run, url: str) -> Any:
    """The storage behind an s3 URL, by fsspec; who may read it is said by the AWS_… variables or the URL's query."""
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    asked = dict(parse_qsl(urlsplit(url).query))
    if unknown := sorted(set(asked) - set(QUERY)):
        raise BadInput(
            f"source {run.settings.source}: {', '.join(unknown)} is not known in an s3 URL; known are {', '.join(QUERY)}."
        )
    options = {QUERY[name]: value for name, value in asked.items()}
    if "endpoint_override" in options:
        endpoint = urlsplit(options["endpoint_override"])
        if endpoint.netloc:
            options |= {"endpoint_override": endpoint.netloc, "scheme": endpoint.scheme}
    options.setdefault("region", "us-east-1") if "endpoint_override" in options else None
    return ArrowFSWrapper(
        S3FileSystem(
            connect_timeout=run.settings.source_connect_seconds,
            request_timeout=run.settings.source_timeout_seconds,
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=2),
            **options,
        )
    )
