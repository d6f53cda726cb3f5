"""Where pyspark is installed, the line runs in processes whose main module is no file, as tasks of Airflow do."""

import subprocess
import sys

import pytest

from pipeline.demo.airflow_processes import preloaded

pytestmark = pytest.mark.spark
ASK = "from pipeline.validation import open_context; print(type(open_context()).__name__)"


def test_rules_are_judged_in_a_process_without_a_main_file() -> None:
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "EphemeralDataContext\n")


def test_a_fork_server_of_airflow_does_not_import_what_would_end_it() -> None:
    assert "great_expectations" not in preloaded()
