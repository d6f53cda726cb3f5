"""The data dictionary is what the code makes, and every table and column has a meaning in it."""

import pytest

from pipeline.serving import dictionary
from pipeline.serving.dictionary import PATH, describe_schema, main
from pipeline.serving.schema import VIEWS, metadata


def test_data_dictionary_is_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == describe_schema(), "run python -m pipeline.serving.dictionary"
    assert main(["--check"]) == 0


def test_check_notices_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionary, "HEAD", "another head\n")
    assert main(["--check"]) == 1


def test_every_table_view_and_column_is_described() -> None:
    text = describe_schema()
    for name in (*metadata.tables, *VIEWS):
        assert f"### {name}\n" in text
    for table in metadata.tables.values():
        assert table.comment and "Grain:" in table.comment
        assert all(column.comment for column in table.columns)
