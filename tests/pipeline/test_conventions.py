"""What holds for the code as a whole, checked by reading it."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.files import ROOT
from pipeline.tables import JUDGED_BY_EVALUATE, PASSING, PRODUCERS

PYTHON = [path for folder in ("pipeline", "expectations", "dags") for path in sorted((ROOT / folder).rglob("*.py"))]
SQL = sorted((ROOT / "sql").rglob("*.sql"))
# What may look at the clock: people's side of things, and the serving database, which says when it was published.
WITH_CLOCK = {"api", "backfill", "cli", "cli_demo", "cli_probe", "cli_serve"}
WITH_CLOCK |= {"demo", "documentation", "serving", "shop", "show"}
DATA_PATH = [
    path
    for path in PYTHON
    if path.is_relative_to(ROOT / "pipeline")
    and path.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py") not in WITH_CLOCK
    and path != ROOT / "pipeline" / "privacy" / "requests.py"  # a receipt says when
    and path != ROOT / "pipeline" / "stopwatch.py"  # when something landed is measured, and decides nothing
    and path != ROOT / "pipeline" / "failpoints.py"  # only tests ask for anything there
]
# Statements and macros, not queries: they have no rows.
WITHOUT_GRAIN = {"macros.sql", *(f"{name}.postgresql.sql" for name in ("functions", "grants", "roles"))}
CLOCKS = {"now", "today", "utcnow", "time", "time_ns", "localtime", "gmtime"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a file, with the dotted name of what is called."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_there_is_something_to_check() -> None:
    assert len(PYTHON) > 40
    assert len(SQL) > 20
    assert {"lake.py", "boundary.py", "database.py", "als.py", "prepare.py"} <= {path.name for path in DATA_PATH}


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_nothing_runs_text_as_code_or_unpickles(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & {"pickle", "dill", "joblib", "shelve", "marshal"}
    for name, call in calls(path):
        assert name not in {"eval", "exec", "os.system", "os.popen"}, f"{name}, line {call.lineno}"
        assert not any(word.arg == "shell" for word in call.keywords), f"shell, line {call.lineno}"
        assert not (name.endswith(".load") and any(word.arg == "allow_pickle" for word in call.keywords))


@pytest.mark.parametrize("path", [path for path in PYTHON if "dags" not in path.parts], ids=name_of)
def test_airflow_is_imported_in_dags_and_plugins_only(path: Path) -> None:
    # What Airflow itself loads as its configuration is the one file that belongs to it.
    assert not [name for name in imports(path) if name.split(".")[0] == "airflow"] or "airflow_config" in path.parts


@pytest.mark.parametrize("path", [path for path in PYTHON if "pipeline" in path.parts], ids=name_of)
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_great_expectations_is_never_imported_at_the_top_of_a_module_of_the_pipeline() -> None:
    for path in PYTHON:
        if "pipeline" in path.parts or "dags" in path.parts:
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not [name for name in names if name.startswith(("great_expectations", "expectations"))], path


@pytest.mark.parametrize("table", sorted(set(PRODUCERS) - JUDGED_BY_EVALUATE))
def test_every_audited_table_has_a_query_and_a_suite_of_its_name(table: str) -> None:
    assert (ROOT / "expectations" / f"{table}.py").exists()
    assert (ROOT / "sql" / f"{table}.sql").exists() or table in {"evaluation", "prequential"}


def test_every_suite_is_that_of_a_table() -> None:
    suites = {path.stem for path in (ROOT / "expectations").glob("*.py")} - {"__init__", "rules"}
    assert suites == (set(PRODUCERS) | set(PASSING)) - JUDGED_BY_EVALUATE


@pytest.mark.parametrize("path", SQL, ids=name_of)
def test_every_query_says_what_its_rows_are(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    head = list(itertools.takewhile(lambda line: line.startswith("--"), lines))
    assert head, "no comment at its head"
    assert any("Grain:" in line for line in head) or path.name in WITHOUT_GRAIN


@pytest.mark.parametrize("path", [path for path in SQL if "serving" not in path.parts], ids=name_of)
def test_no_query_of_the_data_path_looks_at_the_clock_or_throws_dice(path: Path) -> None:
    code = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8")).lower()
    assert not re.search(r"\b(now|today|get_current_timestamp|random|uuid|gen_random_uuid|setseed)\s*\(", code)
    assert not re.search(r"\b(current_timestamp|current_date|current_time|localtimestamp)\b", code)


@pytest.mark.parametrize("path", DATA_PATH, ids=name_of)
def test_no_module_of_the_data_path_looks_at_the_clock_or_the_environment(path: Path) -> None:
    allowed = {"time.perf_counter", "time.process_time"}
    for name, call in calls(path):
        *owner, last = name.split(".")
        assert name in allowed or last not in CLOCKS or not owner, f"{name}, line {call.lineno}"
        assert name not in {"os.getenv", "random.random", "np.random.rand"}, f"line {call.lineno}"
    assert "os.environ" not in path.read_text(encoding="utf-8") or path.name == "settings.py"


@pytest.mark.parametrize("path", DATA_PATH, ids=name_of)
def test_the_lake_is_never_globbed(path: Path) -> None:
    allowed = {
        "list_sources",
        "code_version",
        "find_files",
        "say_absent",
        "fetch",
    }  # this project's own files, and a source's
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name not in allowed]:
        names = {ast.unparse(node.func).split(".")[-1] for node in ast.walk(function) if isinstance(node, ast.Call)}
        assert not names & {"glob", "rglob", "iglob"}, function.name


@pytest.mark.parametrize("path", SQL, ids=name_of)
def test_queries_end_without_a_semicolon_and_name_their_columns(path: Path) -> None:
    code = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
    if "create" not in code:
        assert ";" not in code
