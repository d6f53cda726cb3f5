"""Tests of Spark do nothing where it cannot run."""

import shutil

import pytest


@pytest.fixture(scope="session")
def has_spark() -> None:
    """Skips where pyspark or Java is missing."""
    pytest.importorskip("pyspark", reason="pyspark is not installed; make test-spark installs it")
    if shutil.which("java") is None:
        pytest.skip("there is no Java; make test-spark installs it")
