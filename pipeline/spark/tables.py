"""The functions of `pipeline.duck` on Spark: the same queries over the same files, and a table is one Parquet file here too.

What an engine must be able to read and write lies on storage that every machine of the cluster sees (docs/scale.md).
"""

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.duck import read_sql
from pipeline.errors import BadInput
from pipeline.settings import Settings
from pipeline.spark.translate import translate

GROUP_ROWS = 122_880  # of a file, as many as DuckDB's
KINDS = {"varchar": "string", "timestamptz": "timestamp", "bigint": "bigint"}
WIDER = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64()}  # Spark's numbers all have a sign
# What decides what comes out, and is not left to the cluster's own configuration.
CONFIG = {
    "spark.app.name": "treasure-hunt",
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "zstd",
}


class Connection:
    """Spark with the tables that it knows by name, and a folder for those that land nowhere."""

    def __init__(self, session: Any, folder: Path) -> None:
        self.session = session
        self.folder = folder

    def register(self, name: str, table: pa.Table) -> None:
        """The rows are known by this name, in place of what was called so before."""
        shape = pa.schema([one.with_type(WIDER.get(one.type, one.type)) for one in table.schema])
        self.session.createDataFrame(table.cast(shape)).createOrReplaceTempView(name)

    def unregister(self, name: str) -> None:
        """Nothing is known by this name any more."""
        self.session.catalog.dropTempView(name)

    def query(self, name: str, values: dict[str, Any]) -> Any:
        """The rows of sql/<name>.sql, not computed yet."""
        return self.session.sql(translate(read_sql(name), values))


@contextmanager
def connect(settings: Settings, spill: Path) -> Iterator[Connection]:
    """Spark at the master of the settings, in UTC; it is left again afterwards, so that no machine is held in vain."""
    try:
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ModuleNotFoundError:
        raise BadInput("TREASURE_HUNT_ENGINE=spark needs pyspark, which is not installed; see docs/scale.md.") from None
    builder = SparkSession.builder.master(settings.spark_master)
    own = {"spark.driver.memory": f"{count_megabytes(settings.memory_limit)}m"}
    own |= {"spark.local.dir": str(spill / "spill"), "spark.sql.warehouse.dir": str(spill / "warehouse")}
    if settings.spark_master.startswith("local"):
        own |= {"spark.sql.shuffle.partitions": "4"}
        own |= {"spark.ui.enabled": "false", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    for name, value in (CONFIG | own).items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise BadInput(f"Spark did not start ({error}); it needs Java 17 or 21, see docs/scale.md.") from None
    try:
        yield Connection(session, spill / "tables")
    finally:
        session.stop()


def count_megabytes(limit: str) -> int:
    """A memory limit as DuckDB takes it, like `1.5GB`, in whole MiB, at least one: Java knows no fractions."""
    number, unit = re.findall(r"[\d.]+|[KMGT]i?", limit)
    step = 1024 if unit.endswith("i") else 1000
    return max(1, round(float(number) * step ** ("KMGT".index(unit[0]) + 1) / 1024**2))


def write_table(connection: Connection, name: str, target: Path, **values: Any) -> None:
    """Write the result of sql/<name>.sql, with `$names` bound to values, to a Parquet file."""
    parts = target.with_suffix(".parts")
    connection.query(name, values).write.parquet(str(parts))
    unite_parts(parts, target)
    shutil.rmtree(parts)


def make_table(connection: Connection, name: str, **values: Any) -> None:
    """The result of sql/<name>.sql is the table `name` of this connection, in place of what was called so before."""
    # A file and not Spark's own memory: plans stay short, and what is kept may be larger than memory.
    folder = connection.folder / f"{name}-{uuid.uuid4().hex[:8]}"
    connection.query(name, values).write.parquet(str(folder))
    view_files(connection, name, [folder])


def drop_table(connection: Connection, name: str) -> None:
    """A table that `make_table` made is gone; its files go with the stage's folder."""
    connection.unregister(name)


def fetch_table(connection: Connection, name: str, **values: Any) -> pa.Table:
    """The result of sql/<name>.sql as an Arrow table."""
    return connection.query(name, values).toArrow()


def view_files(connection: Connection, name: str, paths: list[Path]) -> None:
    """Name the rows of Parquet files `name` in this connection, in place of what was called so before."""
    connection.session.read.parquet(*map(str, paths)).createOrReplaceTempView(name)


def load_files(connection: Connection, name: str, paths: list[Path], columns: dict[str, str]) -> int:
    """Name these columns of Parquet files `name`; returns the rows."""
    shape = ", ".join(f"{column} {KINDS[kind]}" for column, kind in columns.items())
    if paths:
        rows = connection.session.read.schema(shape).parquet(*map(str, paths))
    else:
        rows = connection.session.createDataFrame([], shape)
    rows.createOrReplaceTempView(name)
    return sum(pq.read_metadata(path).num_rows for path in paths)


def unite_parts(parts: Path, target: Path) -> None:
    """The rows of the Parquet files of a folder, in the order of their names, are one file.

    Its bytes follow from the rows alone, however many parts there were.
    """
    files = [pq.ParquetFile(path) for path in sorted(parts.iterdir()) if path.suffix == ".parquet"]
    shape = pa.schema([(one.name, one.type) for one in files[0].schema_arrow])
    with pq.ParquetWriter(target, shape, compression="zstd") as writer:
        waiting = shape.empty_table()
        for file in files:
            for batch in file.iter_batches(GROUP_ROWS):
                waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch]).cast(shape)])
                while waiting.num_rows >= GROUP_ROWS:
                    writer.write_table(waiting.slice(0, GROUP_ROWS).combine_chunks())
                    waiting = waiting.slice(GROUP_ROWS)
        writer.write_table(waiting.combine_chunks())
