"""A week as one strip: a column for each hour's volume, and below it whether its lists were published in time."""

from collections.abc import Sequence

from pipeline.report.briefs import Brief
from pipeline.report.charts import legend
from pipeline.report.html import Html, element, number

WIDTH, VOLUME, FRESH, GAP, LABELS = 1040.0, 56.0, 14.0, 6.0, 16.0
# How an hour stands: its colour and how much of the row it fills, so that it can be told without colour.
STANDS = {
    "in time": (0, 0.5),
    "too late": (2, 1.0),
    "blocked": (1, 1.0),
    "backfilled": (3, 0.5),
    "no events": (3, 0.35),
    "no version": (3, 0.2),
}


def week(briefs: Sequence[Brief]) -> Html:
    """The strip of these hours, oldest first; an hour that has not run has neither column nor mark."""
    step = WIDTH / len(briefs)
    most = max((_delivered(brief) for brief in briefs), default=0) or 1
    shapes, days = [], []
    for place, brief in enumerate(briefs):
        x = f"{place * step + step * 0.08:.1f}"
        width = f"{step * 0.84:.1f}"
        events, how = _delivered(brief), stand(brief)
        if brief["hour"].endswith("T00"):
            days.append(element("line", x1=x, x2=x, y1=0, y2=f"{VOLUME + GAP + FRESH:.0f}", class_="grid"))
            days.append(element("text", brief["hour"][5:10], x=x, y=f"{VOLUME + GAP + FRESH + 13:.0f}"))
        if events:
            tall = max(events / most * VOLUME, 1.0)
            said = element("title", f"{brief['hour']}: {number(events)} events")
            shapes.append(
                element("rect", said, x=x, y=f"{VOLUME - tall:.1f}", width=width, height=f"{tall:.1f}", class_="c4")
            )
        if how:
            colour, share = STANDS[how]
            said = element("title", f"{brief['hour']}: {how}{_age(brief)}")
            y = VOLUME + GAP + FRESH * (1 - share)
            tall = FRESH * share
            shapes.append(
                element("rect", said, x=x, y=f"{y:.1f}", width=width, height=f"{tall:.1f}", class_=f"c{colour}")
            )
    drawn = element(
        "svg", days, shapes, viewBox=f"0 0 {WIDTH:.0f} {VOLUME + GAP + FRESH + LABELS:.0f}", role="img", class_="strip"
    )
    seen = [how for how in STANDS if any(stand(brief) == how for brief in briefs)]
    return element("div", drawn, legend(seen, [STANDS[how][0] for how in seen]))


def stand(brief: Brief) -> str | None:
    """How an hour stands against the objective; None of one that has not run."""
    published = brief["freshness"].get("steps", {}).get("published")
    if brief["state"] == "not run":
        return None
    if brief["state"] == "blocked":
        return "blocked"
    if not published:
        return "no events" if brief["version"] else "no version"
    if brief["freshness"]["is_backfilled"]:
        return "backfilled"
    return "too late" if published["p95_seconds"] > brief["freshness"]["objective_seconds"] else "in time"


def _delivered(brief: Brief) -> int:
    return int(brief["ledgers"]["events"]["delivered"]) if "events" in brief["ledgers"] else 0


def _age(brief: Brief) -> str:
    published = brief["freshness"].get("steps", {}).get("published")
    return f", p95 {published['p95_seconds'] / 60:,.0f} min" if published else ""
