"""Tests of Spark fail where it cannot run: nothing asks for them but `make test-spark`, which installs what they need."""

import shutil
from importlib.util import find_spec

import pytest


@pytest.fixture(scope="session")
def has_spark() -> None:
    """pyspark and Java are there."""
    missing = [name for name, there in (("pyspark", find_spec("pyspark")), ("Java", shutil.which("java"))) if not there]
    assert not missing, f"{' and '.join(missing)} missing; make test-spark installs both"
