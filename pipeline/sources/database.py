"""Pulling from a database: one statement in one read-only snapshot, streamed, given up after a number of seconds."""

import io
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import sqlalchemy as sa

from pipeline.errors import BadInput, DataError, TreasureHuntError, Unreachable
from pipeline.run import Run
from pipeline.sources.columns import COLUMNS, OPTIONAL, check_columns, first_line, shape_of, used_values

BATCH_ROWS = 50_000
BLOCK_BYTES = 16 << 20  # a single row must fit; a longer one goes the slow way


def is_database(url: str) -> bool:
    """Whether a source's URL names a database, not files."""
    return "://" in url and not url.startswith("s3://")


def pull_database(run: Run, kind: str, url: str, statement: str, values: dict[str, Any], target: Path) -> int:
    """Write the rows of a statement, as they are in one snapshot of the database, to `target`; returns their number."""
    text = sa.text(re.sub(r"\$([a-z_]+)", r":\1", statement))
    used = used_values(statement, values)
    with open_snapshot(run, url) as connection:
        if connection.dialect.name == "postgresql" and connection.dialect.driver == "psycopg":
            try:
                return _copy_out(run, kind, connection, text, used, target)
            except pa.ArrowInvalid:  # a row is longer than a block
                connection.connection.rollback()  # a new snapshot, from the start
        return _stream_rows(run, kind, connection, text, used, target)


@contextmanager
def open_snapshot(run: Run, url: str) -> Iterator[sa.Connection]:
    """A connection that sees the database as of one moment and cannot change it; what is wrong with it is one sentence."""
    source, seconds = run.settings.source, run.settings.source_timeout_seconds
    engine = _make_engine(run, url)
    shown = engine.url.render_as_string(hide_password=True)
    watch = Watch(seconds)
    sa.event.listen(engine, "connect", lambda connection, record: _prepare_session(engine, connection, watch, seconds))
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            try:
                yield connection
            except Exception:
                connection.invalidate()  # it may be in the middle of something: nobody asks it to tidy up
                raise
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        if watch.is_over:
            raise Unreachable(f"source {source}: {shown} did not finish within {seconds} seconds.") from error
        raise _explain(source, shown, error) from error
    finally:
        watch.stop()
        engine.dispose()


def _make_engine(run: Run, url: str) -> sa.Engine:
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        if engine.dialect.name == "postgresql":
            wait = {"connect_timeout": run.settings.source_connect_seconds}
            engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=wait)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadInput(f"source {run.settings.source}: its URL is not a database URL: {first_line(error)}") from None
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
        raise BadInput(
            f"source {run.settings.source}: there is no database {engine.url.database}; "
            "fill the demonstration shop with `treasure-hunt simulate`, or set TREASURE_HUNT_SOURCE_URL."
        )
    return engine


def _prepare_session(engine: sa.Engine, connection: Any, watch: "Watch", seconds: int) -> None:
    """The session reads `$start` and `$end` as UTC, writes moments as ISO, and ends by itself when nobody listens."""
    if engine.dialect.name != "postgresql":
        return
    watch.start(connection)
    with connection.cursor() as cursor:
        cursor.execute("set time zone 'UTC'")
        cursor.execute("set datestyle to 'ISO'")
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute("select set_config(%s, %s, false)", (name, f"{seconds}s"))
    connection.commit()


