"""Of an hour's page: how old its events were when readers got them, and what the time was spent on."""

from collections.abc import Sequence
from typing import Any

from pipeline.hours import HOUR, parse_hour
from pipeline.report import charts, trends
from pipeline.report.account import Account
from pipeline.report.ages import divide_way
from pipeline.report.briefs import Brief
from pipeline.report.html import Html, age, card, element, number, table

WAITING = {"until the hour ended": 3, "until its run began": 2, "between the stages": 1}
STAGE_COLOURS = [4, 6, 5, 0, 7]
AGES = {"half of them": "p50_seconds", "95 of 100": "p95_seconds", "99 of 100": "p99_seconds", "all": "worst_seconds"}


def freshness(account: Account, day: Sequence[Brief]) -> Html | None:
    """Ages at each step, those of the hours before, and the way; None of an hour whose events were not measured."""
    found = account["freshness"]
    if not found.get("steps"):
        return None
    rows: list[list[Any]] = [
        [step, number(ages["events"]), *(age(ages[name]) for name in AGES.values()), f"{ages['share_late']:.1%}"]
        for step, ages in found["steps"].items()
    ]
    objective = age(found["objective_seconds"])
    heads = ["when", "events", *AGES, f"older than {objective}"]
    return card(
        "Freshness",
        table(heads, rows, right=tuple(heads[1:])),
        element("p", _verdict(found, objective), class_="soft"),
        element(
            "div",
            element("div", element("h3", "When published, hour by hour"), trends.freshness(day)),
            _way(account),
            class_="two",
        ),
        hint="From when an event occurred until it had landed in the lake, and until lists that know it were published.",
    )


def _verdict(found: dict[str, Any], objective: str) -> str:
    if "published" not in found["steps"]:
        return "Nothing of this hour is published yet."
    if found["is_backfilled"]:
        return "Backfilled: published more than a day after its end, so the ages are true and the objective does not count."
    late = found["steps"]["published"]["p95_seconds"] > found["objective_seconds"]
    return f"The objective, 95 of 100 events younger than {objective}, was {'missed' if late else 'met'}."


def _way(account: Account) -> Html | None:
    parts = [(name, seconds) for name, seconds in divide_way(account, parse_hour(account["hour"]) + HOUR) if seconds]
    if not parts:
        return None
    colours = [WAITING.get(name) or STAGE_COLOURS[place % len(STAGE_COLOURS)] for place, (name, _) in enumerate(parts)]
    names = [f"{name} {age(seconds)}" for name, seconds in parts]
    work = [place for place, (name, _) in enumerate(parts) if name not in WAITING]
    bars = [range(len(parts)), work] if work else [range(len(parts))]
    said = ("All of it, for an event in the middle of the hour", "The stages alone")
    return element(
        "div",
        [
            [
                element("h3", title),
                charts.bar({names[place]: parts[place][1] for place in places}, [colours[place] for place in places]),
                charts.legend([names[place] for place in places], [colours[place] for place in places]),
            ]
            for title, places in zip(said, bars, strict=False)
        ],
    )
