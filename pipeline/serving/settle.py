"""Waiting, before a pointer moves, until no statement can look through it with a list of partitions from before.

PostgreSQL plans a statement and takes its snapshot afterwards. One planned just before a partition was attached, which
takes its snapshot just after the pointer moved onto it, would find the pointer and no rows. So the two are two transactions,
and between them everybody who holds a lock on the tables, which is taken before planning, ends, or has had time enough.
"""

import time

from sqlalchemy import Engine, text

from pipeline.serving.database import reading
from pipeline.serving.schema import PUBLISHED

# From planning to the snapshot it is microseconds; an analyst who holds a transaction open is not waited for any longer.
PATIENCE_SECONDS = 0.3
PAUSE_SECONDS = 0.01
AT_WORK = text(
    """
    select virtualtransaction
    from pg_locks inner join pg_class on pg_class.oid = pg_locks.relation
    where relname = any(:tables) and relkind = 'p' and granted and pid <> pg_backend_pid()
        and pg_locks.database = (select oid from pg_database where datname = current_database())
    """
)


def let_readers_end(engine: Engine) -> None:
    """Every statement that was planned before now has its snapshot (PostgreSQL; SQLite has one moment for both)."""
    if engine.dialect.name != "postgresql":
        return
    deadline = time.monotonic() + PATIENCE_SECONDS
    waiting = _at_work(engine)
    while waiting and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
        waiting &= _at_work(engine)


def _at_work(engine: Engine) -> set[str]:
    """The transactions that hold a lock on one of the published tables."""
    with reading(engine) as connection:
        return set(connection.scalars(AT_WORK, {"tables": [table.name for table in PUBLISHED]}))
