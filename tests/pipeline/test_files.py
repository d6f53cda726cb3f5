"""Files are whole or not there, and hashes say what they hold."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from pipeline import files
from pipeline.files import code_version, hash_file, hash_json, move_into_place, write_json


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 100_000)
    assert hash_file(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_the_hash_of_a_value_does_not_depend_on_the_order_of_keys() -> None:
    assert hash_json({"a": 1, "b": [2, Path("c")]}) == hash_json({"b": [2, Path("c")], "a": 1})
    assert hash_json({"a": 1}) != hash_json({"a": 2})


def test_a_move_replaces_the_target_and_makes_its_folder(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "target"
    for text in ("one", "two"):
        (tmp_path / "draft").write_text(text)
        move_into_place(tmp_path / "draft", target)
        assert target.read_text() == text
        assert not (tmp_path / "draft").exists()


def test_a_json_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, staging = tmp_path / "a.json", tmp_path / "staging"
    write_json(target, {"a": 1}, staging)

    def crash(*_arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(OSError, match="no space"):
        write_json(target, {"a": 2}, staging)
    assert json.loads(target.read_text()) == {"a": 1}


def test_the_code_version_changes_with_every_file_that_decides_what_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("expectations/a.py", "pipeline/b.py", "sql/c.sql", "sql/seeds/d.csv")
    monkeypatch.setattr(files, "ROOT", tmp_path)
    seen = set()
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
        seen.add(code_version.__wrapped__())
        (tmp_path / name).write_text("two")
        seen.add(code_version.__wrapped__())
    assert len(seen) == 2 * len(names)
    (tmp_path / "sql" / "README.md").write_text("words decide nothing")
    assert code_version.__wrapped__() in seen
