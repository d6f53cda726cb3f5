"""Bulk load: Parquet files become rows of one version, in record batches, without a Python loop over PostgreSQL's rows.

PostgreSQL: COPY into a table of its own, which becomes a partition once the version is published. SQLite: executemany.
"""

import io
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset
from sqlalchemy import BigInteger, Boolean, Connection, Double, Integer, Table, Text, delete, func, select

from pipeline.errors import AuditFailed, Unreachable
from pipeline.serving.columns import Moment
from pipeline.serving.schema import check_version, rows_of

BATCH_ROWS = 65_536
TOGETHER = 16  # rows that one statement inserts into SQLite: a third quicker than one by one
ARROW_TYPES: dict[type, pa.DataType] = {
    Text: pa.string(),
    Integer: pa.int32(),
    BigInteger: pa.int64(),
    Double: pa.float64(),
    Boolean: pa.bool_(),
    Moment: pa.timestamp("us", tz="UTC"),
}


def load_table(
    connection: Connection, table: Table, version: str, files: Sequence[Path], max_rank: int | None = None
) -> int:
    """The files' rows (of lists: ranks up to `max_rank`) are this version's rows; returns how many the files hold.

    Raises `AuditFailed` when a column is missing or of another kind.
    """
    check_version(version)
    names = [column.name for column in table.columns if column.name != "version"]
    try:
        source = pyarrow.dataset.dataset([str(file) for file in files], format="parquet")
        missing = sorted(set(names) - set(source.schema.names))
        if missing:
            raise AuditFailed(f"{table.name}: column {', '.join(missing)} is missing in {files[0].name}.")
        ranked = max_rank is not None and "rank" in names
        wanted = pc.field("rank") <= max_rank if ranked else None
        batches = (
            _convert(batch, table) for batch in source.to_batches(columns=names, filter=wanted, batch_size=BATCH_ROWS)
        )
        if connection.dialect.name == "postgresql":
            _copy_rows(connection, table, version, names, batches)
        else:
            _insert_rows(connection, table, version, names, batches)
        return int(source.count_rows(filter=wanted))
    except pa.ArrowException as error:
        # Arrow's own sentence may quote a value, and values may be what people typed.
        raise AuditFailed(f"{table.name}: {files[0].name} does not fit the columns ({type(error).__name__}).") from None


def clear_rows(connection: Connection, table: Table, version: str) -> None:
    """Nothing of a version that was never published is left in this table; raises `Unreachable` where somebody reads it."""
    if not remove_rows(connection, table, version):
        raise Unreachable(
            f"somebody looks at what an earlier attempt left in {table.name}_{version}; it is tried again later."
        )


def remove_rows(connection: Connection, table: Table, version: str) -> bool:
    """This version's rows are gone from the table; False when somebody reads it, and then nothing has changed.

    On PostgreSQL whoever comes while this waits would wait behind it, so it waits for 50 ms only; until the transaction
    ends readers of the table wait, so it is to end at once.
    """
    if connection.dialect.name == "postgresql":
        return bool(_call(connection, "drop_part", table, version))
    connection.execute(delete(table).where(table.c.version == check_version(version)))
    return True


def attach_rows(connection: Connection, table: Table, version: str) -> None:
    """This version's rows belong to the table that readers know (PostgreSQL; on SQLite they do already).

    The check constraint spares the scan, and attaching waits for no reader and holds none up.
    """
    if connection.dialect.name == "postgresql":
        _call(connection, "attach_part", table, version)


def _call(connection: Connection, function: str, table: Table, version: str) -> Any:
    """What the owner's function says; whoever publishes need not own the tables."""
    return connection.scalar(select(getattr(func, function)(table.name, check_version(version))))


def _convert(batch: pa.RecordBatch, table: Table) -> pa.RecordBatch:
    columns = {}
    for name in batch.schema.names:
        kind = ARROW_TYPES[type(table.c[name].type)]
        column = batch.column(name)
        if pa.types.is_decimal(column.type) and kind == pa.float64():
            column = column.cast(pa.string())  # Arrow's direct way makes 19.990000000000002 of 19.99
        # A score that was an integer may lose its last digits as a float; nothing else may change.
        columns[name] = column.cast(kind, safe=kind != pa.float64())
    return pa.RecordBatch.from_pydict(columns)


def _copy_rows(
    connection: Connection, table: Table, version: str, names: Sequence[str], batches: Iterator[pa.RecordBatch]
) -> None:
    part = f'"{rows_of(table, version, "postgresql").name}"'
    _call(connection, "create_part", table, version)
    driver: Any = connection.connection.driver_connection
    options = pyarrow.csv.WriteOptions(include_header=False)
    # Frozen: else the first readers of every page would mark its rows as committed, and write that to the log.
    statement = f"copy {part} ({', '.join(names)}) from stdin (format csv, freeze)"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in batches:
            if batch.num_rows:
                buffer = io.BytesIO()
                pyarrow.csv.write_csv(batch, buffer, options)  # null: nothing, empty text: ""
                copy.write(buffer.getbuffer())
    _call(connection, "index_part", table, version)


def _insert_rows(
    connection: Connection, table: Table, version: str, names: Sequence[str], batches: Iterator[pa.RecordBatch]
) -> None:
    # Table and columns are the schema's own, and check_version has seen the version.
    into = f"insert into {table.name} (version, {', '.join(names)}) values "  # noqa: S608
    row = f"('{version}', {', '.join('?' for _ in names)})"
    driver: Any = connection.connection.driver_connection
    for batch in batches:
        rows = zip(*(_plain(column).to_pylist() for column in batch.columns), strict=True)
        values = chain.from_iterable(rows)
        whole, rest = divmod(batch.num_rows, TOGETHER)
        driver.executemany(into + ", ".join([row] * TOGETHER), _batched(values, TOGETHER * len(names), whole))
        driver.executemany(into + row, _batched(values, len(names), rest))


def _batched(values: Iterator[Any], width: int, count: int) -> Iterator[tuple[Any, ...]]:
    """The next values, so many at a time, so many times."""
    return (tuple(islice(values, width)) for _ in range(count))


def _plain(column: pa.Array) -> pa.Array:
    """Moments as the text that SQLite keeps them in; everything else as it is."""
    return pc.strftime(column, "%Y-%m-%d %H:%M:%S") if pa.types.is_timestamp(column.type) else column
