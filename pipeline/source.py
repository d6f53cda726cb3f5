"""Pulling from a source: its two SELECTs, run where the data is, hand over text rows that go to Parquet as they come.

A source is a folder `sql/sources/<name>/` with `events.sql` and `items.sql`. A source whose URL is a database URL is read
through SQLAlchemy, any other URL is a folder of files read by DuckDB. Both SELECTs see `$start`, `$end` (text, UTC) and,
for files, `$url`; everything they hand over is text, typing comes afterwards. An event's `delivered_at` says which hour
it belongs to, so it must be a moment that can be read, between `$start` and `$end`, whatever the row itself claims.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from pipeline.duck import connect
from pipeline.errors import BadInput, DataError, Unreachable, Unreadable
from pipeline.files import ROOT
from pipeline.run import Run
from pipeline.settings import Settings

SOURCES = ROOT / "sql" / "sources"
COLUMNS: dict[str, tuple[str, ...]] = {
    "events": (
        "locator",
        "event_id",
        "user_id",
        "session_id",
        "event_type",
        "query",
        "item_id",
        "quantity",
        "position",
        "occurred_at",
        "ingested_at",
        "excluded",
        "delivered_at",
    ),
    "items": (
        "locator",
        "item_id",
        "title",
        "category",
        "brand",
        "price",
        "currency",
        "is_available",
        "updated_at",
        "snapshot_at",
    ),
}
OPTIONAL = frozenset({"snapshot_at"})  # a SELECT that does not hand it over hands over null
BATCH_ROWS = 50_000


def list_sources() -> list[str]:
    """Names of the sources there are."""
    return sorted(path.parent.name for path in SOURCES.glob("*/events.sql"))


def source_url(settings: Settings) -> str:
    """Where the configured source's data is; raises `BadInput` naming the sources when there is no such source."""
    if settings.source not in list_sources():
        raise BadInput(f"there is no source {settings.source!r}; the sources are {', '.join(list_sources())}.")
    if settings.source_url:
        return settings.source_url
    if settings.source == "shop":
        return settings.shop_url
    return str(settings.data / settings.source.replace("_", "-"))


def pull(run: Run, kind: str, target: Path, start: datetime | None = None, end: datetime | None = None) -> int:
    """Write what the source hands over from `start` to `end` (default: this hour's) to `target`.

    `kind` is `events` or `items`; the columns are COLUMNS[kind], all text, in the order of the source. Returns the number
    of rows. Raises `BadInput`, `Unreachable` or `Unreadable` when the source cannot be read, `DataError` when it does not
    hand over the columns agreed on.
    """
    url = source_url(run.settings)
    statement = (SOURCES / run.settings.source / f"{kind}.sql").read_text(encoding="utf-8")
    moments = {"start": start or run.hour, "end": end or run.end}
    values: dict[str, Any] = {name: f"{moment:%Y-%m-%d %H:%M:%S}" for name, moment in moments.items()}
    if "://" in url:
        return _pull_database(run, kind, url, statement, values, target)
    return _pull_files(run, kind, url, statement, values, target)


def _check_columns(run: Run, kind: str, columns: list[str]) -> None:
    wanted = COLUMNS[kind]
    missing = [name for name in wanted if name not in columns and name not in OPTIONAL]
    extra = [name for name in columns if name not in wanted]
    if missing or extra:
        said = [f"{', '.join(missing)} missing"] if missing else []
        said += [f"{', '.join(extra)} not known"] if extra else []
        raise DataError(
            f"source {run.settings.source}: {kind}.sql does not hand over the agreed columns: {'; '.join(said)}. "
            f"They are {', '.join(wanted)}."
        )


