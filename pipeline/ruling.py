"""What the shop's rules (`pipeline.rules`) do to an hour's lists, and how many places each of them changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.duck import connect, fetch_table, view_files, write_table
from pipeline.files import hash_file
from pipeline.hours import HOUR
from pipeline.lake import Work
from pipeline.manifests import read_undamaged, stage_facts
from pipeline.rules import SCHEMA, Line, count_fresh_places, describe, read_rules, rules_file
from pipeline.run import Run

# Of each place of a list: so many candidates are looked at where rules may put another item there.
CANDIDATES = 5
FIND_CATALOG = 24  # hours before the first fresh one in which a catalog is looked for
TOLD = 5  # rules that a note names
NOTHING_FRESH = pa.table({"item_id": pa.array([], pa.string())})
# What a list of each table is called by, and the column of what it lists.
KEYS = {
    "user_recommendations": ("user_id", "item_id"),
    "query_recommendations": ("query", "item_id"),
    "similar_items": ("item_id", "similar_item_id"),
    "popular_items": ("segment", "item_id"),
}


@dataclass(frozen=True)
class Ruling:
    """The rules of an hour and what they are about: tables as the queries of the same names give them."""

    lines: list[Line]
    ruled_items: pa.Table
    offered_items: pa.Table
    owned_items: pa.Table
    fresh_items: pa.Table

    @property
    def is_empty(self) -> bool:
        """Whether no rule holds: then lists are what they are without any."""
        return not any(line["is_active"] for line in self.lines)

    def find(self, rule: str) -> list[Line]:
        """The lines of a kind that hold."""
        return [line for line in self.lines if line["rule"] == rule and line["is_active"]]


def find_rules(work: Work) -> pa.Table:
    """The lines that the hour was made with before, unless it is pulled again; those of the file as it stands otherwise."""
    run = work.run
    there = Run(run.hour, run.settings, lake=run.history or run.lake)
    landed = None if run.repull else read_undamaged(there, "prepare")
    entry = landed["tables"].get("shop_rules") if landed else None
    path = Path(landed["folder"]) / entry["file"] if landed and entry else None
    if path and entry and path.exists() and hash_file(path) == entry["sha256"]:
        return pq.read_table(path, columns=SCHEMA.names).cast(SCHEMA)
    return read_rules(rules_file(run.settings))


def read_ruling(work: Work, with_fresh: bool = False) -> Ruling:
    """The hour's rules, applied to its catalog and to what was bought; which items are fresh only when asked for."""
    lines = pq.read_table(work.read("shop_rules")).to_pylist()
    with connect(work.run.settings, work.folder) as connection:
        for name in ("shop_rules", "items", "bought"):
            view_files(connection, name, [work.read(name)])
        found = {"fresh_items": find_fresh(work, connection, lines if with_fresh else ())}
        for name in ("ruled_items", "offered_items", "owned_items"):
            found[name] = fetch_table(connection, name, hour_end=work.run.end)
            connection.register(name, found[name])
    return Ruling(lines, **found)


def find_fresh(work: Work, connection: duckdb.DuckDBPyConnection, lines: Iterable[Line]) -> pa.Table:
    """The available items that were not in the catalog when fresh ones began to count; none without a rule, or a catalog
    from then, which is noted.
    """
    if not any(line["rule"] == "fresh" and line["is_active"] for line in lines):
        return NOTHING_FRESH
    found = find_lately_listed(work, connection)
    if found is None:
        hours = work.run.settings.fresh_hours
        work.note(f"rules: no catalog of {hours} hours before has landed, so that no item counts as fresh")
        return NOTHING_FRESH
    return found


def find_lately_listed(work: Work, connection: duckdb.DuckDBPyConnection) -> pa.Table | None:
    """The available items that were not in the catalog `fresh_hours` before; None where no catalog from then has landed.

    The connection knows the hour's items.
    """
    since = work.run.hour - work.run.settings.fresh_hours * HOUR
    paths = (work.read_hour("items", since - step * HOUR) for step in range(FIND_CATALOG))
    earlier = next((found for found in paths if found), None)
    if earlier is None:
        return None
    view_files(connection, "earlier_items", earlier)
    return fetch_table(connection, "fresh_items")


def count_candidates(work: Work, ruling: Ruling) -> int:
    """How many items the model is asked for: more than a list holds where a rule may take some away or move them."""
    return work.run.settings.k * (1 if ruling.is_empty else CANDIDATES)


