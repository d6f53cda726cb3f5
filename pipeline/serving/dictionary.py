"""The text of the data dictionary `docs/data-dictionary.md`, out of the schema; `make docs` writes it."""

from sqlalchemy.dialects import postgresql, sqlite

from pipeline.serving.database import view_sql
from pipeline.serving.schema import VIEWS, metadata

HEAD = """# Data dictionary of the serving database

Made by `make docs` from `pipeline/serving/schema.py`, `hour_tables.py` beside it and `sql/serving/`; do not edit it here.

Names and columns are the same on SQLite and PostgreSQL. Ids are texts, moments are UTC (on SQLite as text
`2026-01-01 13:00:00.000000`). Start with the views: they show what readers get now. The tables behind them hold every
version that is kept, one set of rows for each; on PostgreSQL a version is a partition named `<table>_<version>`, and
the rows of one that failed its audit are found only under that name.

A `reason` is a JSON array of a code (searched, clicked, added_to_cart, bought_together, similar, popular, fresh,
pinned) and what it rests on: a query, items, or a category.
"""


def describe_schema() -> str:
    """The whole text of the data dictionary."""
    parts = [HEAD, "## Views\n"]
    for view in VIEWS:
        parts.append(f"### {view}\n\n{_view_comment(view)}\n")
    parts.append("## Tables\n")
    for table in metadata.tables.values():
        lines = ["| column | PostgreSQL | SQLite | may be null | meaning |", "|---|---|---|---|---|"]
        for column in table.columns:
            types = [column.type.compile(dialect).replace(' COLLATE "C"', "").lower() for dialect in _dialects()]
            name = f"**{column.name}**" if column.primary_key else column.name
            lines.append(f"| {name} | {' | '.join(types)} | {'yes' if column.nullable else ''} | {column.comment} |")
        parts.append(f"### {table.name}\n\n{table.comment}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _dialects() -> tuple[postgresql.dialect, sqlite.dialect]:  # type: ignore[valid-type]
    return postgresql.dialect(), sqlite.dialect()


def _view_comment(view: str) -> str:
    """The head comment of the view's file."""
    lines = view_sql(view, "postgresql").splitlines()
    return "\n".join(line.removeprefix("-- ") for line in lines if line.startswith("--"))
