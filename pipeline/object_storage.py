"""Folders of this machine and buckets of object storage by one interface, that of pyarrow's file systems."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem, SubTreeFileSystem

from pipeline.errors import BadInput, Unreachable
from pipeline.settings import Settings
from pipeline.sources.columns import first_line

QUERY = {"endpoint": "endpoint_override", "region": "region", "access_key": "access_key", "secret_key": "secret_key"}
PART = ".part"  # the end of what is being written into a folder
CHUNK = 1 << 20  # bytes


def is_bucket(url: str) -> bool:
    """Whether a URL is one of object storage."""
    return url.startswith("s3://")


def hide_query(url: str) -> str:
    """A folder, or a bucket's URL without who may read it."""
    parts = urlsplit(url)
    return f"s3://{parts.hostname}{parts.path}" if is_bucket(url) else url


def path_of(url: str) -> str:
    """Bucket and prefix of a bucket's URL, as keys begin."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path.rstrip("/")


def open_bucket(url: str, what: str, settings: Settings) -> FileSystem:
    """The storage behind an s3 URL; who may read it is said by the AWS_… variables or the URL's query.

    `what` begins the sentence of a URL that cannot be meant.
    """
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    asked = dict(parse_qsl(urlsplit(url).query))
    if unknown := sorted(set(asked) - set(QUERY)):
        raise BadInput(f"{what}: {', '.join(unknown)} is not known in an s3 URL; known are {', '.join(QUERY)}.")
    options = {QUERY[name]: value for name, value in asked.items()}
    try:
        if "endpoint_override" in options:
            endpoint = urlsplit(options["endpoint_override"])
            if endpoint.netloc:
                options |= {"endpoint_override": endpoint.netloc, "scheme": endpoint.scheme}
            options.setdefault("region", "us-east-1")
        return S3FileSystem(
            connect_timeout=settings.source_connect_seconds,
            request_timeout=settings.source_timeout_seconds,
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=2),
            **options,
        )
    except (ValueError, pa.ArrowException) as error:  # a key without the other one, a scheme that there is not
        raise BadInput(f"{what}: {first_line(error)}.") from None


class Place:
    """What lies below a folder or below a prefix of a bucket, by names that begin there.

    Whatever goes wrong with it is `Unreachable`, in a sentence that begins with `what`, names no key and ends with `remedy`.
    """

    def __init__(self, url: str, what: str, remedy: str, settings: Settings) -> None:
        """Opens nothing yet; raises `BadInput` for what is neither a folder nor a bucket."""
        scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", url)
        try:
            is_wrong = bool(scheme) and (not is_bucket(url) or not urlsplit(url).hostname or "//" in urlsplit(url).path)
        except ValueError:
            is_wrong = True
        if scheme and is_wrong:
            raise BadInput(f"{what}: {scheme[0]}… is neither a folder nor a bucket, written like s3://bucket/prefix.")
        self.what, self.remedy = what, remedy
        self.is_folder = not is_bucket(url)
        if self.is_folder:
            try:
                self.shown = str(Path(url).expanduser().resolve())
            except (RuntimeError, OSError) as error:  # a user that there is not, links in a circle
                raise BadInput(f"{what}: {url} is no folder ({first_line(error)}).") from None
            self._files: FileSystem = SubTreeFileSystem(self.shown, LocalFileSystem())
        else:
            self.shown = hide_query(url).rstrip("/")
            self._files = SubTreeFileSystem(path_of(url), open_bucket(url, what, settings))

    def folders(self, name: str) -> list[str]:
        """The names of the folders in this one, in order."""
        return sorted(info.base_name for info in self._list(name) if info.type == FileType.Directory)

    def sizes(self, name: str) -> dict[str, int]:
        """The files in this folder and how many bytes each has."""
        return {info.base_name: info.size for info in self._list(name) if info.type == FileType.File}

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None when there is none."""
        with self._answering("read"):
            try:
                with self._files.open_input_stream(name) as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

    def fetch(self, name: str, target: Path) -> bool:
        """The file's bytes stand in `target`; False when there is none."""
        with target.open("wb") as file, self._answering("read"):
            try:
                with self._files.open_input_stream(name) as stream:
                    shutil.copyfileobj(stream, file, CHUNK)
            except FileNotFoundError:
                return False
        return True

    def put(self, name: str, source: BinaryIO) -> None:
        """The file has the source's bytes. In a bucket it appears when the upload ends; into a folder it is moved then."""
        draft = f"{name}{PART}" if self.is_folder else name
        with self._answering("written"):
            if self.is_folder:
                self._files.create_dir(str(PurePosixPath(name).parent), recursive=True)
            stream = self._files.open_output_stream(draft)
            try:
                shutil.copyfileobj(source, stream, CHUNK)
            except BaseException:
                with suppress(OSError, pa.ArrowException):
                    stream.close()  # which ends the upload: half a file stands there
                    self._files.delete_file(draft)
                raise
            stream.close()
            if self.is_folder:
                self._files.move(draft, name)

    def delete(self, name: str) -> None:
        """There is no such file."""
        with self._answering("written"), suppress(FileNotFoundError):
            self._files.delete_file(name)

    def _list(self, name: str) -> list[pa.fs.FileInfo]:
        with self._answering("read"):
            return list(self._files.get_file_info(FileSelector(name, allow_not_found=True)))

    @contextmanager
    def _answering(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            raise Unreachable(
                f"{self.what} at {self.shown} cannot be {verb}: {first_line(error)}; {self.remedy}."
            ) from None
