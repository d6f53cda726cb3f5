"""Drift: how an hour differs from the hours like it, as gates. Volume may stop the hour; what is in it only warns.

Every figure is recorded with its gate, passed or not, so that it can be charted by hour; it is None where too little
has landed to judge.
"""

from collections.abc import Sequence
from datetime import timedelta
from math import sqrt
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.lake import Work
from pipeline.manifests import read_undamaged

Counts = dict[str, tuple[int, int]]  # bucket: events of the hour, events of its reference hours

WEEK, DAY = timedelta(days=7), timedelta(days=1)
# (steps back, how many hours must have landed there): the first that has enough says what is usual.
VOLUME_REFERENCES = (([WEEK * n for n in (1, 2, 3, 4)], 2), ([DAY * n for n in range(1, 8)], 3))
PROFILE_REFERENCES = [DAY * n for n in range(7, 0, -1)]
MIN_REFERENCES = 3
RARE_SHARE = 0.01  # buckets below it are counted as one
FILLED = {
    "user_id": "events without user_id",
    "session_id": "events without session_id",
    "quantity": "purchases without quantity",
    "position": "clicks without position",
    "after_search": "clicks, carts and purchases without a search before them",
}
MIXES = {"event_type": "event_types_drifted", "query": "queries_drifted", "category": "categories_drifted"}


def judge_volume(work: Work, works: Sequence[Work]) -> None:
    """Hold the hour's accepted events against the median of the hours like it; raises `AuditFailed` far off.

    Accepted, and not from an inbox: what a source repeats or gets wrong is judged elsewhere and does not reach a list.
    Hours count that are earlier and have landed or, in `works`, are about to: the same hours as when each runs by itself.
    """
    settings = work.run.settings
    counted = count_events(work.draft("events"), settings.gate_min_rows)
    work.facts["volume"] = {"events": counted, "usual": None, "references": 0}
    drafted = {other.run.hour: other.facts["volume"] for other in works if other.run.hour < work.run.hour}
    usual, count = None, 0
    for steps, enough in VOLUME_REFERENCES:
        known = [drafted.get(work.run.hour - step) or _landed_volume(work, step) for step in steps]
        references = [volume["events"] for volume in known if volume]
        if len(references) >= enough:
            usual, count = float(median(references)), len(references)
            break
    work.facts["volume"] |= {"usual": usual, "references": count}
    ratio = counted / usual if usual else None
    said = "" if ratio is None else f"{ratio:.2f} times the {usual:,.0f} that are usual in this hour"
    sentence = f"events: {counted:,} accepted, {said} (median of {count} earlier ones)"
    is_far_off = ratio is not None and not settings.volume_block_low <= ratio <= settings.volume_block_high
    is_unusual = ratio is not None and not settings.volume_warn_low <= ratio <= settings.volume_warn_high
    # An hour without events is an hour; and where little is usual, much may be a good day or one client, not a fault.
    may_block = counted > 0 and (usual or 0) >= settings.gate_min_rows
    limits = f"the limits are {settings.volume_block_low:g} and {settings.volume_block_high:g}"
    work.judge("volume_far_off", not (is_far_off and may_block), f"{sentence}; {limits}", ratio)
    may_warn = max(counted, usual or 0) >= settings.gate_min_rows
    work.judge("volume_unusual", not (is_unusual and may_warn), sentence, ratio)


def count_events(path: Path, most: int) -> int:
    """The events of a draft, of one actor at most `most`: one client alone should not stop an hour.

    Those that were replayed, which have no lag, do not count: mended rows of other hours are no sign of trade in this one.
    """
    events = pq.read_table(path, columns=["user_id", "session_id", "lag_seconds"])
    events = events.filter(pc.is_valid(events["lag_seconds"]))
    actors = pa.table({"actor": pc.coalesce(events["user_id"], events["session_id"])})
    counts = actors.group_by("actor").aggregate([([], "count_all")])["count_all"]
    return pc.sum(pc.min_element_wise(counts, most)).as_py() or 0


def _landed_volume(work: Work, step: timedelta) -> dict[str, int] | None:
    manifest = read_undamaged(work.run, work.stage, work.run.hour - step)
    return manifest["facts"].get("volume") if manifest else None


