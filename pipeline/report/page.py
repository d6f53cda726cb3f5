"""The page of one hour: what stopped it, what became of every row, every rule with its counts, every stage."""

from collections.abc import Sequence
from typing import Any

from pipeline.report import charts
from pipeline.report.account import Account, count_rules
from pipeline.report.html import Html, badge, card, element, join, number, page, table

MOST_ROWS = 200  # of a list; the database and the lake have the rest
FATES = ("accepted", "quarantined", "excluded", "duplicate")  # as in the tables: excluded are among the quarantined
SHARES = {"accepted": 0, "malformed": 1, "excluded": 2, "duplicate": 3}  # what adds up to delivered, with its colours
ORDER = {"critical": 0, "warning": 1, "refuses": 2}
COUNTED = ["rule", "severity", "checked", "failed", "observed", "breaks it when"]


def hour_page(account: Account) -> str:
    """The whole page of an hour's account."""
    failed = [stage for stage in account["stages"] if stage["sentence"]]
    return page(
        f"{account['hour']} UTC · {account['source']}",
        element(
            "header",
            element("h1", account["hour"].replace("T", " "), ":00 UTC"),
            badge(account["state"]),
            element("span", f"source {account['source']}, arm {account['arm']}", class_="soft"),
            element("nav", element("a", "all hours", href="../index.html")),
        ),
        [
            card(f"{stage['stage']} failed", element("p", stage["sentence"]), class_="bad", hint=_hint(account))
            for stage in failed
        ],
        card("Not in the serving database", element("p", account["trouble"]), class_="warn")
        if account["trouble"]
        else None,
        _tiles(account),
        _ledgers(account),
        _quarantine(account),
        _rules(account),
        _stages(account["stages"]),
        element("footer", f"Code {account['code_version']}. ", _docs_hint(account)),
    )


def _hint(account: Account) -> str:
    if account["trouble"]:
        return "What is live could not be asked."
    if not account["live"]:
        return "Nothing is live yet."
    return f"The last good version keeps serving: {account['live']}, {_age(account['live_age_seconds'])} old."


def _docs_hint(account: Account) -> Html:
    if account.get("has_datadocs"):
        where = f"../datadocs/{account['hour']}/index.html"
        return element("a", "The same findings as Great Expectations' own pages", href=where)
    command = element("code", f"treasure-hunt datadocs {account['hour']}")
    return join("The same findings as Great Expectations' own pages: ", command, ".")


def _tiles(account: Account) -> Html:
    counts, events = count_rules(account), account["ledgers"].get("events")
    seconds = sum(stage["seconds"] for stage in account["stages"])
    tiles = [
        (number(events["delivered"]) if events else "–", "events delivered"),
        (number(events["accepted"]) if events else "–", "events accepted"),
        (str(counts["failed"]), "critical rules failed"),
        (str(counts["warned"]), "rules warned"),
        (str(counts["refused"]), "rules refused rows"),
        (f"{seconds:.1f} s", "all stages"),
    ]
    if account["live"]:
        tiles.append((_age(account["live_age_seconds"]), "age of the live data"))
    return element(
        "div", [element("div", element("b", a), element("span", b), class_="tile") for a, b in tiles], class_="tiles"
    )


def _ledgers(account: Account) -> Html | None:
    if not account["ledgers"]:
        return None
    rows: list[list[Any]] = []
    others: list[str] = []
    for kind, ledger in account["ledgers"].items():
        parts = shares(ledger)
        rows.append(
            [kind, badge(ledger["outcome"]), number(ledger["delivered"])]
            + [number(ledger[fate]) for fate in FATES]
            + [charts.bar(parts, list(SHARES.values()))]
        )
        others += [
            f"{kind}: {name.replace('_', ' ')} {number(value)}" for name, value in ledger["other"].items() if value
        ]
    heads = ["of", "", "delivered", *FATES, "share of each"]
    return card(
        "Every delivered row",
        table(heads, rows, right=("delivered", *FATES)),
        charts.legend(list(SHARES), list(SHARES.values())),
        element("p", "; ".join(others), class_="soft") if others else None,
        hint="delivered = accepted + quarantined + duplicate. Of the quarantined, excluded are those that the source itself "
        "says are not for us, or of somebody who asked to be forgotten; the others are malformed.",
    )


