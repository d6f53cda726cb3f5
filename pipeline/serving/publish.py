"""Publishing: a new version is loaded beside the others, audited in place, and then one pointer row is moved.

Everything from the first row to the published version is one transaction, so that an attempt that dies before leaves nothing
but its row in `versions` with the status `loading`; the pointer moves in the next one (`pipeline.serving.settle` says
why). Readers are never held up and never meet half a version.
"""

import resource
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, delete, exc, insert, select, update

from pipeline.errors import AuditFailed, BadInput
from pipeline.failpoints import reach
from pipeline.serving.audit import ALONE, Checked, Limits, audit_version
from pipeline.serving.database import INSERT, create_schema, leave_cores, lock_erasures, writing
from pipeline.serving.load import attach_rows, clear_rows, load_table
from pipeline.serving.outcome import Outcome, find_later, is_overtaken, judge_outcome
from pipeline.serving.pointer import advance_pointer, end_attempt, lock_pointer, take_token
from pipeline.serving.schema import PUBLISHED, run_stages, versions
from pipeline.serving.settle import let_readers_end
from pipeline.serving.version import VersionInfo, describe_version

__all__ = ["Outcome", "VersionInfo", "describe_version", "publish_version"]

Report = Callable[[str, int, float], None]  # table, rows, seconds
Record = Callable[[str, bool, str, float | None], None]  # gate, passed, sentence, figure: `Work.record`
REFUSED = (
    exc.IntegrityError,
    exc.DataError,
    psycopg.IntegrityError,
    psycopg.DataError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
)


class _Superseded(Exception):
    """Raised to take back everything that the transaction has done."""


def publish_version(
    engine: Engine,
    version: VersionInfo,
    tables: Mapping[str, Path | Sequence[Path]],
    stages: Iterable[Mapping[str, Any]] = (),
    report: Report = lambda table, rows, seconds: None,
    token: int | None = None,
    check: Callable[[], None] = lambda: None,
    limits: Limits = ALONE,
    record: Record = lambda gate, passed, sentence, observed: None,
) -> Outcome:
    """The version is there and audited, and live unless a newer hour is or another version is pinned; says which.

    An attempt that finds that a later one of its hour has published other content leaves nothing: `superseded`. Raises
    `AuditFailed` with every broken rule; the live version stays, and the refused rows can be looked at until the next
    attempt. A caller that took its token when it began hands it in. `check` is asked after the load, while nobody can
    erase, and raises when what was loaded must not stay.
    `record` hears what every gate of the audit found.
    """
    started = time.perf_counter(), time.process_time()
    missing = sorted({table.name for table in PUBLISHED} - set(tables))
    if missing:
        raise BadInput(f"a version needs {', '.join(missing)} too.")
    create_schema(engine)
    token = token or take_token(engine, f"publish {version.version}")
    reach("publish.token_taken")
    _announce(engine, version, token)
    reach("publish.announced")
    _clear(engine, version)
    reach("publish.cleared")
    try:
        with writing(engine, lock=f"publish {version.version}") as connection:
            status = connection.scalar(select(versions.c.status).where(versions.c.version == version.version))
            is_new = status != "published"
            leave_cores(connection)
            found = _load(connection, version, tables, report, limits) if is_new else []
            for one in found:
                record(one.gate, not one.sentence, one.sentence, one.observed)
            problems = [one.sentence for one in found if one.is_fatal]
            reach("publish.audited")
            lock_erasures(connection, shared=True)
            check()
            if not problems:
                lock_pointer(connection, version.source, version.arm)
                if find_later(connection, version, token) or is_overtaken(connection, version, token):
                    raise _Superseded
                if is_new:
                    warnings = [one.sentence for one in found if one.sentence]
                    _finish(connection, version, token, stages, started, warnings)
                reach("publish.finished")
            else:
                end_attempt(connection, token, version.version, "failed")
                _set_status(connection, version, token, "failed", problems)
        if not problems:
            return _go_live(engine, version, token, is_new)
    except _Superseded:
        _end(engine, version, token, "superseded", [])
        return "superseded"
    except AuditFailed as error:
        problems = [str(error).removesuffix(".")]
        _end(engine, version, token, "failed", problems)
    except REFUSED as error:
        # The database's own sentence quotes the row, and a row may hold what somebody typed.
        cause = getattr(error, "orig", None) or error
        problems = [f"the database refused the rows ({type(cause).__name__}): a key twice, or a value it cannot hold"]
        _end(engine, version, token, "failed", problems)
    raise AuditFailed(f"version {version.version} is not published: {'; '.join(problems)}. The live version stays.")


