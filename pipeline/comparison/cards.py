"""Cards of a comparison's page with charts: freshness, staleness, the frontier, quality by slice."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.comparison.plots import Mark, curves, heights, intervals, points, power_ticks, time_ticks
from pipeline.comparison.service import AGES
from pipeline.comparison.verdict import find, percent, value
from pipeline.comparison.worth import HOURS_BEFORE
from pipeline.report.html import Html, age, card, element, number, table

Judgement = Mapping[str, Any]
SLICES = ("all", "warm", "cold", "new items")
STALENESS = "NDCG of the same reads, had they shown the lists of hours before."


def tell_time(seconds: float | None) -> str:
    """A duration as people say it, a dash for none."""
    if seconds is None:
        return "–"
    return age(seconds) if seconds >= 1 else f"{seconds * 1000:.0f} ms" if seconds else "0 s"


def tell_amount(amount: float | None) -> str:
    """An amount in three digits or more, a dash for none."""
    return "–" if amount is None else f"{amount:,.0f}" if amount >= 100 else number(amount, 3)


def tell_dollars(dollars: float | None) -> str:
    """Dollars, a dash for none."""
    return "< 0.01" if dollars is not None and 0 < dollars < 0.01 else tell_amount(dollars)


def tell_share(share: float | None) -> str:
    """A share in percent, a dash for none."""
    return "–" if share is None else percent(share)


def tell_between(row: Mapping[str, Any] | None, digits: int = 4) -> str:
    """A figure with its interval."""
    if not row or row["value"] is None:
        return "–"
    said = f"{row['value']:.{digits}f}"
    return said if row["low"] is None else f"{said} ({row['low']:.{digits}f} to {row['high']:.{digits}f})"


def freshness(judgement: Judgement, colours: Mapping[str, int]) -> Html:
    """How many events were visible after how long, an arm a curve."""
    steps = [_within(seconds) for seconds in list(AGES.values())[:-1]]
    series: dict[str, Sequence[float | None]] = {}
    for one in judgement["arms"]:
        shares = [value(judgement["figures"], one["arm"], "freshness", "share", name) for name in AGES]
        sums = [sum(share or 0.0 for share in shares[: place + 1]) * 100 for place in range(len(steps))]
        series[one["arm"]] = sums if shares[0] is not None else [None] * len(steps)
    return curves(steps, series, colours, "% of events", "visible within", top=100.0)


def _within(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 60
        else f"{seconds / 60:.0f} min"
        if seconds < 3600
        else f"{seconds / 3600:.0f} h"
    )


def staleness(judgement: Judgement, colours: Mapping[str, int]) -> list[Html]:
    """What the lists of hours before would have been worth at the same reads."""
    found = {
        name: [find(judgement["figures"], name, "staleness", "ndcg", f"{hours:g} h before") for hours in HOURS_BEFORE]
        for name in colours
    }
    measured = [place for place in range(len(HOURS_BEFORE)) if any(rows[place] for rows in found.values())]
    if not any(HOURS_BEFORE[place] for place in measured):
        return [element("p", "The log is too short: too few reads had lists of hours before them.", class_="soft")]
    steps = [f"{HOURS_BEFORE[place]:g} h" for place in measured]
    of = {name: [rows[place] for place in measured] for name, rows in found.items()}
    series = {name: [row["value"] if row else None for row in rows] for name, rows in of.items()}
    bands = {
        name: [(row["low"], row["high"]) if row and row["low"] is not None else None for row in rows]
        for name, rows in of.items()
    }
    # Bands of many arms lie on each other and say nothing; the table below has every interval.
    shown = bands if len(bands) <= 4 else None
    heads = ["arm", *(f"{step} before" for step in steps)]
    rows = [[name, *(tell_between(row, 3) for row in of[name])] for name in of]
    return [
        curves(steps, series, colours, "NDCG", "lists of so many hours before", shown),
        element("details", element("summary", "With intervals"), table(heads, rows, right=tuple(heads[1:]))),
    ]


def frontier(judgement: Judgement, colours: Mapping[str, int]) -> Html:
    """Quality against freshness, and against cost: a point an arm."""

    def marks(by: str) -> list[Mark]:
        return [
            Mark(one["arm"], one[by], one["ndcg"], one["ndcg_low"], one["ndcg_high"], colours[one["arm"]])
            for one in judgement["frontier"]
            if one["ndcg"] is not None and one[by] is not None
        ]

    def chart(by: str, ticks: Callable[[float, float], dict[str, float]], title: str) -> Html:
        found = marks(by)
        if not found:
            return element("p", "No arm has both figures.", class_="soft")
        amounts = [one.x for one in found if one.x > 0] or [1.0]
        return points(found, ticks(min(amounts), max(amounts)), "NDCG", title)

    heads = ["arm", "cadence", "p50", "NDCG", "behind the best", "as good as the best", "USD / M events"]
    rows = [
        [
            one["arm"],
            tell_time(one["cadence_seconds"]),
            tell_time(one["freshness_p50"]),
            number(one["ndcg"]),
            tell_between(
                {name: one[f"behind_best{end}"] for name, end in (("value", ""), ("low", "_low"), ("high", "_high"))}
            ),
            {True: "yes", False: "no", None: "–"}[one["is_as_good"]],
            tell_dollars(one["usd_per_million_events"]),
        ]
        for one in judgement["frontier"]
    ]
    enough = judgement["enough"]
    shown = [found for found in (marks("freshness_p50"), marks("usd_per_million_events")) if found]
    is_cut = any(heights(found)[0] for found in shown)
    axis = " The axis of NDCG does not begin at 0." if is_cut else ""
    return card(
        "The frontier",
        element(
            "div",
            chart("freshness_p50", time_ticks, "half of the events visible within"),
            chart("usd_per_million_events", power_ticks, "USD a million events"),
            class_="two",
        ),
        table(heads, rows, right=("cadence", "p50", "NDCG", "behind the best", "USD / M events")),
        element("p", f"The slowest arm that is as good as the best one: {enough}.", class_="soft") if enough else None,
        hint=f"Up and to the left is better; whiskers are 95 % intervals over users. Freshest first.{axis} An arm at 0 s "
        "or 0 USD stands at the left edge.",
    )


def _tell_seeds(row: Mapping[str, Any] | None) -> str:
    """The least and the most of an arm's seeds, a dash where they are one."""
    if not row or row["least"] is None or row["least"] == row["most"]:
        return "–"
    return f"{row['least']:.4f} to {row['most']:.4f}"


