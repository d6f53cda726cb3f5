"""Pulling from files, read by DuckDB: a SELECT finds its files below `$url` itself, or is run for one `$file` at a time."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.checksums import check_folder, check_pages, require_sums
from pipeline.duck import connect
from pipeline.errors import DataError, Unreadable
from pipeline.run import Run
from pipeline.sources.columns import COLUMNS, check_columns, first_line, shape_of, used_values

BATCH_ROWS = 100_000


def pull_files(
    run: Run, kind: str, folder: Path, files: list[Path], statement: str, values: dict[str, Any], target: Path
) -> int:
    """Write the rows of a statement over the files of a folder to `target`; returns their number.

    A statement that names `$file` is run for each of `files`, in their order, so that types of one file never change the
    values of another. `$file_name` is the file's name below the folder.
    """
    listed = check_folder(folder)
    if run.settings.require_checksums:
        require_sums(folder, files, listed)
    for file in files:
        if file.suffix == ".parquet":
            check_pages(file)
    values = {"url": str(folder), **values}
    tried = [{**values, "file": str(file), "file_name": str(file.relative_to(folder))} for file in files]
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
                raise Unreadable(f"source {run.settings.source}: cannot read {shown}: {first_line(error)}") from error
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
