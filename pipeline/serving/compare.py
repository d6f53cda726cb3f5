"""Two versions side by side, in aggregates that the database computes: nothing here names a user or a query."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Engine,
    Select,
    Table,
    case,
    cast,
    distinct,
    func,
    literal,
    select,
    union_all,
)

from pipeline.errors import BadInput
from pipeline.serving.database import reading
from pipeline.serving.schema import check_version, items, query_recommendations, rows_of, user_recommendations, versions

TOP = 10  # ranks that people see at once


@dataclass(frozen=True)
class Overlap:
    """How alike the top lists are: users with a list in both or one of them, those whose top changed, and the mean share
    of the top that users of both kept (None where there are none).
    """

    both: int
    only_before: int
    only_after: int
    changed: int
    kept: float | None


@dataclass(frozen=True)
class Figures:
    """What a version holds: users and queries with a list, items that users' lists recommend, items that can be bought."""

    users: int
    queries: int
    recommended: int
    available: int


@dataclass(frozen=True)
class Mover:
    """An item and in how many users' tops it stands, before and after."""

    item_id: str
    title: str | None
    before: int
    after: int


@dataclass(frozen=True)
class Difference:
    """Two versions beside each other."""

    before: Figures
    after: Figures
    overlap: Overlap
    gained: list[Mover]
    lost: list[Mover]


def compare_versions(engine: Engine, before: str, after: str, movers: int) -> Difference:
    """What changed from one version to another, with so many items that gained and lost most places."""
    with reading(engine) as connection:
        for version in (before, after):
            status = connection.scalar(select(versions.c.status).where(versions.c.version == check_version(version)))
            if status != "published":
                known = f"is {status}, so it has no rows to compare" if status else "is not in the serving database"
                raise BadInput(f"version {version} {known}; `treasure-hunt versions` lists what there is.")
        return Difference(
            read_figures(connection, before),
            read_figures(connection, after),
            compare_users(connection, before, after),
            *find_movers(connection, before, after, movers),
        )


def count_recommended(connection: Connection, version: str) -> int:
    """How many different items the users' lists of a version recommend."""
    rows = rows_of(user_recommendations, version, connection.dialect.name)
    # Not count(distinct …), which sorts all rows on PostgreSQL where this hashes them.
    found = select(rows.c.item_id).where(rows.c.version == version).distinct().subquery()
    return connection.scalar(select(func.count()).select_from(found)) or 0


def compare_users(connection: Connection, before: str, after: str) -> Overlap:
    """How alike the users' top lists of two versions are."""
    entries = union_all(_tops(connection, before, 0), _tops(connection, after, 1)).subquery()
    places = func.count()
    later = func.sum(entries.c.is_after)
    # No list holds an item twice, so what is there twice is in both.
    of_user = (
        select(
            (places - later).label("before"),
            later.label("after"),
            (places - func.count(distinct(entries.c.item_id))).label("shared"),
        )
        .group_by(entries.c.user_id)
        .subquery()
    )
    was, became, shared = of_user.c.before, of_user.c.after, of_user.c.shared
    longest = case((was > became, was), else_=became)
    in_both = (was > 0) & (became > 0)
    row = connection.execute(
        select(
            _count_if(in_both),
            _count_if(became == 0),
            _count_if(was == 0),
            _count_if(in_both & (shared < longest)),
            func.avg(case((in_both, cast(shared, Double) / longest))),
        )
    ).one()
    both, only_before, only_after, changed, kept = row
    return Overlap(int(both), int(only_before), int(only_after), int(changed), None if kept is None else float(kept))


def read_figures(connection: Connection, version: str) -> Figures:
    """What a version holds, counted."""
    dialect = connection.dialect.name
    users, queries = (rows_of(table, version, dialect) for table in (user_recommendations, query_recommendations))
    catalog = rows_of(items, version, dialect)

    def count(table: Table, *which: ColumnElement[bool]) -> int:
        statement = select(func.count()).select_from(table).where(table.c.version == version, *which)
        return connection.scalar(statement) or 0

    return Figures(
        users=count(users, users.c.rank == 1),
        queries=count(queries, queries.c.rank == 1),
        recommended=count_recommended(connection, version),
        available=count(catalog, catalog.c.is_available),
    )


def find_movers(connection: Connection, before: str, after: str, limit: int) -> tuple[list[Mover], list[Mover]]:
    """The items that gained, and those that lost, most places in users' tops; the largest first."""
    entries = union_all(_tops(connection, before, 0), _tops(connection, after, 1)).subquery()
    later = func.sum(entries.c.is_after)
    change = 2 * later - func.count()
    moved = select(entries.c.item_id, (func.count() - later).label("before"), later.label("after")).group_by(
        entries.c.item_id
    )
    gained = connection.execute(moved.having(change > 0).order_by(change.desc(), entries.c.item_id).limit(limit)).all()
    lost = connection.execute(moved.having(change < 0).order_by(change, entries.c.item_id).limit(limit)).all()
    titles = _titles(connection, before, {row.item_id for row in lost})
    titles |= _titles(connection, after, {row.item_id for row in gained})

    def named(rows: Iterable[Any]) -> list[Mover]:
        return [Mover(row.item_id, titles.get(row.item_id), int(row.before), int(row.after)) for row in rows]

    return named(gained), named(lost)


def _tops(connection: Connection, version: str, is_after: int) -> Select[Any]:
    rows = rows_of(user_recommendations, version, connection.dialect.name)
    return select(rows.c.user_id, rows.c.item_id, literal(is_after).label("is_after")).where(
        rows.c.version == version, rows.c.rank <= TOP
    )


def _titles(connection: Connection, version: str, wanted: set[str]) -> dict[str, str | None]:
    catalog = rows_of(items, version, connection.dialect.name)
    statement = select(catalog.c.item_id, catalog.c.title).where(
        catalog.c.version == version, catalog.c.item_id.in_(wanted)
    )
    return {row.item_id: row.title for row in connection.execute(statement)}


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
