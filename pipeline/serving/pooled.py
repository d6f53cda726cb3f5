"""Connections for a program that reads all day: few, kept, read-only, planned for single reads, never waited for long."""

from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url

from pipeline.serving.database import connect

# Every read looks up a few keys: nothing that pays for large queries only, and a plan is made once and kept.
PLANNER = (
    "-c plan_cache_mode=force_generic_plan -c jit=off -c max_parallel_workers_per_gather=0 "
    "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"
)


def connect_readers(url: str, connections: int, patience_ms: int) -> Engine:
    """An engine of so many connections that cannot write; statements, and waits for a connection, end after the patience."""
    plain = connect(url)  # refuses what is no serving database
    if plain.dialect.name == "sqlite":
        engine = create_engine(
            plain.url,
            connect_args={"timeout": 5},
            pool_size=connections,
            max_overflow=0,
            pool_reset_on_return=None,
            hide_parameters=True,
        )

        @event.listens_for(engine, "connect")
        def _only_read(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            connection.execute("pragma query_only = on")

        return engine
    parsed = make_url(plain.url)
    own = parsed.query.get("options", "")
    options = f"{own} {PLANNER} -c default_transaction_read_only=on -c statement_timeout={patience_ms}".strip()
    return create_engine(
        parsed.update_query_dict(
            {"options": options, "connect_timeout": "2", "application_name": "treasure-hunt serve"}
        ),
        isolation_level="AUTOCOMMIT",  # one statement is one snapshot and one round trip
        pool_size=connections,
        max_overflow=0,
        pool_reset_on_return=None,  # there are no transactions to end
        pool_timeout=patience_ms / 1000,
        hide_parameters=True,
    )
