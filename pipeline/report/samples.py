"""A look at the lists of an hour that shows nobody: what everybody, and what groups of users, are shown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.duck import connect, fetch_table, view_files
from pipeline.manifests import find_table
from pipeline.report import charts
from pipeline.report.html import Html, card, element, number
from pipeline.run import Run

TABLES = ("items", "popular_items", "similar_items", "user_recommendations")
REASONS = {
    "searched": 4,
    "clicked": 6,
    "added_to_cart": 2,
    "bought_together": 5,
    "similar": 0,
    "popular": 3,
}
Sample = dict[str, Any]


def read_samples(run: Run, folder: Path) -> list[Sample]:
    """The rows of sql/sample_lists.sql; none where lists have not landed. Raises `duckdb.Error` when one cannot be read."""
    found = {table: find_table(run, table) for table in TABLES}
    paths = {table: entry[0] for table, entry in found.items() if entry}
    if len(paths) < len(TABLES):
        return []
    with connect(run.settings, folder) as connection:
        for table, path in paths.items():
            view_files(connection, table, [path])
        return fetch_table(connection, "sample_lists", least_users=run.settings.min_analyst_users).to_pylist()


def samples(rows: Sequence[Sample]) -> Html | None:
    """The samples as lists of titles, and what speaks for the items of users' lists."""
    lists: dict[tuple[str, str], list[Sample]] = {}
    reasons: dict[str, float] = {}
    for row in rows:
        if row["kind"] == "reason":
            reasons[row["name"]] = row["users"]
        else:
            lists.setdefault((row["kind"], row["name"]), []).append(row)
    if not lists:
        return None
    order = ("popular", "group", "similar")
    shown = sorted(lists.items(), key=lambda entry: order.index(entry[0][0]))
    known = {name: reasons[name] for name in REASONS if name in reasons}
    return card(
        "What is shown",
        element("div", [_list(kind, name, entries) for (kind, name), entries in shown], class_="lists"),
        element("h3", "What speaks for the items of users' lists") if known else None,
        charts.bar(known, [REASONS[name] for name in known]) if known else None,
        charts.legend([name.replace("_", " ") for name in known], [REASONS[name] for name in known]) if known else None,
        hint="No single user's list is shown; a group is at least as many users as analysts may see a query of.",
    )


def _list(kind: str, name: str, rows: Sequence[Sample]) -> Html:
    titles = {
        "popular": "Everybody without a list of their own",
        "similar": f"Goes with {name}",
        "group": f"{number(rows[0]['of_users'])} users whose list begins with {name}",
    }
    entries = [
        element(
            "li",
            row["title"],
            element("span", f" {number(row['users'])} users", class_="soft") if row["users"] else None,
        )
        for row in rows
    ]
    return element("div", element("h3", titles[kind]), element("ol", entries))
