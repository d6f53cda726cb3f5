"""Homes on the brink of something, on SQLite and PostgreSQL, to be copied for every fault."""

import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest
from handmade_shop import FIRST

from pipeline.hours import HOUR
from pipeline.line import STAGES, run_stage
from pipeline.privacy.requests import file_request
from pipeline.serving.database import connect
from pipeline.settings import PREFIX, Settings, load_settings
from pipeline.shop.simulate import simulate

TINY: dict[str, Any] = {"factors": 4, "iterations": 2, "data_docs": False, "k": 5, "threads": 1, "min_query_users": 1}
UP_TO_PUBLISH = [stage for stage in STAGES if stage not in ("publish", "report")]


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are the defaults, whatever this machine's environment says."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def tiny_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose shop traded five hours, of which none has run. Copy it, do not use it."""
    home = tmp_path_factory.mktemp("tiny") / "var"
    home.mkdir()
    settings = load_settings(home=home, **TINY)
    simulate(settings.shop_url, FIRST, FIRST + 4 * HOUR, users=30, items=40, events_per_hour=80, dirt=0.1)
    return home


@pytest.fixture(scope="session")
def landed_home(tiny_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which four hours have landed up to their lists, and none is published. Copy it, do not use it."""
    home = shutil.copytree(tiny_shop, tmp_path_factory.mktemp("landed") / "var")
    for step in range(4):
        for stage in UP_TO_PUBLISH:
            run_stage(stage, FIRST + step * HOUR, load_settings(home=home, **TINY))
    return home


class Brink:
    """Where everything was right a moment ago: three hours are published, the fourth has landed, somebody asked to be
    forgotten. `copy` gives a home and a serving database like it, which go with the server of the test run."""

    def __init__(self, home: Path, kind: str, server: str) -> None:
        self.home, self.kind, self.server = home, kind, server
        self.database = f"brink_{uuid.uuid4().hex[:12]}"
        if server:
            self._admin(f"create database {self.database}")
        settings = self.settings(home, self.database)
        for step in range(3):
            for stage in ("publish", "report"):
                run_stage(stage, FIRST + step * HOUR, settings)
        engine = connect(settings.serving)
        file_request(engine, settings, "u000003")
        engine.dispose()

    def _admin(self, statement: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as admin:
            admin.execute(statement)

    def settings(self, home: Path, database: str) -> Settings:
        """The settings of a home and a database of this kind."""
        url = self.server.replace("/postgres?", f"/{database}?")
        return load_settings(home=home, serving_url=url, lake_copy=f"{home}-copy", **TINY)

    def copy(self, folder: Path) -> Settings:
        """A home in this folder, and a database, for one test alone."""
        name = f"copy_{uuid.uuid4().hex[:12]}"
        if self.server:
            self._admin(f"create database {name} template {self.database}")
        shutil.copytree(f"{self.home}-copy", folder / f"{name}-copy")
        home = shutil.copytree(self.home, folder / name)
        state = home / "lake" / ".copy" / "state.json"  # it says where the copy of the lake is
        state.write_text(
            state.read_text(encoding="utf-8").replace(f"{self.home}-copy", f"{home}-copy"), encoding="utf-8"
        )
        return self.settings(home, name)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def brink(request: pytest.FixtureRequest, landed_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Brink:
    """A brink on each kind of serving database."""
    server = str(request.getfixturevalue("postgres_server")) if request.param == "postgresql" else ""
    home = shutil.copytree(landed_home, tmp_path_factory.mktemp(request.param) / "var")
    return Brink(home, request.param, server)
