"""What tests of the pipeline share: an environment without settings of the machine's own, and a small shop."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from handmade_shop import FIRST

from pipeline.hours import HOUR, hours_between
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.settings import PREFIX, Settings, load_settings
from pipeline.shop.simulate import simulate

SHOP_HOURS = 8
WHOLE = 6  # the last hour that ran whole, counted from FIRST; the two after it were traded and have not run
SMALL: dict[str, Any] = {"factors": 8, "iterations": 2, "data_docs": False}


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are the defaults, whatever this machine's environment says."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def traded_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose shop traded SHOP_HOURS hours; nothing has run. Copy it, do not use it."""
    home = tmp_path_factory.mktemp("traded")
    last = FIRST + (SHOP_HOURS - 1) * HOUR
    settings = load_settings(home=home, **SMALL)
    simulate(settings.shop_url, FIRST, last, users=60, items=80, events_per_hour=200, dirt=0.1)
    return home


@pytest.fixture(scope="session")
def ran_home(traded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which hours were ingested and the last two, WHOLE - 1 and WHOLE, ran whole. Copy it, do not use it."""
    home = shutil.copytree(traded_home, tmp_path_factory.mktemp("ran") / "home")
    settings = load_settings(home=home, **SMALL)
    for stage in ("ingest_events", "ingest_catalog"):
        list(run_stage_of_hours(stage, hours_between(FIRST, FIRST + (WHOLE - 2) * HOUR), settings))
    for step in (WHOLE - 1, WHOLE):
        for stage in (
            "ingest_events",
            "ingest_catalog",
            "prepare",
            "train",
            "evaluate",
            "recommend",
            "publish",
            "review",
        ):
            run_stage(stage, FIRST + step * HOUR, settings)
    return home


@pytest.fixture
def traded(traded_home: Path, tmp_path: Path) -> Settings:
    """The small shop, for this test alone, before anything ran."""
    return load_settings(home=shutil.copytree(traded_home, tmp_path / "var"), **SMALL)


@pytest.fixture
def ran(ran_home: Path, tmp_path: Path) -> Settings:
    """The small shop, for this test alone, after its hours ran."""
    return load_settings(home=shutil.copytree(ran_home, tmp_path / "var"), **SMALL)
