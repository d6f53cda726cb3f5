"""The page of the last hours: charts over a week, and a line for each hour with a link to its own page."""

from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.gates import GATES
from pipeline.report import charts
from pipeline.report.account import SENTENCES
from pipeline.report.html import Html, badge, card, element, number, page, table
from pipeline.report.page import FATES, SHARES, shares

MOST_RULES = 5
RULE_COLOURS = [1, 5, 6, 7, 4, 3]
STAGE_COLOURS = [0, 6, 4, 5, 2, 7, 3]
DAY_SECONDS = 86_400.0

Brief = dict[str, Any]  # what stands in the JSON file beside an hour's page


def index_page(source: str, briefs: list[Brief]) -> str:
    """The page of these hours, given oldest first."""
    newest = briefs[-1]
    hours = [brief["hour"] for brief in briefs]
    return page(
        f"{source}: the last hours",
        element(
            "header",
            element("h1", f"{source}: the last hours"),
            badge(newest["state"]),
            element("span", f"{hours[0].replace('T', ' ')}h to {hours[-1].replace('T', ' ')}h UTC", class_="soft"),
        ),
        _tiles(briefs),
        card("Hours, newest first", _hours(briefs)),
        element(
            "div",
            card("Events by hour", _ledger_chart(briefs, hours)),
            card("Malformed rows by rule", _rule_chart(briefs, hours)),
            [card(title, chart, hint=hint) for title, hint, chart in _gate_charts(briefs, hours)],
            card("Seconds by stage", _stage_chart(briefs, hours)),
            card(
                "Age of the data when published",
                _age_chart(briefs, hours),
                hint="Capped at 24 hours: what is backfilled later is old when it is published.",
            ),
            class_="two",
        ),
    )


def _tiles(briefs: list[Brief]) -> Html:
    newest = briefs[-1]
    ledgers = [brief["ledgers"]["events"] for brief in briefs if "events" in brief["ledgers"]]
    delivered = sum(ledger["delivered"] for ledger in ledgers)
    refused = sum(ledger["quarantined"] - ledger["excluded"] for ledger in ledgers)
    tiles = [
        (number(len(briefs)), "hours shown"),
        (number(sum(brief["state"] == "blocked" for brief in briefs)), "blocked"),
        (number(sum(brief["rules"]["warned"] > 0 for brief in briefs)), "with warnings"),
        (number(delivered), "events delivered"),
        (f"{refused / delivered:.2%}" if delivered else "–", "of them malformed"),
    ]
    if newest["live"]:
        tiles.append((f"{newest['live'][5:10]} {newest['live'][11:13]}h", "live hour (UTC)"))
    return element(
        "div", [element("div", element("b", a), element("span", b), class_="tile") for a, b in tiles], class_="tiles"
    )


def _ledger_chart(briefs: list[Brief], hours: list[str]) -> Html:
    counted = [shares(brief["ledgers"]["events"]) if "events" in brief["ledgers"] else {} for brief in briefs]
    series = {name: [parts.get(name) for parts in counted] for name in SHARES}
    return charts.columns(hours, series, list(SHARES.values()))


def _rule_chart(briefs: list[Brief], hours: list[str]) -> Html:
    each: list[dict[str, int]] = []
    totals: dict[str, int] = {}
    for brief in briefs:
        counts: dict[str, int] = {}
        for ledger in brief["ledgers"].values():
            for rule, found in ledger["rules"].items():
                if rule not in SENTENCES:
                    counts[rule] = counts.get(rule, 0) + found["rows_decided"]
                    totals[rule] = totals.get(rule, 0) + found["rows_decided"]
        each.append(counts)
    if not totals:
        return element("p", "No row was malformed.", class_="soft")
    most = sorted(totals, key=lambda rule: (-totals[rule], rule))[:MOST_RULES]
    series: dict[str, list[float | None]] = {rule: [counts.get(rule) for counts in each] for rule in most}
    if len(totals) > MOST_RULES:
        series["all others"] = [sum(n for rule, n in counts.items() if rule not in most) for counts in each]
    return charts.columns(hours, series, RULE_COLOURS[: len(series)])


def _gate_charts(briefs: list[Brief], hours: list[str]) -> list[tuple[str, str, Html]]:
    """A chart for each figure that gates judge and that moved or reached a limit; gates with one figure share it."""
    figures: dict[tuple[str, str], dict[str, Any]] = {}
    for place, brief in enumerate(briefs):
        for gate in brief["gates"]:
            key = (gate["stage"], gate["rule"].removesuffix("_too_high").removesuffix("_high"))
            figure = figures.setdefault(key, {"values": [None] * len(hours), "limits": {}})
            figure["values"][place] = gate["observed"]
            if gate["limit"] is not None:
                figure["limits"][GATES[gate["rule"]].severity if gate["rule"] in GATES else "limit"] = gate["limit"]
    return [
        _gate_chart(hours, stage, name, figure)
        for (stage, name), figure in figures.items()
        if is_telling([value for value in figure["values"] if value is not None], figure["limits"].values())
    ]


def is_telling(values: Sequence[float], limits: Iterable[float]) -> bool:
    """Whether a chart of these says more than that nothing happened: they differ, or one is at a limit."""
    return len(set(values)) > 1 or any(abs(value) >= limit for value in values for limit in limits)


def _gate_chart(hours: list[str], stage: str, name: str, figure: dict[str, Any]) -> tuple[str, str, Html]:
    words = name.replace("_", " ")
    size, unit = (100, " %") if "share" in name else (1, "")
    values = [None if value is None else value * size for value in figure["values"]]
    limits = {severity: limit * size for severity, limit in sorted(figure["limits"].items())}
    hint = ", ".join(f"{severity} past {number(limit)}{unit}" for severity, limit in limits.items())
    title = f"{words.capitalize()} ({stage.replace('_', ' ')})"
    return title, hint, charts.lines(hours, {words: values}, [4], limits, unit)


def _stage_chart(briefs: list[Brief], hours: list[str]) -> Html:
    names = list(dict.fromkeys(stage for brief in briefs for stage in brief["seconds"]))
    series = {name: [brief["seconds"].get(name) for brief in briefs] for name in names}
    return charts.columns(hours, series, [STAGE_COLOURS[place % 7] for place in range(len(names))], " s")


def _age_chart(briefs: list[Brief], hours: list[str]) -> Html:
    lags = [brief["lag_seconds"] for brief in briefs]
    ages = [None if lag is None else min(lag, DAY_SECONDS) / 3600 for lag in lags]
    return charts.lines(hours, {"age": ages}, [4], {}, " h")


def _hours(briefs: list[Brief]) -> Html:
    rows: list[list[Any]] = []
    for brief in reversed(briefs):
        ledger = brief["ledgers"].get("events")
        counts = [number(ledger["delivered"]), *(number(ledger[fate]) for fate in FATES)] if ledger else [""] * 5
        day, hour = brief["hour"].split("T")
        rows.append(
            [
                element("a", f"{day} {hour}h", href=f"{day}/{hour}.html"),
                badge(brief["state"]),
                *counts,
                number(brief["rules"]["failed"]) or "0",
                number(brief["rules"]["warned"]) or "0",
                f"{sum(brief['seconds'].values()):.1f}",
                "; ".join(brief["sentences"]) or brief["version"] or "",
            ]
        )
    numbers = ("delivered", *FATES, "failed", "warned", "seconds")
    return table(["hour", "", *numbers, "version, or what failed"], rows, right=numbers)
