"""The page of a comparison: one HTML file that loads nothing, from a judgement alone."""

from collections.abc import Mapping
from typing import Any

from pipeline.comparison.cards import (
    STALENESS,
    Judgement,
    freshness,
    frontier,
    quality,
    staleness,
    tell_amount,
    tell_between,
    tell_dollars,
    tell_share,
    tell_time,
)
from pipeline.comparison.mishaps import failures, recovery
from pipeline.comparison.plots import Mark, colours_of, intervals
from pipeline.comparison.service import CAUSES
from pipeline.comparison.verdict import find, value
from pipeline.comparison.worth import LIST_AGES, MIN_USERS, OLDER
from pipeline.report import charts
from pipeline.report.html import Html, badge, card, element, number, page, table

CAUSE_COLOURS = (3, 1, 2, 7, 5, 6)
# What a team reported of its own two systems when it moved from one to the other; nobody else has measured it.
REPORTED = (
    ("batch, as reported", "a job of 4 h", "4 h 15 min", "35 % answered with HTTP 400", "over 10,000 USD a month"),
    ("streaming, as reported", "event by event", "250 ms", "1 % errors, 99.99 % uptime", "30 % cheaper"),
)


def comparison_page(judgement: Judgement) -> str:
    """The whole page."""
    log, names = judgement["log"], [one["arm"] for one in judgement["arms"]]
    colours = colours_of(names)
    return page(
        f"Comparison · {log['name']}",
        element(
            "header",
            element("h1", f"{len(names)} arms on the log {log['name']}"),
            element("span", f"{_moment(log['started'])} to {_moment(log['ended'])} UTC", class_="soft"),
        ),
        card(judgement["headline"] or "One arm alone", [element("p", sentence) for sentence in judgement["sentences"]]),
        arms(judgement),
        element(
            "div",
            card(
                "Freshness",
                freshness(judgement, colours),
                hint="Share of events that a read could reflect so long after they occurred.",
            ),
            card("What a list loses by lying about", *staleness(judgement, colours), hint=STALENESS),
            class_="two",
        ),
        frontier(judgement, colours),
        quality(judgement, colours),
        availability(judgement),
        failures(judgement),
        costs(judgement, colours),
        list_ages(judgement),
        recovery(judgement),
        about(judgement),
    )


def _moment(text: str) -> str:
    return text[:16].replace("T", " ")


def arms(judgement: Judgement) -> Html:
    """A row for each arm, and below them what was reported and not measured."""
    figures, rows = judgement["figures"], []
    for one in judgement["arms"]:
        name = one["arm"]
        rows.append(
            [
                name,
                badge(one["kind"]),
                number(len(one["seeds"])),
                tell_time(one["cadence_seconds"]),
                tell_time(value(figures, name, "freshness", "p50")),
                tell_time(value(figures, name, "freshness", "p95")),
                tell_share(value(figures, name, "freshness", "never")),
                tell_share(value(figures, name, "availability", "good")),
                tell_between(find(figures, name, "quality", "ndcg"), 3),
                "" if name == judgement["baseline"] else tell_between(find(figures, name, "gain", "ndcg"), 3),
                tell_dollars(value(figures, name, "cost", "usd_per_million_events")),
            ]
        )
    heads = ["arm", "kind", "seeds", "cadence", "p50", "p95", "never", "good reads", "NDCG"]
    heads += [f"more than {judgement['baseline']}", "USD / M events"]
    told = [[name, badge("reported, not measured", "warning"), *said] for name, *said in REPORTED]
    told_heads = ["of another shop", "", "runs", "latency", "reads", "cost"]
    return card(
        "Arms",
        table(heads, rows, right=tuple(heads[2:])),
        table(told_heads, told, class_="told"),
        hint="p50, p95: half, and 95 of 100, of the events were visible so long after they occurred; never: never seen. "
        "In brackets 95 % intervals. What was reported is of another shop, other load and other machines: not comparable.",
    )


