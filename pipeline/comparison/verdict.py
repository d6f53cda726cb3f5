"""From the figures of a judgement: who was fresher, better and cheaper, and where fresher stops buying anything."""

from collections.abc import Collection, Sequence
from typing import Any

from pipeline.report.html import age, number

Figures = Sequence[dict[str, Any]]
CLOSE = 1.05  # prices so near each other have no winner: what was measured is noisy


def find(figures: Figures, arm: str, family: str, measure: str, slice_: str = "all") -> dict[str, Any] | None:
    """The row of a figure; None where there is none."""
    for row in figures:
        if (row["arm"], row["family"], row["measure"], row["slice"]) == (arm, family, measure, slice_):
            return row
    return None


def value(figures: Figures, arm: str, family: str, measure: str, slice_: str = "all") -> float | None:
    """The figure itself; None where there is none."""
    row = find(figures, arm, family, measure, slice_)
    return row["value"] if row else None


def decide(arms: Sequence[dict[str, Any]], figures: Figures) -> dict[str, Any]:
    """The frontier, one point an arm, the freshest first; the arm past which fresher buys nothing; and sentences.

    An arm is as good as the best one when the interval of the difference between their NDCG holds 0 or more; without an
    interval nobody is called so. One arm alone is described and wins nothing.
    """
    points = sorted((point(one, figures) for one in arms), key=_freshness)
    as_good = [one for one in points if one["is_as_good"]]
    enough = as_good[-1]["arm"] if as_good and len(points) > 1 else None
    names = rivals_of(arms, with_faults(figures))
    rivals = [one for one in points if one["arm"] in names]
    if len(rivals) == 1:
        return {"frontier": points, "enough": enough, "headline": "", "sentences": [_alone(rivals[0])]}
    said = sentences(points, rivals, enough)
    return {"frontier": points, "enough": enough, "headline": headline(rivals), "sentences": said}


def with_faults(figures: Figures) -> set[str]:
    """The arms that met faults."""
    return {row["arm"] for row in figures if row["family"] == "recovery"}


def rivals_of(arms: Sequence[dict[str, Any]], faulty: Collection[str]) -> list[str]:
    """The arms that can win: those that are no controls and met no faults; where fewer than two are, all that met none,
    else all that are no controls, else all.
    """
    everyone = [one["arm"] for one in arms]
    no_controls = [one["arm"] for one in arms if one["kind"] != "control"]
    # A run that fails does less, so an arm that met faults may look cheap.
    groups = [[name for name in names if name not in faulty] for names in (no_controls, everyone)]
    return next((names for names in (*groups, no_controls) if len(names) > 1), everyone)


def point(arm: dict[str, Any], figures: Figures) -> dict[str, Any]:
    """Where an arm stands: freshness in seconds, NDCG with its interval, dollars; and how far it is behind the best arm."""
    name = arm["arm"]
    ndcg = find(figures, name, "quality", "ndcg") or {}
    behind = find(figures, name, "behind_best", "ndcg") or {}
    behind_rival = find(figures, name, "behind_best", "ndcg", "rivals") or {}
    return {
        "arm": name,
        "kind": arm["kind"],
        "cadence_seconds": arm["cadence_seconds"],
        "freshness_p50": value(figures, name, "freshness", "p50"),
        "freshness_p95": value(figures, name, "freshness", "p95"),
        "good": value(figures, name, "availability", "good"),
        "failed": value(figures, name, "availability", "failed_since_first"),
        "ndcg": ndcg.get("value"),
        "ndcg_low": ndcg.get("low"),
        "ndcg_high": ndcg.get("high"),
        "behind_best": behind.get("value"),
        "behind_best_low": behind.get("low"),
        "behind_best_high": behind.get("high"),
        "is_as_good": None if behind.get("high") is None else bool(behind["high"] >= 0),
        "behind_rival_high": behind_rival.get("high"),
        "usd_per_million_events": value(figures, name, "cost", "usd_per_million_events"),
        "cpu_seconds": value(figures, name, "cost", "cpu_seconds"),
    }


def _freshness(one: dict[str, Any]) -> tuple[float, str]:
    seconds = one["freshness_p50"]
    return (float("inf") if seconds is None else seconds, one["arm"])


def headline(rivals: Sequence[dict[str, Any]]) -> str:
    """Who was freshest, whose lists were best, who was cheapest; prices within 5 % of each other have no winner."""
    fresh = [one for one in rivals if one["freshness_p50"] is not None]
    scored = [one for one in rivals if one["ndcg"] is not None]
    paid = [one for one in rivals if one["usd_per_million_events"] is not None]
    said = [f"Freshest: {fresh[0]['arm']}."] if fresh else []
    if scored:
        best = max(scored, key=lambda one: one["ndcg"])
        # A control that is better than all of them says nothing of how they stand to each other.
        highs = [one["behind_rival_high"] for one in scored if one is not best]
        is_sure = all(high is not None and high < 0 for high in highs)
        said.append(f"Best lists: {best['arm']}{'' if is_sure else ', though not beyond chance'}.")
    if paid:
        least = _cheapest(paid)
        said += [f"Cheapest: {least[0]['arm']}."] if len(least) == 1 else []
    return " ".join(said) or "Nothing could be judged."


