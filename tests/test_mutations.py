"""The list of guards to switch off is true, and two of them are switched off here; all of them by `make test-guards`."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


def load_runner() -> ModuleType:
    spec = spec_from_file_location("run_mutations", ROOT / "tests" / "mutations" / "run.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = load_runner()
MUTATIONS = RUNNER.list_mutations()


def test_every_mutation_names_a_text_that_stands_there_once_and_a_test_that_is_there() -> None:
    assert len(MUTATIONS) > 50
    for part, (name, file, old, new, test) in MUTATIONS:
        assert (ROOT / file).read_text(encoding="utf-8").count(old) == 1, f"{part}: {name}"
        assert old != new
        path, _, function = test.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        wanted = rf"def {re.escape(function.split('[')[0])}\(" if function else "def test_"
        assert re.search(wanted, text), f"{part}: {name}: {test}"


def test_names_are_given_once() -> None:
    names = [(part, mutation[0]) for part, mutation in MUTATIONS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["another body is a duplicate", "volume never blocks"])
def test_a_switched_off_guard_turns_its_test_red(name: str, tmp_path: Path) -> None:
    [mutation] = [mutation for _, mutation in MUTATIONS if mutation[0] == name]
    RUNNER.copy_tree(tmp_path)
    assert RUNNER.survives(mutation, tmp_path) is None
    assert RUNNER.survives((*mutation[:2], mutation[2], mutation[2], mutation[4]), tmp_path) == "the test stays green"
