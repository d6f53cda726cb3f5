"""Charts over hours, for the page of an hour (the day before it) and for the index (a week)."""

from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.gates import GATES
from pipeline.report import charts
from pipeline.report.account import SENTENCES
from pipeline.report.briefs import Brief, ages_of
from pipeline.report.html import Html, element, number
from pipeline.report.ledger import SHARES, shares
from pipeline.report.served import chart

MOST_RULES = 5
RULE_COLOURS = [1, 5, 6, 7, 4, 3]
STAGE_COLOURS = [0, 6, 4, 5, 2, 7, 3, 1]
MIXES = {"event_types_drifted": "event types", "queries_drifted": "queries", "categories_drifted": "categories"}


def rows_by_fate(briefs: Sequence[Brief]) -> Html:
    """Events by what became of them."""
    counted = [shares(brief["ledgers"]["events"]) if "events" in brief["ledgers"] else {} for brief in briefs]
    series = {name: [parts.get(name) for parts in counted] for name in SHARES}
    return charts.columns(hours_of(briefs), series, list(SHARES.values()))


def malformed_by_rule(briefs: Sequence[Brief]) -> Html:
    """Malformed rows by the rule that decided."""
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
    return charts.columns(hours_of(briefs), series, RULE_COLOURS[: len(series)])


def freshness(briefs: Sequence[Brief]) -> Html:
    """Half of the events, and 95 of 100, were younger than this when published; backfilled hours are left out."""
    ages = [ages_of(brief, "published") for brief in briefs]
    if not any(ages):
        return element("p", "None of these hours was published within a day of its end.", class_="soft")
    series = {name: [age[f"{name}_seconds"] / 60 if age else None for age in ages] for name in ("p50", "p95")}
    objectives = [brief["freshness"].get("objective_seconds") for brief in briefs]
    newest = next(seconds for seconds in reversed(objectives) if seconds)
    return charts.lines(hours_of(briefs), series, [4, 5], {"objective": newest / 60}, " min")


def drift(briefs: Sequence[Brief]) -> Html | None:
    """How far the mix of events moved, and from where on that is a warning; None where it was never judged."""
    found = [{gate["rule"]: gate for gate in brief["gates"]} for brief in briefs]
    series = {
        name: [gates[rule]["observed"] if rule in gates else None for gates in found] for rule, name in MIXES.items()
    }
    if not any(value is not None for values in series.values() for value in values):
        return None
    limits = {gates[rule]["limit"] for gates in found for rule in MIXES if rule in gates} - {None}
    return charts.lines(hours_of(briefs), series, [4, 5, 6], {"warning": max(limits)} if limits else {})


def quality(briefs: Sequence[Brief], figure: str) -> Html | None:
    """A figure of the model beside its predecessor's and the popular list's; None where no hour could be judged."""
    names = {"model": figure, "predecessor": f"predecessor_{figure}", "popular list": f"popular_{figure}"}
    series = {said: [brief["figures"].get(name) for brief in briefs] for said, name in names.items()}
    if not any(value is not None for value in series["model"]):
        return None
    return charts.lines(hours_of(briefs), series, [0, 5, 3], {})


def served(briefs: Sequence[Brief], figure: str) -> Html | None:
    """A figure of the lists that readers had beside what simpler ones would have given; None where there is none."""
    return chart(hours_of(briefs), [brief["served"] for brief in briefs], figure)


def seconds_by_stage(briefs: Sequence[Brief]) -> Html:
    """What each stage took."""
    names = list(dict.fromkeys(stage for brief in briefs for stage in brief["seconds"]))
    series = {name: [brief["seconds"].get(name) for brief in briefs] for name in names}
    colours = [STAGE_COLOURS[place % len(STAGE_COLOURS)] for place in range(len(names))]
    return charts.columns(hours_of(briefs), series, colours, " s")


def gate_charts(briefs: Sequence[Brief], stages: Iterable[str] | None = None) -> list[tuple[str, str, Html]]:
    """A chart for each figure that gates (of these stages) judge and that moved or reached a limit: title, hint, chart.

    Gates with one figure share a chart.
    """
    figures: dict[tuple[str, str], dict[str, Any]] = {}
    for place, brief in enumerate(briefs):
        for gate in brief["gates"]:
            if stages is not None and gate["stage"] not in stages:
                continue
            key = (gate["stage"], gate["rule"].removesuffix("_too_high").removesuffix("_high"))
            figure = figures.setdefault(key, {"values": [None] * len(briefs), "limits": {}})
            figure["values"][place] = gate["observed"]
            if gate["limit"] is not None:
                figure["limits"][GATES[gate["rule"]].severity if gate["rule"] in GATES else "limit"] = gate["limit"]
    return [
        _gate_chart(hours_of(briefs), stage, name, figure)
        for (stage, name), figure in figures.items()
        if is_telling([value for value in figure["values"] if value is not None], figure["limits"].values())
    ]


def is_telling(values: Sequence[float], limits: Iterable[float]) -> bool:
    """Whether a chart of these says more than that nothing happened: they differ, or one is at a limit."""
    return len(set(values)) > 1 or any(abs(value) >= limit for value in values for limit in limits)


def hours_of(briefs: Sequence[Brief]) -> list[str]:
    """The names of the hours."""
    return [brief["hour"] for brief in briefs]


def _gate_chart(hours: list[str], stage: str, name: str, figure: dict[str, Any]) -> tuple[str, str, Html]:
    words = name.replace("_", " ")
    size, unit = (100, " %") if "share" in name else (1, "")
    values = [None if value is None else value * size for value in figure["values"]]
    limits = {severity: limit * size for severity, limit in sorted(figure["limits"].items())}
    hint = ", ".join(f"{severity} past {number(limit)}{unit}" for severity, limit in limits.items())
    title = f"{words.capitalize()} ({stage.replace('_', ' ')})"
    return title, hint, charts.lines(hours, {words: values}, [4], limits, unit)