def sentences(points: Sequence[dict[str, Any]], rivals: Sequence[dict[str, Any]], enough: str | None) -> list[str]:
    """What a reader should take away; `rivals` are the arms that can win."""
    said = [_fresher(rivals), _better(rivals, points), _cheaper(rivals), _surer(rivals), _failing(points)]
    if enough:
        fresher = [one for one in points if _freshness(one) < _freshness(_of(points, enough))]
        if fresher and _of(points, enough)["freshness_p50"] is not None:
            when = age(_of(points, enough)["freshness_p50"])
            said.append(
                f"Past {enough} (half of the events visible within {when}) fresher bought no quality on this log that "
                "could be told from chance."
            )
    return [sentence for sentence in said if sentence]


def _alone(one: dict[str, Any]) -> str:
    """What the only arm was like."""
    fresh, ndcg, dollars, good = (one[name] for name in ("freshness_p50", "ndcg", "usd_per_million_events", "good"))
    said = [] if fresh is None else [f"half of the events visible within {age(fresh)}"]
    said += [] if ndcg is None else [f"NDCG {ndcg:.4f}"]
    said += [] if dollars is None else [f"{number(dollars, 3)} USD a million events by the price sheet"]
    said += [] if good is None else [f"{percent(good)} of the reads answered well"]
    return f"{one['arm']}: {', '.join(said) or 'nothing could be judged'}. There is no other arm to compare it with."


def _of(points: Sequence[dict[str, Any]], arm: str) -> dict[str, Any]:
    return next(one for one in points if one["arm"] == arm)


def _fresher(rivals: Sequence[dict[str, Any]]) -> str:
    known = [one for one in rivals if one["freshness_p50"] is not None]
    if not known:
        return "No arm let half of the events be seen."
    best, *others = known
    beside = f"; then {others[0]['arm']} with {age(others[0]['freshness_p50'])}" if others else ""
    return f"Freshest was {best['arm']}: half of the events were visible within {age(best['freshness_p50'])}{beside}."


def _better(rivals: Sequence[dict[str, Any]], points: Sequence[dict[str, Any]]) -> str:
    known = [one for one in rivals if one["ndcg"] is not None]
    if not known:
        return ""
    best = max(known, key=lambda one: one["ndcg"])
    top = max((one for one in points if one["ndcg"] is not None), key=lambda one: one["ndcg"])
    said = f"Best lists were those of {best['arm']}: NDCG {best['ndcg']:.4f}"
    among, high = points, "behind_best_high"
    if top["arm"] != best["arm"]:
        what = "the control " if top["kind"] == "control" else ""
        said += f", behind {what}{top['arm']} with {top['ndcg']:.4f}"
        among, high = rivals, "behind_rival_high"
    others = [one for one in among if one is not best and one["ndcg"] is not None]
    ties = [one["arm"] for one in others if one[high] is not None and one[high] >= 0]
    unsure = [one["arm"] for one in others if one[high] is None]
    beaten = [one["arm"] for one in others if one["arm"] not in {*ties, *unsure}]
    said += f"; beyond chance better than {', '.join(beaten)}" if beaten else ""
    said += f"; not to be told from {', '.join(ties)}" if ties else ""
    return said + (f"; too few users to say whether {', '.join(unsure)} differ" if unsure else "") + "."


def _cheaper(rivals: Sequence[dict[str, Any]]) -> str:
    known = sorted(
        (one for one in rivals if one["usd_per_million_events"] is not None),
        key=lambda one: one["usd_per_million_events"],
    )
    if not known:
        return ""
    best, *others = known
    each = f"{number(best['usd_per_million_events'], 3)} USD a million events"
    least = _cheapest(known)
    if least[-1]["usd_per_million_events"] > best["usd_per_million_events"]:
        who = f"{', '.join(one['arm'] for one in least[:-1])} and {least[-1]['arm']}"
        prices = " to ".join(dict.fromkeys(number(one["usd_per_million_events"], 3) for one in (best, least[-1])))
        return f"Cheapest, within 5 %, were {who}: {prices} USD a million events by the price sheet."
    if len(least) > 1:
        who = "all arms" if len(least) == len(rivals) else ", ".join(one["arm"] for one in least)
        return f"The lowest price is that of {who}: {each} by the price sheet."
    most = (
        f"; dearest was {others[-1]['arm']} with {number(others[-1]['usd_per_million_events'], 3)} USD"
        if others
        else ""
    )
    return f"Cheapest was {best['arm']}: {each} by the price sheet{most}."


def _cheapest(paid: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The arms of the lowest price, and those within 5 % of it, in the order given."""
    least = min(one["usd_per_million_events"] for one in paid)
    return [one for one in paid if one["usd_per_million_events"] <= least * CLOSE]


def _surer(rivals: Sequence[dict[str, Any]]) -> str:
    known = [one for one in rivals if one["good"] is not None]
    if not known:
        return ""
    worst = min(known, key=lambda one: one["good"])
    best = max(known, key=lambda one: one["good"])
    if best["good"] == worst["good"]:
        return f"Of the reads {percent(best['good'])} were answered well by every arm."
    return f"Of the reads {best['arm']} answered {percent(best['good'])} well, {worst['arm']} {percent(worst['good'])}."


def _failing(points: Sequence[dict[str, Any]]) -> str:
    """Which arms failed readers once they had lists at all; nothing where none did."""
    known = sorted((one for one in points if one["failed"] is not None), key=lambda one: (one["failed"], one["arm"]))
    if not known or not known[-1]["failed"]:
        return ""
    each = ", ".join(f"{one['arm']} {percent(one['failed'])}" for one in known)
    return f"Of the reads since each arm's first list failed: {each}."


def percent(share: float) -> str:
    """A share in percent."""
    return f"{share * 100:.4g} %"