def shares(ledger: dict[str, Any]) -> dict[str, int]:
    """The parts that add up to the delivered rows: malformed are the quarantined that are not excluded."""
    return {
        name: ledger["quarantined"] - ledger["excluded"] if name == "malformed" else ledger[name] for name in SHARES
    }


def _quarantine(account: Account) -> Html | None:
    rows = [
        [element("code", rule), kind, number(counts["rows_decided"]), number(counts["rows_broken"]), counts["sentence"]]
        for kind, ledger in account["ledgers"].items()
        for rule, counts in ledger["rules"].items()
    ]
    if not rows:
        return None
    hour = element("code", f"treasure-hunt quarantine show {account['hour']}")
    return card(
        "Quarantined by rule",
        table(
            ["rule", "of", "decided", "broken by", "a row breaks it when"],
            rows[:MOST_ROWS],
            right=("decided", "broken by"),
        ),
        element("p", "The rows themselves: ", hour, class_="soft"),
        hint="The first broken rule decides a row's fate; every broken one is counted.",
    )


def _rules(account: Account) -> Html:
    broken = sorted(
        (found for found in account["quality"] if not found["passed"]),
        key=lambda found: (ORDER[found["severity"]], found["stage"]),
    )
    passed = [found for found in account["quality"] if found["passed"]]
    parts = [
        _findings(broken[:MOST_ROWS])
        if broken
        else element("p", "Every rule passed." if passed else "No rule was asked.", class_="soft")
    ]
    if passed:
        parts.append(element("details", element("summary", f"the {len(passed)} that passed"), _findings(passed)))
    return card(
        f"Rules: {len(broken)} broken, {len(passed)} passed",
        parts,
        hint="critical: stops the hour. warning: is shown. refuses: sends single rows to quarantine.",
    )


def _findings(findings: Sequence[dict[str, Any]]) -> Html:
    rows = [[found["table"], *_cells(found)] for found in findings]
    return table(["of", *COUNTED], rows, right=("checked", "failed", "observed"))


def _cells(found: dict[str, Any]) -> list[Any]:
    limit = f" (limit {number(found['limit'])})" if found["limit"] is not None else ""
    return [
        element("code", found["rule"]),
        badge(found["severity"], "passed" if found["passed"] else _kind(found["severity"])),
        number(found["checked"]),
        number(found["failed"]),
        f"{number(found['observed'])}{limit}",
        found["sentence"],
    ]


def _kind(severity: str) -> str:
    return "failed" if severity == "critical" else severity


def _stages(stages: Sequence[dict[str, Any]]) -> Html:
    longest = max((stage["seconds"] for stage in stages), default=0) or 1
    rows: list[list[Any]] = []
    for stage in stages:
        notes = [
            element("li", note, class_="warn" if note.startswith("warning") else None) for note in stage["notes"][:20]
        ]
        figures = ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in stage["figures"].items())
        said = [element("div", figures, class_="soft") if figures else None]
        said += [element("ul", notes, class_="notes")] if notes else []
        width = f"width:{stage['seconds'] / longest:.1%}"
        rows.append(
            [
                join(stage["stage"], " ", badge("failed") if stage["sentence"] else None),
                element("div", element("i", class_="c4", style=width), class_="bar"),
                f"{stage['seconds']:.2f}",
                f"{stage['peak_rss_mb']:,.0f}",
                number(stage["rows_in"]),
                number(stage["rows_out"]),
                join(*said),
            ]
        )
    heads = ["stage", "", "seconds", "peak MiB", "rows in", "rows out", "what it says"]
    return card("Stages", table(heads, rows, right=("seconds", "peak MiB", "rows in", "rows out"), class_="stages"))


def _age(seconds: float) -> str:
    return (
        f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:,.1f} h"
        if seconds < 172_800
        else f"{seconds / 86_400:,.0f} days"
    )
