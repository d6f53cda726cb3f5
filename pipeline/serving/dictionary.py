"""The data dictionary `docs/data-dictionary.md`: `python -m pipeline.serving.dictionary [--check]` makes it."""

import sys

from sqlalchemy.dialects import postgresql, sqlite

from pipeline.files import ROOT
from pipeline.serving.database import view_sql
from pipeline.serving.schema import VIEWS, metadata

PATH = ROOT / "docs" / "data-dictionary.md"
HEAD = """# Data dictionary of the serving database

Made from `pipeline/serving/schema.py` and `sql/serving/` by `python -m pipeline.serving.dictionary`;
do not edit it here.

Names and columns are the same on SQLite and PostgreSQL. Ids are texts, moments are UTC (on SQLite as text
`2026-01-01 13:00:00.000000`). Start with the views: they show what readers get now. The tables behind them hold every
version that is kept, one set of rows for each; on PostgreSQL a version is a partition named `<table>_<version>`, and
the rows of one that failed its audit are found only under that name.

A `reason` is a JSON array of a code (searched, clicked, added_to_cart, bought_together, similar, popular) and what it
rests on: a query, items, or a category.
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


def main(arguments: list[str]) -> int:
    """Write the file, or with --check say whether it is up to date."""
    expected = describe_schema()
    if "--check" not in arguments:
        PATH.parent.mkdir(exist_ok=True)
        PATH.write_text(expected, encoding="utf-8")
        return 0
    if PATH.exists() and PATH.read_text(encoding="utf-8") == expected:
        return 0
    print(f"{PATH.relative_to(ROOT)} is not up to date; run python -m pipeline.serving.dictionary")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
