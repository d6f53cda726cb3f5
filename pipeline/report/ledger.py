"""Of an hour's page: what became of every delivered row, and why rows were refused."""

from typing import Any

from pipeline.report import charts
from pipeline.report.account import Account
from pipeline.report.html import Html, badge, card, element, number, table

MOST_ROWS = 200  # of a list; the database and the lake have the rest
FATES = ("accepted", "quarantined", "excluded", "duplicate")  # as in the tables: excluded are among the quarantined
SHARES = {"accepted": 0, "malformed": 1, "excluded": 2, "duplicate": 3}  # what adds up to delivered, with its colours


def ledgers(account: Account) -> Html | None:
    """The ledger of events and of items, each with a bar of its shares."""
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


def quarantined(account: Account) -> Html | None:
    """Rows refused, by the rule that decided."""
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
