"""What must hold for a version before readers may get it, asked of the serving database itself after the load.

Each question is a gate of `pipeline.gates`; all are asked before anything is refused. No sentence names a user or a query.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    cast,
    distinct,
    func,
    literal,
    not_,
    or_,
    select,
)

from pipeline.gates import GATES
from pipeline.serving.compare import compare_users, count_recommended
from pipeline.serving.schema import ALL, LISTS, PUBLISHED, items, live, popular_items, rows_of, similar_items, versions
from pipeline.serving.schema import user_recommendations as users
from pipeline.serving.version import VersionInfo

LARGEST = 1.7976931348623157e308  # the largest finite double: infinity and PostgreSQL's NaN lie above it


@dataclass(frozen=True)
class Limits:
    """What a version is held against beside its own rows; three are settings of the same names."""

    empty_places: int  # of users' lists, explained by what these users bought: sql/empty_places.sql
    coverage_limit: float
    overlap_limit: float
    compare_min_users: int
    blocked: tuple[str, ...] = ()  # items that no list may hold


ALONE = Limits(empty_places=0, coverage_limit=0, overlap_limit=0, compare_min_users=0)  # compared with nothing


@dataclass(frozen=True)
class Checked:
    """What a gate found: no sentence when it passed, and the figure that was judged."""

    gate: str
    sentence: str
    observed: float | None

    @property
    def is_fatal(self) -> bool:
        """Whether the version must not be published."""
        return bool(self.sentence) and GATES[self.gate].severity == "critical"


def audit_version(
    connection: Connection, version: VersionInfo, expected_rows: Mapping[str, int], limits: Limits
) -> list[Checked]:
    """What every gate of a version found."""
    name = version.version
    found: dict[str, list[tuple[int, str]]] = {
        "rows_lost": _audit_counts(connection, name, expected_rows),
        "ranks_broken": [],
        "items_repeated": [],
        "scores_not_finite": [],
        "items_not_in_catalog": [],
        "items_not_available": [],
        "items_blocked": [],
        "popular_list_empty": _audit_fallback(connection, name),
    }
    recommended = {}
    for table, (key, item) in LISTS.items():
        gaps, repeats = _audit_lists(connection, name, table, key, item)
        recommended[table], endless, unknown, gone = _audit_entries(connection, name, table, item)
        found["ranks_broken"].append(gaps)
        found["items_repeated"].append(repeats)
        found["scores_not_finite"].append(endless)
        found["items_not_in_catalog"].append(unknown)
        found["items_not_available"].append(gone)
        found["items_blocked"].append(_audit_blocked(connection, name, table, item, limits.blocked))
    found["items_not_in_catalog"].append(_audit_anchors(connection, name))
    if version.max_rank is not None:
        found["lists_not_filled"] = list(_audit_fill(connection, name, version.max_rank, limits))
    return [_check(gate, counts) for gate, counts in found.items()] + list(
        _compare(connection, version, limits, recommended[users])
    )


def _check(gate: str, found: Iterable[tuple[int, str]]) -> Checked:
    """One finding of all tables: how often the gate's rule is broken, and a sentence of each table that breaks it."""
    broken = [(count, sentence) for count, sentence in found if count]
    return Checked(gate, "; ".join(sentence for _, sentence in broken), float(sum(count for count, _ in broken)))


def _audit_counts(connection: Connection, version: str, expected_rows: Mapping[str, int]) -> list[tuple[int, str]]:
    counts = []
    for table in PUBLISHED:
        rows = rows_of(table, version, connection.dialect.name)
        found = connection.scalar(select(func.count()).select_from(rows).where(rows.c.version == version)) or 0
        wanted = expected_rows[table.name]
        counts.append((abs(found - wanted), f"{table.name}: {found:,} rows arrived of {wanted:,}"))
    return counts


def _audit_lists(
    connection: Connection, version: str, table: Table, key: str, item: str
) -> tuple[tuple[int, str], tuple[int, str]]:
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
    return (
        (gaps, f"{table.name}: {gaps:,} of {total:,} lists do not have the ranks 1 to n"),
        (repeats, f"{table.name}: {repeats:,} of {total:,} lists hold an item twice"),
    )


def _audit_entries(
    connection: Connection, version: str, table: Table, item: str
) -> tuple[int, tuple[int, str], tuple[int, str], tuple[int, str]]:
    """Every score is finite and every listed item is in the catalog of the same version and available; first how many
    different items are listed.
    """
    rows = rows_of(table, version, connection.dialect.name)
    catalog = rows_of(items, version, connection.dialect.name)
    # Each item is looked up once, not at each of its places.
    listed = (
        select(
            rows.c[item].label("item_id"),
            func.count().label("places"),
            _count_if(or_(rows.c.score.is_(None), not_(rows.c.score.between(-LARGEST, LARGEST)))).label("endless"),
        )
        .where(rows.c.version == version)
        .group_by(rows.c[item])
        .subquery()
    )
    entries = select(
        func.count(),
        _sum(listed.c.endless),
        _sum(case((catalog.c.item_id.is_(None), listed.c.places))),
        _sum(case((not_(catalog.c.is_available), listed.c.places))),
    ).select_from(listed.outerjoin(catalog, and_(catalog.c.item_id == listed.c.item_id, catalog.c.version == version)))
    recommended, endless, unknown, gone = (int(found) for found in connection.execute(entries).one())
    return (
        recommended,
        (endless, f"{table.name}: {endless:,} scores are not finite"),
        (unknown, f"{table.name}: {unknown:,} rows list an item that is not in items"),
        (gone, f"{table.name}: {gone:,} rows list an item that is not available"),
    )


