"""Switch off each guard in a copy of the tree and see its test go red: `make test-guards`, or `python run.py [word …]`.

The guards stand in the other files of this folder: (name, file, old text, new text, the test that must fail). Words choose
the guards in whose file or name one of them stands. A test that stays green, or cannot be run, is a finding.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("dags", "expectations", "pipeline", "plugins", "sql", "tests", "docs", "README.md", "pyproject.toml")
Mutation = tuple[str, str, str, str, str]
TREES = min(os.cpu_count() or 1, 4)  # so many guards are tried at a time, each in a tree of its own
LONGEST = 600  # seconds of one test
RED = 1  # pytest's exit code when tests ran and some failed; others mean that none ran


def list_mutations() -> list[tuple[str, Mutation]]:
    """Every mutation with the name of the file that it stands in."""
    found = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path != Path(__file__):
            spec = spec_from_file_location(path.stem, path)
            assert spec and spec.loader
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            found += [(path.stem, mutation) for mutation in getattr(module, "MUTATIONS", [])]
    return found


def copy_tree(target: Path) -> None:
    """The parts of the project that tests need stand in `target` too."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, target / part)


def survives(mutation: Mutation, tree: Path) -> str | None:
    """What is wrong when the guard is switched off in `tree` and its test does not fail; the tree is as before then."""
    _name, file, old, new, test = mutation
    path = tree / file
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        return f"{file} holds the old text {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", test],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        return f"the test does not end within {LONGEST} seconds"
    finally:
        path.write_text(text, encoding="utf-8")
    if ran.returncode == RED:
        return None
    return "the test stays green" if ran.returncode == 0 else f"the test cannot be run: {ran.stdout[-500:]}"


def main(words: list[str]) -> int:
    """Try the chosen mutations, a line each; the exit code is 1 when one survives."""
    chosen = [
        (part, mutation)
        for part, mutation in list_mutations()
        if not words or any(word in f"{part} {mutation[0]}" for word in words)
    ]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(TREES) as threads:
        trees: SimpleQueue[Path] = SimpleQueue()  # those in which no guard is switched off now
        for number in range(TREES):
            copy_tree(Path(folder) / str(number))
            trees.put(Path(folder) / str(number))

        def try_one(mutation: Mutation) -> str | None:
            tree = trees.get()
            try:
                return survives(mutation, tree)
            finally:
                trees.put(tree)

        problems = threads.map(try_one, [mutation for _, mutation in chosen])
        for (part, mutation), problem in zip(chosen, problems, strict=True):
            survivors += problem is not None
            print(
                f"{'SURVIVED' if problem else 'red':<9} {part}: {mutation[0]}{f': {problem}' if problem else ''}",
                flush=True,
            )
    print(f"{len(chosen)} guards switched off, {survivors} not noticed")
    return 1 if survivors or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
