"""Finding a person's rows in any table by its columns: `user_id`, `session_id`, `actor`, `query`, `raw_row`, `reason`."""

import json
from collections.abc import Set

import pyarrow as pa
import pyarrow.compute as pc

PERSONAL = ("user_id", "session_id", "actor", "query", "raw_row", "reason")
# What `clean` of sql/macros.sql takes off a text: whoever is taken in under a name is known by it as erased.
EDGES = " \t\n\v\f\r\u00a0"
NO_QUERY = '["searched"]'  # the reason that is left of a search whose text is gone
SEARCHED = '["searched",'  # how a reason begins that names a query


def people_of(table: pa.Table) -> pa.Table:
    """For each row: user_id, session_id and query as they were typed, trimmed; null where there is nothing.

    A row that was refused is looked into as it came.
    """
    found: dict[str, pa.ChunkedArray | list[str | None]] = {}
    if "raw_row" in table.column_names:
        raw = [_parse(row) for row in table["raw_row"].to_pylist()]
        found = {name: [_text(row.get(name)) for row in raw] for name in ("user_id", "session_id", "query")}
    else:
        names = {"user_id": "user_id", "session_id": "session_id", "query": "query"}
        if "session_id" not in table.column_names:
            names["session_id"] = "actor"  # the session, where there is no user
        found = {name: table[of] for name, of in names.items() if of in table.column_names}
    nothing = pa.nulls(len(table), pa.string())
    return pa.table({name: _trimmed(found.get(name, nothing)) for name in ("user_id", "session_id", "query")})


def belongs_to(people: pa.Table, users: Set[str], sessions: Set[str]) -> pa.ChunkedArray:
    """Which rows name one of the users, or no user and one of the sessions; never null."""
    named = pc.is_in(people["user_id"], value_set=_set(users))
    nameless = pc.and_(pc.is_null(people["user_id"]), pc.is_in(people["session_id"], value_set=_set(sessions)))
    return pc.or_(named, nameless)


def sessions_of(people: pa.Table, users: Set[str]) -> set[str]:
    """The sessions in which one of the users is named."""
    named = people.filter(pc.is_in(people["user_id"], value_set=_set(users)))
    return {name for name in pc.unique(named["session_id"]).to_pylist() if name}


def reasons_of(queries: Set[str]) -> set[str]:
    """Every way in which a reason that refers to one of these queries may be written."""
    forms = set()
    for query in queries:
        for ascii_only in (False, True):
            forms.add(json.dumps(["searched", query], ensure_ascii=ascii_only, separators=(",", ":")))
    return forms


def without_query(raw_row: str | None) -> str | None:
    """A refused row as it came, but for what was typed."""
    row = _parse(raw_row)
    return (
        json.dumps({**row, "query": None}, ensure_ascii=False, separators=(",", ":")) if row.get("query") else raw_row
    )


def _parse(raw_row: str | None) -> dict[str, object]:
    try:
        row = json.loads(raw_row or "{}")
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _trimmed(column: pa.ChunkedArray | list[str | None]) -> pa.Array:
    values = pc.utf8_trim(pa.array(column, pa.string()) if isinstance(column, list) else column, EDGES)
    return pc.if_else(pc.equal(values, ""), None, values)


def _set(names: Set[str]) -> pa.Array:
    return pa.array(sorted(names), pa.string())
