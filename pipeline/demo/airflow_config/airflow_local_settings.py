"""Loaded by every component of the local Airflow: makes backfills of many hours safe on its SQLite database.

Airflow makes each run of a backfill inside a savepoint that reads before it writes. On SQLite such a transaction fails
at once ("database is locked") when the scheduler has written in between, however long the timeout. Taking the write
lock before the savepoint makes it wait instead. PostgreSQL needs none of this.
"""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

__all__: list[str] = []  # Airflow takes over every other name as a setting


@event.listens_for(Engine, "savepoint")
def take_write_lock(connection: Any, name: str) -> None:
    """A savepoint on Airflow's own SQLite database begins by waiting for the right to write."""
    is_ours = connection.engine.url.database == str(Path(os.environ["AIRFLOW_HOME"]) / "airflow.db")
    if is_ours and not connection.connection.dbapi_connection.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
