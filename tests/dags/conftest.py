"""A throw-away Airflow for DAG tests: its environment must stand before anything imports airflow."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

DAGS = Path(__file__).parents[2] / "dags"
HOME = TemporaryDirectory(prefix="treasure-hunt-dags-")  # removed when the interpreter ends

os.environ |= {
    "AIRFLOW_HOME": HOME.name,
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME.name}/airflow.db",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Airflow's own tables, in the throw-away home."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def dag_folder() -> Iterator[Path]:
    """The folder of DAGs, from which their helper modules can be imported, as under Airflow."""
    sys.path.insert(0, str(DAGS))
    yield DAGS
    sys.path.remove(str(DAGS))


@pytest.fixture
def dag_bag(airflow_database: None, dag_folder: Path) -> Any:
    """All DAGs of the folder, read as Airflow reads them, anew for each test: a run leaves its parameters in the DAG."""
    from airflow.dag_processing.dagbag import DagBag

    with pytest.MonkeyPatch.context() as patch:
        set_start(patch)
        return DagBag(str(dag_folder))


@pytest.fixture
def dag(dag_bag: Any) -> Any:
    """The hourly DAG without its deadline, over which `dag.test()` of Airflow 3.3 stumbles when a run succeeds."""
    dag = dag_bag.dags["treasure_hunt_hourly"]
    dag.deadline = None
    return dag


@pytest.fixture
def task_module(dag_folder: Path) -> Any:
    """The module that says what one task does."""
    import treasure_hunt_task

    return treasure_hunt_task


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the developer's shell reaches a test, and no test writes into the repository."""
    for name in [name for name in os.environ if name.startswith("TREASURE_HUNT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TREASURE_HUNT_HOME", str(tmp_path))
    set_start(monkeypatch)


def set_start(patch: pytest.MonkeyPatch) -> None:
    """Every hour that the tests run is past and lies after the DAG's start, as Airflow wants it of single runs."""
    patch.setenv("TREASURE_HUNT_START", "2025-01-01T00")
