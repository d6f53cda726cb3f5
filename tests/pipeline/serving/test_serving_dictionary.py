"""Every table, view and column of the serving database has a meaning in the data dictionary."""

from pipeline.serving.dictionary import describe_schema
from pipeline.serving.schema import VIEWS, metadata


def test_every_table_view_and_column_is_described() -> None:
    text = describe_schema()
    for name in (*metadata.tables, *VIEWS):
        assert f"### {name}\n" in text
    for table in metadata.tables.values():
        assert table.comment and "Grain:" in table.comment
        assert all(column.comment for column in table.columns)
