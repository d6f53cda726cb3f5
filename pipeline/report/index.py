"""The page of the last hours: a week at a glance, a line for each hour with a link to its own page, and charts."""

from datetime import datetime
from typing import Any

from pipeline.hours import parse_hour
from pipeline.report import strip, trends
from pipeline.report.briefs import Brief, fill_hours
from pipeline.report.html import Html, badge, card, element, number, page, table, tiles
from pipeline.report.ledger import FATES

WEEK_HOURS = 168


def index_page(source: str, briefs: list[Brief]) -> str:
    """The page of these hours, given oldest first."""
    newest = briefs[-1]
    last: datetime = parse_hour(newest["hour"])
    hours = [brief["hour"] for brief in briefs]
    return page(
        f"{source}: the last hours",
        element(
            "header",
            element("h1", f"{source}: the last hours"),
            badge(newest["state"]),
            element("span", f"{hours[0].replace('T', ' ')}h to {hours[-1].replace('T', ' ')}h UTC", class_="soft"),
        ),
        tiles(_figures(briefs)),
        card(
            "The week at a glance",
            strip.week(fill_hours(briefs, last, WEEK_HOURS)),
            hint="Above: events delivered. Below: whether lists that know them were published in time.",
        ),
        card("Hours, newest first", _hours(briefs)),
        element(
            "div",
            card("Events by hour", trends.rows_by_fate(briefs)),
            card("Malformed rows by rule", trends.malformed_by_rule(briefs)),
            card("Age of the events when published", trends.freshness(briefs)),
            [card(title, chart, hint=hint) for title, hint, chart in trends.gate_charts(briefs)],
            card("Seconds by stage", trends.seconds_by_stage(briefs)),
            class_="two",
        ),
    )


def _figures(briefs: list[Brief]) -> list[tuple[str, str]]:
    newest = briefs[-1]
    ledgers = [brief["ledgers"]["events"] for brief in briefs if "events" in brief["ledgers"]]
    delivered = sum(ledger["delivered"] for ledger in ledgers)
    refused = sum(ledger["quarantined"] - ledger["excluded"] for ledger in ledgers)
    shown = [
        (number(len(briefs)), "hours shown"),
        (number(sum(brief["state"] == "blocked" for brief in briefs)), "blocked"),
        (number(sum(brief["rules"]["warned"] > 0 for brief in briefs)), "with warnings"),
        (number(delivered), "events delivered"),
        (f"{refused / delivered:.2%}" if delivered else "–", "of them malformed"),
    ]
    if newest["live"]:
        shown.append((f"{newest['live'][5:10]} {newest['live'][11:13]}h", "live (UTC) when this was made"))
    return shown


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