def _go_live(engine: Engine, version: VersionInfo, token: int, is_new: bool) -> Outcome:
    """The pointer stands on this published version, if it may move there; it is on record how the attempt ended."""
    let_readers_end(engine)
    with writing(engine) as connection:
        lock_pointer(connection, version.source, version.arm)
        moved = advance_pointer(connection, version.source, version.arm, version.version, version.interval_start, token)
        outcome: Outcome = "live" if moved else judge_outcome(connection, version, is_new)
        if outcome == "superseded" and is_new:
            outcome = "history"  # by an attempt that came in between: the version is there, and whole
        end_attempt(connection, token, version.version, outcome)
        reach("publish.pointer_moved")
    return outcome


def _announce(engine: Engine, version: VersionInfo, token: int) -> None:
    """The version has a row, with the status loading unless it is published."""
    row = {
        "version": version.version,
        "source": version.source,
        "arm": version.arm,
        "interval_start": version.interval_start,
        "interval_end": version.interval_end,
        "data_cutoff": version.data_cutoff,
        "content_hash": version.content_hash,
        "code_version": version.code_version,
        "notes": version.notes,
        "tier": version.tier,
        "status": "loading",
        "removed_at": None,
        "token": token,
    }
    with writing(engine) as connection:
        statement = INSERT[engine.dialect.name](versions).values(row)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["version"], set_=row, where=versions.c.status != "published"
            )
        )


def _clear(engine: Engine, version: VersionInfo) -> None:
    """Nothing is left of a removed version of this name, each table in a transaction that ends at once: while rows that
    readers could reach are taken away, readers wait. Nobody erases meanwhile, who would find a table gone that was there.
    """
    for table in PUBLISHED:
        with writing(engine, lock=f"publish {version.version}") as connection:
            lock_erasures(connection, shared=True)
            status = connection.scalar(select(versions.c.status).where(versions.c.version == version.version))
            if status != "published":
                clear_rows(connection, table, version.version)


def _load(
    connection: Connection,
    version: VersionInfo,
    tables: Mapping[str, Path | Sequence[Path]],
    report: Report,
    limits: Limits,
) -> list[Checked]:
    """All tables hold this version's rows and nothing an earlier attempt left; returns what the audit has to say."""
    expected = {}
    for table in PUBLISHED:
        begun = time.perf_counter()
        files = tables[table.name]
        clear_rows(connection, table, version.version)
        rows = load_table(
            connection,
            table,
            version.version,
            [files] if isinstance(files, Path) else list(files),
            version.max_rank,
        )
        expected[table.name] = rows
        reach("publish.table_loaded")
        report(table.name, rows, time.perf_counter() - begun)
    connection.execute(
        update(versions).where(versions.c.version == version.version).values(row_count=sum(expected.values()))
    )
    return audit_version(connection, version, expected, limits)


def _finish(
    connection: Connection,
    version: VersionInfo,
    token: int,
    stages: Iterable[Mapping[str, Any]],
    started: tuple[float, float],
    warnings: Sequence[str],
) -> None:
    """The version is published, with what its stages took, this one included."""
    for table in PUBLISHED:
        attach_rows(connection, table, version.version)
    _set_status(connection, version, token, "published", warnings)
    rows = connection.scalar(select(versions.c.row_count).where(versions.c.version == version.version))
    publishing = {
        "stage": "publish",
        "seconds": round(time.perf_counter() - started[0], 3),
        "cpu_seconds": round(time.process_time() - started[1], 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "rows_in": rows,
        "rows_out": rows,
    }
    names = list(publishing)
    # A version whose rows were removed since it was published has stages on record.
    connection.execute(delete(run_stages).where(run_stages.c.version == version.version))
    connection.execute(
        insert(run_stages),
        [{"version": version.version, **{name: stage[name] for name in names}} for stage in [*stages, publishing]],
    )


def _set_status(connection: Connection, version: VersionInfo, token: int, status: str, notes: Sequence[str]) -> None:
    values: dict[str, Any] = {"status": status, "token": token}
    if notes:
        values["notes"] = "; ".join(notes)
    if status == "published":
        values["published_at"] = datetime.now(UTC)
    mine = (versions.c.version == version.version, versions.c.status != "published")
    connection.execute(update(versions).where(*mine).values(values))


def _end(engine: Engine, version: VersionInfo, token: int, status: str, notes: Sequence[str]) -> None:
    with writing(engine, lock=f"publish {version.version}") as connection:
        _set_status(connection, version, token, status, notes)
        end_attempt(connection, token, version.version, status)
