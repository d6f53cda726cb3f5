"""What must hold for a version before readers may get it, asked of the serving database itself after the load."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, Table, and_, case, distinct, func, not_, or_, select

from pipeline.serving.schema import ALL, LISTS, PUBLISHED, items, popular_items, rows_of, similar_items

LARGEST = 1.7976931348623157e308  # the largest finite double: infinity and PostgreSQL's NaN lie above it


def audit_version(connection: Connection, version: str, expected_rows: Mapping[str, int]) -> list[str]:
    """One sentence for each rule that the version's rows break, with how often; no user and no query is named."""
    problems = []
    for table in PUBLISHED:
        rows = rows_of(table, version, connection.dialect.name)
        found = connection.scalar(select(func.count()).select_from(rows).where(rows.c.version == version))
        if found != expected_rows[table.name]:
            problems.append(f"{table.name}: {found:,} rows arrived of {expected_rows[table.name]:,}")
    for table, (key, item) in LISTS.items():
        problems += _audit_lists(connection, version, table, key, item)
        problems += _audit_entries(connection, version, table, item)
    return problems + _audit_anchors(connection, version) + _audit_fallback(connection, version)


def _audit_lists(connection: Connection, version: str, table: Table, key: str, item: str) -> list[str]:
    """Every list has the ranks 1 to n and no item twice. (That no rank comes twice, the primary key has seen to.)"""
    rows = rows_of(table, version, connection.dialect.name)
    lists = (
        select(
            or_(func.min(rows.c.rank) != 1, func.max(rows.c.rank) != func.count()).label("has_gaps"),
            (func.count(distinct(rows.c[item])) != func.count()).label("has_repeats"),
        )
        .where(rows.c.version == version)
        .group_by(rows.c[key])
        .subquery()
    )
    count = select(func.count(), _count_if(lists.c.has_gaps), _count_if(lists.c.has_repeats)).select_from(lists)
    total, gaps, repeats = connection.execute(count).one()
    return _sentences(
        (gaps, f"{table.name}: {gaps:,} of {total:,} lists do not have the ranks 1 to n"),
        (repeats, f"{table.name}: {repeats:,} of {total:,} lists hold an item twice"),
    )


def _audit_entries(connection: Connection, version: str, table: Table, item: str) -> list[str]:
    """Every score is finite and every listed item is in the catalog of the same version and available."""
    rows = rows_of(table, version, connection.dialect.name)
    catalog = rows_of(items, version, connection.dialect.name)
    entries = (
        select(
            _count_if(or_(rows.c.score.is_(None), not_(rows.c.score.between(-LARGEST, LARGEST)))),
            _count_if(catalog.c.item_id.is_(None)),
            _count_if(not_(catalog.c.is_available)),
        )
        .select_from(rows.outerjoin(catalog, and_(catalog.c.item_id == rows.c[item], catalog.c.version == version)))
        .where(rows.c.version == version)
    )
    endless, unknown, gone = connection.execute(entries).one()
    return _sentences(
        (endless, f"{table.name}: {endless:,} scores are not finite"),
        (unknown, f"{table.name}: {unknown:,} rows list an item that is not in items"),
        (gone, f"{table.name}: {gone:,} rows list an item that is not available"),
    )


def _audit_anchors(connection: Connection, version: str) -> list[str]:
    """Similar items are kept only for items of the catalog; whether these are available does not matter."""
    rows = rows_of(similar_items, version, connection.dialect.name)
    catalog = rows_of(items, version, connection.dialect.name)
    known = select(catalog.c.item_id).where(catalog.c.item_id == rows.c.item_id, catalog.c.version == version).exists()
    lost = select(func.count(distinct(rows.c.item_id))).where(rows.c.version == version, not_(known))
    lists = connection.scalar(lost)
    return _sentences((lists, f"similar_items: {lists:,} lists belong to an item that is not in items"))


def _audit_fallback(connection: Connection, version: str) -> list[str]:
    """There is something to show to everybody; no rule above would notice a version without any rows."""
    rows = rows_of(popular_items, version, connection.dialect.name)
    found = connection.scalar(select(func.count()).where(rows.c.version == version, rows.c.segment == ALL))
    return [] if found else [f"popular_items: the list '{ALL}', which answers everyone unknown, is empty"]


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _sentences(*findings: tuple[int | None, str]) -> list[str]:
    return [sentence for count, sentence in findings if count]
