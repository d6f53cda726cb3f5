"""An empty serving database on SQLite and on PostgreSQL, and a small version to publish into it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving_world import describe, small_version, write_tables
from sqlalchemy import Engine

from pipeline.serving.database import connect, create_schema
from pipeline.serving.publish import Outcome, publish_version


@pytest.fixture
def engine(serving_url: str) -> Iterator[Engine]:
    """An empty serving database."""
    engine = connect(serving_url)
    create_schema(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The small version's Parquet files."""
    return write_tables(tmp_path / "draft", small_version())


@pytest.fixture
def publish(engine: Engine, files: dict[str, Path]) -> Callable[..., Outcome]:
    """Publishes the small version as the version that `describe(...)` makes."""

    def publish_small(hours_later: int = 0, content: str = "", token: int | None = None) -> Outcome:
        return publish_version(engine, describe(hours_later, content), files, token=token)

    return publish_small
