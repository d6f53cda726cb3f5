"""Of an hour's page: what each stage took, beside what it usually takes."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from pipeline.prices import HOURS_A_MONTH, dollars
from pipeline.report.account import Account
from pipeline.report.briefs import Brief
from pipeline.report.html import Html, badge, card, element, join, number, table

USUAL_FROM = 3  # hours before that took the stage, for a median to be called usual


def stages(account: Account, day: Sequence[Brief]) -> Html:
    """A bar for what each stage took, with a mark at the median of the hours before it, rows, and what it says."""
    usual = usual_seconds(account, day)
    longest = max([*(stage["seconds"] for stage in account["stages"]), *usual.values()], default=0) or 1
    heads = [
        "stage",
        "",
        "seconds",
        "usually",
        "CPU s",
        "peak MiB",
        "USD a month",
        "rows in",
        "rows out",
        "what it says",
    ]
    rows = [_row(stage, usual.get(stage["stage"]), longest) for stage in account["stages"]]
    return card(
        "Stages",
        table(heads, rows, right=tuple(heads[2:-1]), class_="stages"),
        hint="Usually, and the mark in the bar: the median of the 23 hours before, where at least 3 of them ran it. "
        + tell_cost(account),
    )


def tell_cost(account: Account) -> str:
    """What the hour cost, a month of such hours, that for 1,000 users with a list, and by which prices."""
    prices = account["prices"]
    if not prices:
        return f"What it cost is not known: {account['unpriced']}"
    month = HOURS_A_MONTH * account["usd"]
    said = f"The hour cost {dollars(account['usd'])}, {dollars(month)} a month of such hours"
    said += f", {dollars(month / account['users'] * 1000)} of it for each 1,000 users" if account["users"] else ""
    return (
        f"{said}, by the price sheet {prices['id']}: {prices['per_cpu_hour']} USD a processor hour, "
        f"{prices['per_gb_hour']} USD a gigabyte hour of the most that a stage held, without this report and the serving "
        f"database. {prices['source']}"
    )


def usual_seconds(account: Account, day: Sequence[Brief]) -> dict[str, float]:
    """The median of what each stage took in the other hours, where there are enough of them."""
    taken: dict[str, list[float]] = {}
    for brief in day:
        for stage, seconds in brief["seconds"].items() if brief["hour"] != account["hour"] else ():
            taken.setdefault(stage, []).append(seconds)
    return {stage: median(seconds) for stage, seconds in taken.items() if len(seconds) >= USUAL_FROM}


def _row(stage: dict[str, Any], usual: float | None, longest: float) -> list[Any]:
    notes = [element("li", note, class_="warn" if note.startswith("warning") else None) for note in stage["notes"][:20]]
    figures = ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in stage["figures"].items())
    said = [element("div", figures, class_="soft") if figures else None]
    said += [element("ul", notes, class_="notes")] if notes else []
    mark = element("b", style=f"left:{usual / longest:.1%}", title=f"usually {usual:.2f} s") if usual else None
    return [
        join(stage["stage"], " ", badge("failed") if stage["sentence"] else None),
        element(
            "div", element("i", class_="c4", style=f"width:{stage['seconds'] / longest:.1%}"), mark, class_="bar marked"
        ),
        f"{stage['seconds']:.2f}",
        f"{usual:.2f}" if usual else "",
        f"{stage['cpu_seconds']:.2f}",
        f"{stage['peak_rss_mb']:,.0f}",
        dollars(HOURS_A_MONTH * stage["usd"]).removesuffix(" USD") if stage["usd"] is not None else "",
        number(stage["rows_in"]),
        number(stage["rows_out"]),
        join(*said),
    ]
