"""Pulling from a folder of files, read by DuckDB."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from pipeline.checksums import check_folder
from pipeline.duck import connect
from pipeline.errors import BadInput, DataError, Unreadable
from pipeline.run import Run
from pipeline.sources.columns import COLUMNS, check_columns, first_line


def pull_files(run: Run, kind: str, url: str, statement: str, values: dict[str, Any], target: Path) -> int:
    """Write the rows of a statement that reads the files of folder `$url`; returns their number."""
    folder = Path(url).expanduser().resolve()
    if not folder.is_dir():
        raise BadInput(
            f"source {run.settings.source}: {folder} is not a folder; set TREASURE_HUNT_SOURCE_URL to the folder of its "
            f"files (see sql/sources/{run.settings.source}/README.md)."
        )
    check_folder(folder)
    values = {"url": str(folder), **values}
    used = {name: value for name, value in values.items() if f"${name}" in statement}
    with connect(run.settings, target.parent) as connection:
        try:
            described = connection.execute(f"describe {statement}", used).fetchall()
            found = [row[0] for row in described]
            check_columns(run, kind, found)
            agreed = [(f'"{name}"' if name in found else "null", name) for name in COLUMNS[kind]]
            columns = ", ".join(f'cast({value} as varchar) as "{name}"' for value, name in agreed)
            # S608: the statement is a file of this repository, the values are bound, the target is our own staging path.
            connection.execute(f"copy (select {columns} from ({statement})) to '{target}' (format parquet)", used)  # noqa: S608
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            raise DataError(
                f"source {run.settings.source}: {kind}.sql does not fit the files: {first_line(error)}"
            ) from error
        except duckdb.Error as error:
            raise Unreadable(f"source {run.settings.source}: cannot read {folder}: {first_line(error)}") from error
    return pq.read_metadata(target).num_rows
