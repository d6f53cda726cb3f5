"""What roles may do in the serving database, and what is done by the owner's rights, from the scripts in sql/serving/.

Whoever owns the tables says which roles there are: an owner `shop_owner` has `shop_publisher`, `shop_api` and
`shop_analyst` beside it. Where one role does everything, its name ends otherwise and nothing is granted.
"""

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import sql
from sqlalchemy import Connection, text

from pipeline.files import ROOT
from pipeline.serving.schema import PUBLISHED, VIEWS, metadata

# Not Alembic's own name: Airflow's tables may stand in the same database, and that one is theirs.
REVISION_TABLE = "serving_revision"
KINDS = ("owner", "publisher", "api", "analyst")


def existing_roles(connection: Connection) -> dict[str, str] | None:
    """The roles that belong to the owner of the tables; None where one role does everything."""
    owner = connection.scalar(text("select pg_get_userbyid(relowner) from pg_class where oid = to_regclass('live')"))
    if not owner or not owner.endswith("_owner"):
        return None
    names = {kind: owner.removesuffix("owner") + kind for kind in KINDS}
    statement = text("select rolname from pg_roles where rolname = any(:names)")
    there = set(connection.scalars(statement, {"names": [*names.values()]}))
    return names if there == set(names.values()) else None


def apply_grants(connection: Connection, names: dict[str, str] | None = None) -> None:
    """Every role has the rights that its kind is to have, and no others; nothing happens where there are no roles."""
    names = names or existing_roles(connection)
    if names:
        run_script(connection, "grants", names)


def create_functions(connection: Connection) -> None:
    """The functions that publishing does to parts of tables are there, owned by whoever runs this."""
    run_script(connection, "functions", {})


def run_script(connection: Connection, script: str, names: dict[str, str], **more: sql.Composable) -> None:
    """The file `sql/serving/<script>.postgresql.sql` is carried out, names filled in as identifiers and literals."""
    schema = connection.scalar(text("select current_schema()"))
    relations = [*(table.name for table in metadata.sorted_tables), *VIEWS, REVISION_TABLE]
    filled: dict[str, sql.Composable] = {
        "schema": sql.Identifier(schema),
        "schema_name": sql.Literal(schema),
        "tables": _list(sql.Literal, [table.name for table in PUBLISHED]),
        "published": _list(sql.Identifier, [table.name for table in PUBLISHED]),
        "views": _list(sql.Identifier, VIEWS),
        "live_views": _list(sql.Identifier, [view for view in VIEWS if view.startswith("live_")]),
        **{kind: sql.Identifier(name) for kind, name in names.items()},
        **{f"{kind}_name": sql.Literal(name) for kind, name in names.items()},
        **more,
    }
    filled["relations"] = _list(sql.Literal if script == "roles" else sql.Identifier, relations)
    statements = sql.SQL(script_text(script)).format(**filled)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.execute(statements, prepare=False)


def script_text(script: str) -> LiteralString:
    """The script with its {names} not filled in."""
    return (ROOT / "sql" / "serving" / f"{script}.postgresql.sql").read_text(encoding="utf-8")


def _list(kind: type[sql.Identifier] | type[sql.Literal], names: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(kind(name) for name in names)