def judge_profile(work: Work, references: int) -> None:
    """Hold the drafted `event_profile` against the usual one, made of so many reference hours; it only warns."""
    settings = work.run.settings
    profile: dict[str, Counts] = {}
    for row in pq.read_table(work.draft("event_profile")).to_pylist():
        profile.setdefault(row["feature"], {})[row["bucket"]] = (row["events"], row["usual_events"])
    judged = {
        feature: counts
        for feature, counts in profile.items()
        if references >= MIN_REFERENCES and min(totals(counts)) >= settings.drift_min_rows
    }
    for feature, gate in MIXES.items():
        index = stability_index(judged[feature]) if feature in judged else None
        said = (
            f"event_profile: the mix of {feature} moved by {index or 0:.2f} (PSI) from the same hour of the days before"
        )
        if index and feature != "query":  # whose buckets are hashes, and say nothing
            said += f", most {say_furthest(judged[feature])}"
        limit = settings.psi_limit
        work.judge(gate, index is None or index <= limit, f"{said}; the limit is {limit:g}", index)
    moves = {share_move(judged[feature], "empty"): said for feature, said in FILLED.items() if feature in judged}
    furthest = max(moves, key=lambda move: move[2], default=None)
    limit, moved = settings.null_share_limit, furthest and furthest[2]
    said = "" if not furthest else f"{moves[furthest]} are {furthest[0]:.1%}, usually {furthest[1]:.1%}"
    work.judge("null_share_moved", moved is None or moved <= limit, f"event_profile: {said}", moved)
    moved, limit, said = None, settings.click_through_limit, ""
    if "search" in judged:
        now, usual, step = share_move(judged["search"], "joined")
        moved = step / usual if usual else float(step > 0)
        said = f"{now:.1%} of the searches led to an item, usually {usual:.1%}"
    work.judge("click_through_moved", moved is None or moved <= limit, f"event_profile: {said}", moved)


def totals(counts: Counts) -> tuple[int, int]:
    """The events of all buckets: of the hour, and usually."""
    return sum(now for now, _ in counts.values()), sum(usual for _, usual in counts.values())


def stability_index(counts: Counts) -> float:
    """The population stability index of two distributions over the same buckets, less what chance alone gives.

    PSI = sum((p - q) ln(p / q)); of two samples of one distribution it is (buckets - 1) (1/n + 1/N) on average (Yurdakul
    & Naranjo 2020), which for a small hour is past any limit. Rare buckets are counted as one, and each bucket is given
    half an event, so that an empty one counts and is not endless. 0 when nothing moved.
    """
    n, usual_n = totals(counts)
    common = {name: pair for name, pair in counts.items() if pair[0] / n + pair[1] / usual_n >= 2 * RARE_SHARE}
    rare = [counts[name] for name in counts.keys() - common.keys()]
    pairs = np.array([*common.values(), *([np.sum(rare, axis=0)] if rare else [])], float)
    shares = (pairs + 0.5) / (pairs + 0.5).sum(axis=0)
    index = np.sum((shares[:, 0] - shares[:, 1]) * np.log(shares[:, 0] / shares[:, 1]))
    by_chance = (len(pairs) - 1) * (1 / n + 1 / usual_n)
    return round(max(float(index) - by_chance, 0.0), 6)


def say_furthest(counts: Counts) -> str:
    """The bucket whose share moved most, with its share now and usually."""
    n, usual_n = totals(counts)
    shares = {name: (now / n, usual / usual_n) for name, (now, usual) in sorted(counts.items())}
    name = max(shares, key=lambda bucket: abs(shares[bucket][0] - shares[bucket][1]))
    return f"{name!r} ({shares[name][0]:.1%}, usually {shares[name][1]:.1%})"


def share_move(counts: Counts, bucket: str) -> tuple[float, float, float]:
    """The share of a bucket now and usually, and how far it moved beyond three standard errors (0 when it did not)."""
    n, usual_n = totals(counts)
    now, usual = counts.get(bucket, (0, 0))
    pooled = (now + usual) / (n + usual_n)
    error = sqrt(pooled * (1 - pooled) * (1 / n + 1 / usual_n))
    return now / n, usual / usual_n, round(max(abs(now / n - usual / usual_n) - 3 * error, 0.0), 6)