def write_ruled(work: Work, ruling: Ruling, connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """The draft of a table of lists keeps to the rules, and what each of them changed stands in the facts.

    The connection knows what sql/<table>.sql needs, but for `bought`.
    """
    k = work.run.settings.k
    view_files(connection, "bought", [work.read("bought")])
    is_users = table == "user_recommendations"
    connection.register("lists_without", without_rules(connection, table, k))
    for name in ("ruled_items", "fresh_items"):
        connection.register(name, getattr(ruling, name))
    connection.register("items", ruling.offered_items)
    connection.register("bought", ruling.owned_items)
    fresh = ruling.find("fresh")
    values = {"k": k, "fresh_places": count_fresh_places(fresh[0], k) if fresh else 0}
    if is_users:
        register_candidates(connection, ruling, k)
        write_table(connection, "ruled_recommendations", work.draft(table), **values)
    else:
        write_table(connection, table, work.draft(table), k=k)
    connection.register("lists_with", name_lists(pq.read_table(work.draft(table)), table))
    connection.unregister("bought")  # everything that was bought is seen again
    values["fresh_line"] = fresh[0]["line"] if fresh else 0
    effects = fetch_table(connection, "rule_effects", is_users=is_users, **values).to_pylist()
    work.facts.setdefault("rules", {})[table] = keyed(effects)


def register_candidates(connection: duckdb.DuckDBPyConnection, ruling: Ruling, k: int) -> None:
    """`candidates` are known: CANDIDATES for each place and, where a cap holds, popular items of many categories."""
    candidates = fetch_table(connection, "user_recommendations", k=k * CANDIDATES)
    connection.register("candidates", candidates)
    caps = [line["value"] for line in ruling.find("cap")]
    if caps:
        spare = fetch_table(connection, "spare_candidates", largest_cap=int(max(caps)), spare_places=k * CANDIDATES)
        connection.register("candidates", pa.concat_tables([candidates, spare]))


def count_popular(work: Work, engine: ModuleType, connection: Any, ruled_items: pa.Table, **values: Any) -> None:
    """What each rule changed in the first places of the popular lists stands in the facts; it costs nothing without rules.

    The engine's connection knows what sql/popular_items.sql needs.
    """
    if not ruled_items.num_rows:
        return
    k = work.run.settings.k
    lists = {"lists_with": pq.read_table(work.draft("popular_items"))}
    connection.register("ruled_items", ruled_items.slice(0, 0))
    lists["lists_without"] = engine.fetch_table(connection, "popular_items", **values)
    applied = pc.is_in(ruled_items["rule"], value_set=pa.array(["block", "pin"]))
    connection.register("ruled_items", ruled_items.filter(applied))
    for name, found in lists.items():
        connection.register(name, name_lists(found.filter(pc.less_equal(found["rank"], k)), "popular_items"))
    connection.register("fresh_items", NOTHING_FRESH)
    effects = engine.fetch_table(connection, "rule_effects", k=k, is_users=True, fresh_line=0).to_pylist()
    work.facts["rules"] = {"popular_items": keyed(effects)}


def keyed(effects: Iterable[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """What rules changed, by the number of their line."""
    return {str(one["line"]): {"places": one["places"], "lists": one["lists"]} for one in effects}


def without_rules(connection: duckdb.DuckDBPyConnection, table: str, k: int) -> pa.Table:
    """The lists as they are without any rule, but that what is blocked fills none: `list_id`, `rank`, `item_id`."""
    connection.register("popular_items", fetch_table(connection, "plain_popular_items"))
    lists = name_lists(fetch_table(connection, table, k=k), table)
    connection.unregister("popular_items")  # the file's rows are seen again
    return lists


def name_lists(lists: pa.Table, table: str) -> pa.Table:
    """A table of lists with one name for whom a list belongs to: `list_id`, `rank`, `item_id`."""
    key, item = KEYS[table]
    return lists.select([key, "rank", item]).rename_columns(["list_id", "rank", "item_id"])


def tell_rules(work: Work, ruling: Ruling) -> None:
    """What each rule changed stands in `facts["rules"]`, line by line, and a note says how many changed nothing."""
    changed = work.facts.get("rules", {}) | stage_facts(work.run, "prepare").get("rules", {})
    told = [
        {
            "line": line["line"],
            "rule": describe(line),
            "note": line["note"],
            "is_active": line["is_active"],
            "changed": {
                table: found[str(line["line"])] for table, found in changed.items() if str(line["line"]) in found
            },
        }
        for line in ruling.lines
    ]
    work.facts["rules"] = told
    idle = [one for one in told if one["is_active"] and not one["changed"]]
    if told:
        named = ", ".join(f"line {one['line']} ({one['rule']})" for one in idle[:TOLD])
        more = f" and {len(idle) - TOLD} more" if len(idle) > TOLD else ""
        active = sum(one["is_active"] for one in told)
        work.note(
            f"rules: {active} of {len(told)} hold"
            + (f"; {len(idle)} of them changed no list: {named}{more}" if idle else "")
        )


def blocked_ids(ruling: Ruling) -> list[str]:
    """The items of the catalog that a rule blocks, in the order of their ids."""
    items = ruling.ruled_items.to_pylist()
    return sorted({one["item_id"] for one in items if one["rule"] == "block"})
