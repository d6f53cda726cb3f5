"""Pulling from files, read by DuckDB: a SELECT finds its files below `$url` itself, or is run for one `$file` at a time."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.checksums import check_files, check_pages, require_sums
from pipeline.duck import connect
from pipeline.errors import DataError
from pipeline.files import as_pattern
from pipeline.run import Run
from pipeline.sources.columns import COLUMNS, check_columns, first_line, shape_of, used_values
from pipeline.sources.damage import check_form, unreadable
from pipeline.sources.storage import find_files

BATCH_ROWS = 100_000


def pull_files(
    run: Run,
    kind: str,
    folder: Path,
    names: list[str],
    statement: str,
    values: dict[str, Any],
    target: Path,
) -> int:
    """Write the rows of a statement over the files of a folder to `target`; returns their number.

    A statement that names `$file` is run for each file that has one of `names`, in their order, so that types of one file
    never change the values of another. `$file_name` is the file's name below the folder.
    """
    files = find_files(folder, names)
    listed = check_files(folder, names)
    if run.settings.require_checksums:
        require_sums(folder, files, listed)
    for file in files:
        check_form(run, file, str(file.relative_to(folder)))
        if file.suffix == ".parquet":
            check_pages(file)
    values = {"url": str(folder), **values}
    tried = [{**values, "file": as_pattern(file), "file_name": str(file.relative_to(folder))} for file in files]
    with (
        connect(run.settings, target.parent) as connection,
        pq.ParquetWriter(target, shape_of(kind), compression="zstd") as writer,
    ):
        for bound in tried if "$file" in statement else [values]:
            shown = bound.get("file_name") or folder
            try:
                _write_rows(run, kind, connection, statement, used_values(statement, bound), writer)
            except (duckdb.BinderException, duckdb.CatalogException) as error:
                raise DataError(
                    f"source {run.settings.source}: {kind}.sql does not fit the files: {first_line(error)}"
                ) from error
            except duckdb.Error as error:
                tried_files = [folder / bound["file_name"]] if "$file" in statement else files
                raise unreadable(run, str(shown), tried_files, error) from error
    pa.default_memory_pool().release_unused()  # what reading the files took, before rows are sorted
    return pq.read_metadata(target).num_rows


def _write_rows(
    run: Run,
    kind: str,
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    values: dict[str, Any],
    writer: pq.ParquetWriter,
) -> None:
    described = connection.execute(f"describe {statement}", values).fetchall()
    found = [row[0] for row in described]
    check_columns(run, kind, found)
    agreed = [(f'"{name}"' if name in found else "null", name) for name in COLUMNS[kind]]
    columns = ", ".join(f'cast({value} as varchar) as "{name}"' for value, name in agreed)
    # S608: the statement is a file of this repository, and the values are bound.
    rows: Any = connection.sql(f"select {columns} from ({statement})", params=values).to_arrow_reader(BATCH_ROWS)  # noqa: S608
    for batch in rows:
        writer.write_table(pa.Table.from_batches([batch]).cast(shape_of(kind)))
