"""The generated pages of docs/ are what the code makes, and the check notices when they are not."""

import re
from pathlib import Path

import pytest

from pipeline import documentation


def test_generated_pages_are_up_to_date() -> None:
    assert documentation.main(["--check"]) == 0, "run make docs"


def test_check_notices_a_page_that_is_out_of_date_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(documentation, "ROOT", tmp_path)
    monkeypatch.setattr(documentation, "pages", lambda: {"page.md": "new"})
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("old")
    assert documentation.main(["--check"]) == 1
    assert (tmp_path / "docs" / "page.md").read_text() == "old"
    assert "page.md" in capsys.readouterr().out
    assert documentation.main([]) == 0
    assert (tmp_path / "docs" / "page.md").read_text() == "new"


def test_every_setting_and_every_rule_stands_in_the_pages() -> None:
    made = documentation.pages()
    assert all(f"`TREASURE_HUNT_{name.upper()}`" in made["settings.md"] for name in documentation.Settings.model_fields)
    assert "`catalog_empty`" in made["data-quality.md"] and "`event_type_unknown`" in made["data-quality.md"]


def test_every_test_that_the_page_of_faults_names_is_there() -> None:
    page = (documentation.ROOT / "docs" / "ingestion-faults.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", page)
    assert len(named) == page.count("\n| ") - 1 > 30
    for file, test in named:
        assert f"def {test}(" in (documentation.ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"