def availability(judgement: Judgement) -> Html:
    """Reads that were not good, by cause."""
    figures, rows, most = judgement["figures"], [], 0.0
    shares = {
        one["arm"]: {cause: value(figures, one["arm"], "availability", "not_good", cause) for cause in CAUSES}
        for one in judgement["arms"]
    }
    most = max((sum(share or 0.0 for share in of.values()) for of in shares.values()), default=0.0)
    for name, of in shares.items():
        known = {cause: share or 0.0 for cause, share in of.items()}
        rest = max(most - sum(known.values()), 0.0)
        drawn = charts.bar({**known, "": rest}, [*CAUSE_COLOURS, 8]) if sum(known.values()) else ""
        rows.append(
            [
                name,
                tell_share(value(figures, name, "availability", "good")),
                *(tell_share(share) for share in of.values()),
                drawn,
                tell_share(value(figures, name, "availability", "fallback")),
                f"{number(value(figures, name, 'latency', 'p50'), 3) or '–'}",
                f"{number(value(figures, name, 'latency', 'p99'), 3) or '–'}",
            ]
        )
    bar = f"not good, to {tell_share(most)}" if most else "not good"
    heads = ["arm", "good", *CAUSES, bar, "list of everyone", "p50 ms", "p99 ms"]
    return card(
        "Reads that were not good, by cause",
        table(heads, rows, right=tuple(head for head in heads[1:] if head != bar)),
        charts.legend(CAUSES, CAUSE_COLOURS),
        hint="Of all reads of the log, each counted once. stale: the data lay more than "
        f"{judgement['options']['stale_minutes']:g} min behind. Reads that got the list of everyone are among the good "
        "ones. ms: how long an answer took.",
    )


def costs(judgement: Judgement, colours: Mapping[str, int]) -> Html:
    """What each arm used, and its price."""
    figures, marks, rows = judgement["figures"], [], []
    prices_by = ["usd_per_1000_users", "usd_per_1000_reads", "usd_per_million_events", "usd_per_month"]
    prices_by += ["usd_unread_per_month"]
    for name, colour in colours.items():
        dollars = value(figures, name, "cost", "usd_per_million_events")
        if dollars is not None:
            marks.append(Mark(name, dollars, 0.0, None, None, colour))
        dear = [tell_dollars(value(figures, name, "cost", measure)) for measure in prices_by]
        used = [tell_amount(value(figures, name, "cost", measure)) for measure in ("cpu_seconds", "gb_seconds")]
        runs = {measure: value(figures, name, "runs", measure) for measure in ("duration_p50", "duration_p95")}
        rows.append([name, *dear, *used, *(tell_time(took) for took in runs.values())])
        rows[-1].append(number(value(figures, name, "runs", "missed_intervals")) or "–")
    heads = ["arm", "USD / 1k users", "USD / 1k reads", "USD / M events", "USD / 30 days", "of it unread"]
    heads += ["CPU s", "GB s"]
    heads += ["run p50", "run p95", "missed intervals"]
    prices = judgement["options"]["prices"]
    return card(
        "Cost",
        element("div", intervals(marks, "USD a million events"), class_="half") if marks else None,
        table(heads, rows, right=tuple(heads[1:])),
        hint=f"Price sheet {prices['id']}: {prices['per_cpu_hour']} USD per CPU hour, {prices['per_gb_hour']} USD per GB "
        f"hour. {prices['source']} Unread: for users' lists that no answer came from, as dear as others.",
    )


def list_ages(judgement: Judgement) -> Html | None:
    """NDCG by how old the data of the list was."""
    buckets = [*LIST_AGES, OLDER]
    rows = []
    for one in judgement["arms"]:
        found = [find(judgement["figures"], one["arm"], "by_list_age", "ndcg", bucket) for bucket in buckets]
        rows.append([one["arm"], *(_of_users(row) for row in found)])
    heads = ["arm", *buckets]
    return card(
        "NDCG by age of the list",
        table(heads, rows, right=tuple(buckets)),
        hint="Reads by how far the data of the list that they showed lay behind, and how many users had such reads; other "
        "users read at other ages, so compare arms in a column, not columns.",
    )


def _of_users(row: Mapping[str, Any] | None) -> str:
    """A figure and of how many users it is, from so many on as an interval needs."""
    if not row or row["value"] is None or row["n"] < MIN_USERS:
        return "–"
    return f"{row['value']:.3f} · {row['n']:,}"


def about(judgement: Judgement) -> Html:
    """The log, what the arms ran on, and what they say of themselves."""
    log = judgement["log"]
    counts = ", ".join(f"{count:,} {name}" for name, count in log["counts"].items())
    heads = ["arm", "kind", "which seeds", "delay", "k", "ran on", "commit", "notes"]
    remarks = [element("li", remark) for remark in judgement["remarks"]]
    rows = []
    for one in judgement["arms"]:
        machine = one["hardware"]
        ran_on = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 1e9:.0f} GB"
        seeds = ", ".join(map(str, one["seeds"]))
        rows.append(
            [one["arm"], one["kind"], seeds, tell_time(one["delay_seconds"]), one["k"], ran_on, one["commit"][:12]]
        )
        rows[-1].append(one["notes"])
    return card(
        "What was compared",
        element("p", f"Log {log['name']}, {log['log_hash'][:16]}…: {counts}."),
        table(heads, rows),
        element("ul", remarks, class_="notes") if remarks else None,
        hint="Every figure comes from the bundles and the log alone.",
    )