def _pull_files(run: Run, kind: str, url: str, statement: str, values: dict[str, Any], target: Path) -> int:
    folder = Path(url).expanduser().resolve()
    if not folder.is_dir():
        raise BadInput(
            f"source {run.settings.source}: {folder} is not a folder; set TREASURE_HUNT_SOURCE_URL to the folder of its "
            f"files (see sql/sources/{run.settings.source}/README.md)."
        )
    values = {"url": str(folder), **values}
    used = {name: value for name, value in values.items() if f"${name}" in statement}
    with connect(run.settings, target.parent) as connection:
        try:
            described = connection.execute(f"describe {statement}", used).fetchall()
            found = [row[0] for row in described]
            _check_columns(run, kind, found)
            agreed = [(f'"{name}"' if name in found else "null", name) for name in COLUMNS[kind]]
            columns = ", ".join(f'cast({value} as varchar) as "{name}"' for value, name in agreed)
            # S608: the statement is a file of this repository, the values are bound, the target is our own staging path.
            connection.execute(f"copy (select {columns} from ({statement})) to '{target}' (format parquet)", used)  # noqa: S608
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            raise DataError(
                f"source {run.settings.source}: {kind}.sql does not fit the files: {_first(error)}"
            ) from error
        except duckdb.Error as error:
            raise Unreadable(f"source {run.settings.source}: cannot read {folder}: {_first(error)}") from error
    return pq.read_metadata(target).num_rows


def _first(error: Exception) -> str:
    """The first line of what a driver says, without the statement and its values."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def _pull_database(
    run: Run, kind: str, url: str, statement: str, values: dict[str, Any], target: Path, is_any_text: bool = False
) -> int:
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadInput(f"source {run.settings.source}: its URL is not a database URL: {_first(error)}") from None
    shown = engine.url.render_as_string(hide_password=True)
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
        raise BadInput(
            f"source {run.settings.source}: there is no database {engine.url.database}; "
            "fill the demonstration shop with `treasure-hunt simulate`, or set TREASURE_HUNT_SOURCE_URL."
        )
    if is_any_text:
        sa.event.listen(engine, "connect", _spell_out_bytes)
    if engine.dialect.name == "postgresql":
        sa.event.listen(engine, "connect", _speak_utc)
    text = sa.text(re.sub(r"\$([a-z_]+)", r":\1", statement))
    used = {name: value for name, value in values.items() if f"${name}" in statement}
    try:
        with engine.connect() as connection:
            streamed = {"stream_results": True, "yield_per": BATCH_ROWS}
            result = connection.execute(text, used, execution_options=streamed)
            _check_columns(run, kind, list(result.keys()))
            return _write_batches(kind, list(result.keys()), result.partitions(BATCH_ROWS), target)
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        if "Could not decode to UTF-8" in str(error.orig) and not is_any_text:
            return _pull_database(run, kind, url, statement, values, target, is_any_text=True)
        if re.search("no such (table|column)", str(error.orig)):  # SQLite makes no difference
            raise _does_not_fit(run, kind, shown, error) from error
        raise Unreachable(f"source {run.settings.source}: {shown} does not answer: {_first(error)}") from error
    except sa.exc.ProgrammingError as error:
        raise _does_not_fit(run, kind, shown, error) from error
    except sa.exc.DBAPIError as error:
        raise BadInput(f"source {run.settings.source}: {shown} cannot be read: {_first(error)}") from error
    finally:
        engine.dispose()


def _does_not_fit(run: Run, kind: str, shown: str, error: sa.exc.DBAPIError) -> DataError:
    return DataError(f"source {run.settings.source}: {kind}.sql does not fit {shown}: {_first(error)}")


def _spell_out_bytes(connection: Any, record: Any) -> None:
    """SQLite keeps any bytes as text: those that are none are spelt out, so that one such row does not stop its hour.

    Only after a first try, because it costs a call for each value.
    """
    connection.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")


def _speak_utc(connection: Any, record: Any) -> None:
    """`$start` and `$end` are UTC texts: the session must read them so, whatever the database's own time zone is."""
    with connection.cursor() as cursor:
        cursor.execute("set time zone 'UTC'")
    connection.commit()


def _write_batches(kind: str, names: list[str], batches: Iterator[Any], target: Path) -> int:
    schema = pa.schema([(name, pa.string()) for name in COLUMNS[kind]])
    rows = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in batches:
            nothing = dict.fromkeys(OPTIONAL, (None,) * len(batch))
            columns = nothing | dict(zip(names, zip(*batch, strict=True), strict=True))
            texts = [[None if value is None else str(value) for value in columns[name]] for name in COLUMNS[kind]]
            writer.write_table(pa.table([pa.array(column, pa.string()) for column in texts], schema=schema))
            rows += len(batch)
    return rows
