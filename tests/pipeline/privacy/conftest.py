"""A home that the canary left traces in."""

import shutil
from pathlib import Path

import pytest
from canary_shop import canary_settings, fill_source, run_hours

from pipeline.settings import Settings


@pytest.fixture(scope="session")
def ran_canary_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `source.db` and the home `var` in which all hours ran. Copy it, do not use it."""
    folder = tmp_path_factory.mktemp("canary")
    fill_source(folder / "source.db")
    run_hours(canary_settings(folder / "var", folder / "source.db"))
    return folder


@pytest.fixture
def canary_shop(ran_canary_home: Path, tmp_path: Path) -> Settings:
    """The canary's home, for this test alone, with SQLite as the serving database."""
    shutil.copytree(ran_canary_home, tmp_path / "shop")
    return canary_settings(tmp_path / "shop" / "var", tmp_path / "shop" / "source.db")
