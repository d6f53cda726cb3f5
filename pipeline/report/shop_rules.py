"""Of an hour's page: the shop's rules for its lists, and how many places of how many lists each of them changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.html import Html, badge, card, element, join, number, table

MOST_ROWS = 200
OF = {
    "user_recommendations": "users",
    "query_recommendations": "queries",
    "similar_items": "items",
    "popular_items": "all",
}


def shop_rules(told: Sequence[Mapping[str, Any]]) -> Html | None:
    """A row for each line of the rules file as the hour had it, those that changed nothing too; None without rules."""
    if not told:
        return None
    shown = sorted(told, key=lambda one: (not one["is_active"], one["line"]))[:MOST_ROWS]
    heads = ["line", "rule", "note", "", *(f"of {name}" for name in OF.values())]
    rows = [_row(one) for one in shown]
    left = element("p", f"and {len(told) - MOST_ROWS:,} more", class_="soft") if len(told) > MOST_ROWS else None
    idle = sum(one["is_active"] and not one["changed"] for one in told)
    active = sum(one["is_active"] for one in told)
    return card(
        f"The shop's rules: {active} hold, {idle} of them changed no list",
        table(heads, rows, right=("line", *heads[4:])),
        left,
        hint="Places that a rule changed, in how many lists of users, queries, items and for all, beside those without any.",
    )


def _row(one: Mapping[str, Any]) -> list[Any]:
    state = "holds" if one["is_active"] else "not at this time"
    said = badge("changed nothing", "warning") if one["is_active"] and not one["changed"] else state
    return [str(one["line"]), element("code", one["rule"]), one["note"] or "", said, *_effects(one["changed"])]


def _effects(changed: Mapping[str, Mapping[str, int]]) -> list[Any]:
    cells: list[Any] = []
    for name in OF:
        found = changed.get(name)
        lists = element("span", f" in {number(found['lists'])}", class_="soft") if found else None
        cells.append(join(number(found["places"]), lists) if found else "")
    return cells
