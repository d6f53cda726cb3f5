"""Making the roles of the serving database on PostgreSQL: owner, publisher, api and analyst."""

import re

from psycopg import sql
from sqlalchemy import Connection, Engine, text

from pipeline.errors import BadInput
from pipeline.serving.grants import KINDS, apply_grants, run_script
from pipeline.serving.migrate import change, migrate
from pipeline.serving.schema import PUBLISHED

PREFIX = "treasure_hunt"
ALLOWED_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,40}")
# The privilege to vacuum other people's tables, which erasing needs, came with this one.
OLDEST_SERVER = 17


def role_names(prefix: str = PREFIX) -> dict[str, str]:
    """The name of each kind of role; raises `BadInput` for a prefix that is no plain name."""
    if not ALLOWED_PREFIX.fullmatch(prefix):
        raise BadInput(f"{prefix!r} cannot begin names of roles; use small letters, digits and _, such as {PREFIX}.")
    return {kind: f"{prefix}_{kind}" for kind in KINDS}


def create_roles(engine: Engine, prefix: str = PREFIX) -> dict[str, str]:
    """The roles are there with their limits and rights, the owner owns the schema, which is up to date; returns the names.

    Raises `BadInput` on SQLite, on a server that is too old, and for somebody who may not create roles.
    """
    names = role_names(prefix)
    if engine.dialect.name != "postgresql":
        raise BadInput("SQLite has no roles: whoever can open the file can do everything; see docs/postgresql.md.")
    change(engine, lambda connection: _create(connection, names))
    migrate(engine, owner=names["owner"])
    change(engine, lambda connection: apply_grants(connection, names))
    return names


def _create(connection: Connection, names: dict[str, str]) -> None:
    version = int(connection.scalar(text("show server_version_num"))) // 10_000
    if version < OLDEST_SERVER:
        raise BadInput(f"roles need PostgreSQL {OLDEST_SERVER} or newer; this one is {version}.")
    may = "select rolcreaterole or rolsuper from pg_roles where rolname = current_user"
    if not connection.scalar(text(may)):
        user = connection.scalar(text("select current_user"))
        raise BadInput(f"{user} may not create roles; run `treasure-hunt roles` as a superuser or with createrole.")
    database = connection.scalar(text("select current_database()"))
    parts = f"^({'|'.join(table.name for table in PUBLISHED)})_[0-9T-]+-[0-9a-f]{{12}}$"
    run_script(connection, "roles", names, database=sql.Identifier(database), parts=sql.Literal(parts))
