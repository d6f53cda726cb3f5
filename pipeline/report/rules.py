"""Of an hour's page: every rule with its counts, those that broke first."""

from collections.abc import Sequence
from typing import Any

from pipeline.report.account import Account
from pipeline.report.html import Html, badge, card, element, number, table

MOST_ROWS = 200  # of a list; the database and the lake have the rest
ORDER = {"critical": 0, "warning": 1, "refuses": 2}
COUNTED = ["rule", "severity", "checked", "failed", "observed", "breaks it when"]


def rules(account: Account) -> Html:
    """Every rule that was asked; those that passed are folded away."""
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
