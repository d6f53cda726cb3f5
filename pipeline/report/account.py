"""The account of an hour: ledgers, findings of every rule, stages and failures, gathered from the hour's manifests.

Of each stage the newest attempt speaks: the failed one if there is one (a success clears it), else the one that landed.
"""

from pathlib import Path
from typing import Any

from pipeline.errors import BadInput
from pipeline.gates import GATES
from pipeline.manifests import read_attempts
from pipeline.prices import SHEET, Prices, price, read_prices
from pipeline.privacy.tombstones import ERASED, SENTENCE
from pipeline.run import Run

KINDS = {"ingest_events": "events", "ingest_catalog": "items"}
BALANCE = ("delivered", "accepted", "quarantined", "duplicate")
# Of rows that no rule of a suite refused.
SENTENCES = {"excluded": "the source itself says that the row is not for us", ERASED: SENTENCE}
# What a manifest of an earlier release may not say.
UNSAID: dict[str, Any] = {"facts": {}, "quality": [], "notes": [], "limits": {}, "settings": {}, "code_version": ""}
Account = dict[str, Any]


def read_account(run: Run) -> Account:
    """What is known of the hour; `stages` is empty when nothing of it has run."""
    now, (prices, unpriced) = run.settings.facts(), _find_prices(run)
    attempts = {stage: {**UNSAID, **attempt} for stage, attempt in read_attempts(run).items()}
    for attempt in attempts.values():
        attempt["settings"] = now | attempt["settings"]  # a setting that is younger than the manifest has today's value
    quality = [found for stage, attempt in attempts.items() for found in _findings(stage, attempt)]
    ledgers = {}
    for stage, kind in KINDS.items():
        if stage in attempts and "ledger" in attempts[stage]["facts"]:
            ledgers[kind] = _ledger(attempts[stage], kind, quality)
    published = attempts.get("publish", {})
    landed = "sentence" not in published
    return {
        "hour": run.name,
        "source": run.settings.source,
        "state": _state(attempts),
        "version": published.get("facts", {}).get("version") if landed else None,
        "publishing": published.get("facts", {}).get("outcome") if landed else None,
        "code_version": next((attempt["code_version"] for attempt in attempts.values()), ""),
        "ledgers": ledgers,
        "quality": quality,
        "shop_rules": attempts.get("recommend", UNSAID)["facts"].get("rules", []),
        "evaluated": attempts.get("evaluate", {}).get("facts", {}),
        "stages": [_stage(stage, attempt, prices) for stage, attempt in attempts.items()],
        "usd": price([attempt["timings"] for attempt in attempts.values()], prices) if prices else None,
        "prices": prices,
        "unpriced": unpriced,
        "users": attempts.get("recommend", UNSAID)["facts"].get("users", 0),
        "limits": {stage: attempt["limits"] for stage, attempt in attempts.items()},
    }


def count_rules(account: Account) -> dict[str, int]:
    """How many rules of the hour failed (critical ones), warned, refused rows, and passed."""
    counts = {"failed": 0, "warned": 0, "refused": 0, "passed": 0}
    names = {"critical": "failed", "warning": "warned", "refuses": "refused"}
    for found in account["quality"]:
        counts["passed" if found["passed"] else names[found["severity"]]] += 1
    return counts


def _state(attempts: dict[str, Any]) -> str:
    """`blocked` when a stage failed, `published` when the hour is in the serving database, else `under way`."""
    if any("sentence" in attempt for attempt in attempts.values()):
        return "blocked"
    return "published" if "publish" in attempts else "under way"


def _find_prices(run: Run) -> tuple[Prices | None, str]:
    """The price sheet, or why there is none: an hour is told of without what it cost."""
    try:
        return read_prices(Path(run.settings.price_sheet or SHEET)), ""
    except BadInput as error:
        return None, str(error)


def _stage(stage: str, attempt: dict[str, Any], prices: Prices | None) -> dict[str, Any]:
    numbers = {
        name: value
        for name, value in attempt["facts"].items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    return {
        "stage": stage,
        "sentence": attempt.get("sentence"),
        "rows_in": attempt["rows_in"],
        "rows_out": attempt["rows_out"],
        **attempt["timings"],
        "usd": price([attempt["timings"]], prices) if prices else None,
        "notes": attempt["notes"],
        "figures": numbers,
    }


def _ledger(attempt: dict[str, Any], kind: str, quality: list[dict[str, Any]]) -> dict[str, Any]:
    """The fates of an hour's rows; figures that are not part of the balance stand under `other`."""
    facts = attempt["facts"]["ledger"]
    decided, broken = facts["by_rule"], facts["every_failed_rule"]
    excluded = decided.get("excluded", 0) + decided.get(ERASED, 0)
    reasons = {f"excluded: {reason}": rows for reason, rows in facts.get("excluded_because", {}).items()}
    if reasons:  # each a line of its own, in place of their sum
        decided = {rule: rows for rule, rows in decided.items() if rule != "excluded"} | reasons
    sentences = {found["rule"]: found["sentence"] for found in quality if found["table"] == f"typed_{kind}"}
    rules = sorted(decided.keys() | broken.keys(), key=lambda rule: (-decided.get(rule, 0), -broken.get(rule, 0), rule))
    return {
        "outcome": "blocked" if "sentence" in attempt else "landed",
        **{fate: facts[fate] for fate in BALANCE},
        "excluded": excluded,
        "other": {name: value for name, value in facts.items() if name not in BALANCE and isinstance(value, int)},
        "rules": {
            rule: {
                "rows_decided": decided.get(rule, 0),
                "rows_broken": max(broken.get(rule, 0), decided.get(rule, 0)),
                "sentence": sentences.get(rule)
                or SENTENCES.get(rule.partition(":")[0])
                or words_of(rule, attempt["settings"]),
            }
            for rule in rules
        },
    }


def _findings(stage: str, attempt: dict[str, Any]) -> list[dict[str, Any]]:
    """What the rules of a stage found, each once, with words for gates that passed as well."""
    findings: dict[tuple[str, str], dict[str, Any]] = {}
    for found in attempt["quality"]:
        words = found["sentence"] or words_of(found["rule"], attempt["settings"])
        key = (found["table"], found["rule"])
        if key not in findings or findings[key]["passed"]:  # of two findings of one rule the bad one counts
            findings[key] = {"stage": stage, **found, "sentence": words, "is_gate": found["rule"] in GATES}
            findings[key]["limit"] = limit_of(found["rule"], attempt["settings"])
    return list(findings.values())


def words_of(gate: str, settings: dict[str, Any]) -> str:
    """When a gate fails, with the settings filled in; nothing for other rules."""
    return GATES[gate].sentence.format(**settings) if gate in GATES else ""


def limit_of(gate: str, settings: dict[str, Any]) -> float | None:
    """The limit at which a gate flips: the setting named `…_limit` in its sentence; None for other rules."""
    if gate not in GATES:
        return None
    named = [name for name in settings if name.endswith("_limit") and f"{{{name}" in GATES[gate].sentence]
    return float(settings[named[0]]) if named else None