class Watch:
    """Hangs up on a server that has not finished in time: one that is gone without a word would be waited for for ever."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.is_over = False
        self.line: socket.socket | None = None
        self.timer: threading.Timer | None = None

    def start(self, connection: Any) -> None:
        """From now on there are so many seconds."""
        self.stop()
        self.line = socket.socket(fileno=os.dup(connection.fileno()))
        # One second more than the server is given: who lives says itself why it stops.
        self.timer = threading.Timer(self.seconds + 1, self._hang_up)
        self.timer.daemon = True
        self.timer.start()

    def stop(self) -> None:
        """Nobody is hung up on any more."""
        if self.timer and self.line:
            self.timer.cancel()
            self.timer.join()
            self.line.close()

    def _hang_up(self) -> None:
        self.is_over = True
        if self.line:
            with suppress(OSError):
                self.line.shutdown(socket.SHUT_RDWR)


def _explain(source: str, shown: str, error: Exception) -> TreasureHuntError:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    said = first_line(error)
    if "ProgrammingError" in kinds or re.search("no such (table|column)", said):  # SQLite makes no difference
        return DataError(f"source {source}: its SQL does not fit {shown}: {said}")
    if kinds & {"OperationalError", "InterfaceError"}:
        return Unreachable(f"source {source}: {shown} does not answer: {said}")
    return BadInput(f"source {source}: {shown} cannot be read: {said}")


class Chunks(io.RawIOBase):
    """What a database copies out, as a file to read until this is left.

    Arrow reads ahead in a thread of its own, also while an error of the rows before is on its way. A copy that is given up
    waits for the server's last word, and would wait for ever if that thread had taken it.
    """

    def __init__(self, copy: psycopg.Copy) -> None:
        self.copy = copy
        self.rest = memoryview(b"")
        self.is_left = False
        self.at_work = threading.Lock()

    def __exit__(self, *_error: object) -> None:
        """Nobody reads any more, nor will; who is at it has ended."""
        with self.at_work:
            self.is_left = True

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the next chunk goes; 0 at the end."""
        with self.at_work:
            if self.is_left:
                return 0
            if not self.rest:
                self.rest = memoryview(self.copy.read())
            count = min(len(buffer), len(self.rest))
            buffer[:count], self.rest = self.rest[:count], self.rest[count:]
            return count


def _copy_out(
    run: Run, kind: str, connection: sa.Connection, text: sa.TextClause, values: dict[str, Any], target: Path
) -> int:
    """PostgreSQL's own CSV goes to Arrow without an object for each value: a quarter of the time of reading rows."""
    driver: Any = connection.connection.driver_connection
    statement = str(text.compile(dialect=connection.dialect))
    shape, rows = shape_of(kind), 0
    with (
        driver.cursor() as cursor,
        cursor.copy(f"copy ({statement}) to stdout (format csv, header)", values) as copy,
        Chunks(copy) as chunks,
        pa_csv.open_csv(
            io.BufferedReader(chunks, 1 << 20),
            read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=shape, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        ) as reader,
        pq.ParquetWriter(target, shape, compression="zstd") as writer,
    ):
        check_columns(run, kind, reader.schema.names)
        for batch in reader:
            nothing = pa.nulls(batch.num_rows, pa.string())
            arrays = [batch[name] if name in batch.schema.names else nothing for name in shape.names]
            writer.write_table(pa.table(arrays, schema=shape))
            rows += batch.num_rows
    return rows


def _stream_rows(
    run: Run, kind: str, connection: sa.Connection, text: sa.TextClause, values: dict[str, Any], target: Path
) -> int:
    streamed = {"stream_results": True, "yield_per": BATCH_ROWS}
    try:
        result = connection.execute(text, values, execution_options=streamed)
        names = list(result.keys())
        check_columns(run, kind, names)
        return _write_batches(kind, names, result.partitions(BATCH_ROWS), target)
    except sa.exc.OperationalError as error:
        driver: Any = connection.connection.driver_connection
        if "Could not decode to UTF-8" not in str(error.orig) or driver.text_factory is not str:
            raise
        # SQLite keeps any bytes as text: those that are none are spelt out, so that one such row does not stop its hour.
        # Only after a first try, because it costs a call for each value.
        driver.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        return _stream_rows(run, kind, connection, text, values, target)


def _write_batches(kind: str, names: list[str], batches: Iterator[Any], target: Path) -> int:
    shape, rows = shape_of(kind), 0
    with pq.ParquetWriter(target, shape, compression="zstd") as writer:
        for batch in batches:
            nothing = dict.fromkeys(OPTIONAL, (None,) * len(batch))
            columns = nothing | dict(zip(names, zip(*batch, strict=True), strict=True))
            texts = [[None if value is None else str(value) for value in columns[name]] for name in COLUMNS[kind]]
            writer.write_table(pa.table([pa.array(column, pa.string()) for column in texts], schema=shape))
            rows += len(batch)
    return rows