def quality(judgement: Judgement, colours: Mapping[str, int]) -> Html:
    """NDCG by slice, and every figure of all reads."""
    figures, parts = judgement["figures"], []
    for slice_ in SLICES:
        rows = [(name, find(figures, name, "quality", "ndcg", slice_)) for name in colours]
        marks = [
            Mark(name, row["value"], 0.0, row["low"], row["high"], colours[name])
            for name, row in rows
            if row and row["value"] is not None
        ]
        users = max((row["n"] for _, row in rows if row), default=0)
        shown = intervals(marks, "NDCG") if marks else element("p", "No read is in this slice.", class_="soft")
        parts.append(element("div", element("h3", f"{slice_}, {users:,} users"), shown))
    heads = ["arm", "Recall", "NDCG", "NDCG by seed", "Hit rate", "Coverage", "Novelty, bits"]
    body = [
        [
            name,
            *(tell_between(find(figures, name, "quality", measure), 3) for measure in ("recall", "ndcg")),
            _tell_seeds(find(figures, name, "quality", "ndcg")),
            tell_between(find(figures, name, "quality", "hit_rate"), 3),
            tell_share(value(figures, name, "quality", "coverage")),
            tell_between(find(figures, name, "quality", "novelty"), 1),
        ]
        for name in colours
    ]
    options = judgement["options"]
    return card(
        "Quality at serving time",
        element("div", parts, class_="two top"),
        table(heads, body, right=tuple(heads[1:])),
        hint=f"The list shown at each read against what the same user took in the {options['horizon_hours']} h after it: "
        f"{judgement['reads_judged']:,} reads of {judgement['users_judged']:,} users, lists cut at {options['k']}. warm: "
        "the user had taken something before; new items: only what had come into the catalog the day before is wanted.",
    )