def _audit_anchors(connection: Connection, version: str) -> tuple[int, str]:
    """Similar items are kept only for items of the catalog; whether these are available does not matter."""
    rows = rows_of(similar_items, version, connection.dialect.name)
    catalog = rows_of(items, version, connection.dialect.name)
    known = select(catalog.c.item_id).where(catalog.c.item_id == rows.c.item_id, catalog.c.version == version).exists()
    lost = select(func.count(distinct(rows.c.item_id))).where(rows.c.version == version, not_(known))
    lists = connection.scalar(lost) or 0
    return lists, f"similar_items: {lists:,} lists belong to an item that is not in items"


def _audit_fallback(connection: Connection, version: str) -> list[tuple[int, str]]:
    """There is something to show to everybody; no rule above would notice a version without any rows."""
    rows = rows_of(popular_items, version, connection.dialect.name)
    found = connection.scalar(select(func.count()).where(rows.c.version == version, rows.c.segment == ALL))
    return [] if found else [(1, f"popular_items: the list '{ALL}', which answers everyone unknown, is empty")]


def _audit_blocked(
    connection: Connection, version: str, table: Table, item: str, blocked: tuple[str, ...]
) -> tuple[int, str]:
    """No list holds what a rule of the shop blocks."""
    rows = rows_of(table, version, connection.dialect.name)
    held = select(func.count()).where(rows.c.version == version, rows.c[item].in_(_ids(connection, blocked)))
    count = (connection.scalar(held) or 0) if blocked else 0
    return count, f"{table.name}: {count:,} rows list an item that a rule blocks"


def _ids(connection: Connection, ids: tuple[str, ...]) -> Select[tuple[str]]:
    """A query whose rows are these ids, handed over as one value however many there are."""
    listed = json.dumps(ids)
    if connection.dialect.name == "postgresql":
        return select(func.json_array_elements_text(cast(literal(listed), JSON)).column_valued("id"))
    return select(func.json_each(listed).table_valued("value").c.value)


def _audit_fill(connection: Connection, version: str, k: int, limits: Limits) -> Iterable[tuple[int, str]]:
    """Every list holds min(k, eligible) items: what is available and not blocked, less the item itself or what the user
    bought.

    A list cannot hold more than that, so it is enough to add up the places that are empty.
    """
    dialect = connection.dialect.name
    catalog = rows_of(items, version, dialect)
    is_eligible: ColumnElement[bool] = catalog.c.is_available
    if limits.blocked:
        is_eligible = and_(is_eligible, catalog.c.item_id.not_in(_ids(connection, limits.blocked)))
    on_sale = select(func.count()).select_from(catalog).where(catalog.c.version == version, is_eligible)
    available = connection.scalar(on_sale) or 0
    for table, (key, _) in LISTS.items():
        rows = rows_of(table, version, dialect)
        lists = select(rows.c[key].label("name"), func.count().label("length")).where(rows.c.version == version)
        if table is popular_items:
            lists = lists.where(rows.c.segment == ALL)  # other segments are as long as their part of the shop
        of_list = lists.group_by(rows.c[key]).subquery()
        wanted: ColumnElement[int] = literal(min(k, available))
        source = select(of_list.c.length)
        if table is similar_items:
            itself = case((is_eligible, 1), else_=0)
            wanted = case((available - itself < k, available - itself), else_=k)
            source = source.join(catalog, and_(catalog.c.item_id == of_list.c.name, catalog.c.version == version))
        lacking = source.with_only_columns(func.sum(wanted - of_list.c.length), _count_if(of_list.c.length < wanted))
        places, short = connection.execute(lacking).one()
        explained = limits.empty_places if table is users else 0
        excess = max(0, int(places or 0) - explained)
        beyond = f" beyond the {explained:,} that purchases explain" if explained else ""
        yield excess, f"{table.name}: {excess:,} places are empty{beyond}, in {short:,} lists of up to {k} items"


def _compare(connection: Connection, version: VersionInfo, limits: Limits, listed: int) -> Iterable[Checked]:
    """Beside the version that readers get: how many items are recommended at all, and what users keep of their top.

    A live version of a newer hour or another tier is no measure, and a small one says nothing.
    """
    before = connection.execute(
        select(live.c.version, live.c.interval_start, versions.c.tier)
        .join(versions, versions.c.version == live.c.version)
        .where(live.c.source == version.source, live.c.arm == version.arm)
    ).first()
    is_measure = before and before.tier == version.tier and before.interval_start <= version.interval_start
    if not before or not is_measure or before.version == version.version:
        return
    overlap = compare_users(connection, before.version, version.version)
    if overlap.both + overlap.only_before >= max(1, limits.compare_min_users):
        then = count_recommended(connection, before.version)
        ratio = listed / then
        said = f"users' lists recommend {listed:,} items, {ratio:.2f} times the {then:,} of {before.version}, which is live"
        too_few = f"{said}; the limit is {limits.coverage_limit:g}" if ratio < limits.coverage_limit else ""
        yield Checked("coverage_collapsed", too_few, ratio)
    if overlap.kept is not None and overlap.both >= max(1, limits.compare_min_users):
        said = (
            f"{overlap.both:,} users keep {overlap.kept:.0%} of their top 10 on average, beside {before.version}, which is "
            f"live; the limit is {limits.overlap_limit:.0%}"
        )
        yield Checked("lists_churned", said if overlap.kept < limits.overlap_limit else "", overlap.kept)


def _sum(value: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(value), 0)


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return _sum(case((condition, 1), else_=0))
