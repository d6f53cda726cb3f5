"""The judge: arms of one log, side by side, from their bundles alone.

It imports no arm and reads no lake and no serving database, so whoever writes a bundle is judged like everybody else. The
same bundles, log and options give the same figures, whatever the machine.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.comparison import causes, service
from pipeline.comparison.bundle import open_tables, read_table
from pipeline.comparison.quality import Scores, World, read_world, score_bundle
from pipeline.comparison.validate import check_bundle, check_log
from pipeline.comparison.verdict import decide, rivals_of, with_faults
from pipeline.comparison.worth import HOURS_BEFORE, Row, rounded, worth
from pipeline.errors import BadInput
from pipeline.files import hash_file
from pipeline.prices import read_prices

MIN_SEEDS = 3
SAME = ("kind", "cadence_seconds", "delay_seconds", "k")  # of all seeds of an arm; settings_hash holds the seed itself
SHOWN = ("kind", "commit", "settings_hash", "cadence_seconds", "delay_seconds", "hardware", "price_sheet", "k", "notes")
COLUMNS = pa.schema(
    [(name, pa.string()) for name in ("arm", "family", "measure", "slice", "unit")]
    + [(name, pa.float64()) for name in ("value", "low", "high")]
    + [("n", pa.int64()), ("least", pa.float64()), ("most", pa.float64())]
)
Say = Callable[[str], None]


class Options(NamedTuple):
    """What a comparison is made with."""

    horizon_hours: int = 24
    stale_minutes: float = 75.0
    prices: Mapping[str, Any] | None = None  # a price sheet; None is the project's own
    seed: int = 0


def judge(bundles: Sequence[Path], log: Path, options: Options, say: Say = lambda _sentence: None) -> dict[str, Any]:
    """The judgement of these arms, as `judgement.json` holds it; the first bundle's arm is what others are compared with.

    Bundles with the same arm and different seeds are one arm. Raises `BadInput` for a bundle that is not valid, two of the
    same arm and seed, bundles of one arm that differ by more than their seed, or a log too short for the horizon.
    """
    prices = options.prices or read_prices()
    known = check_log(log)
    arms: dict[str, list[tuple[Path, dict[str, Any]]]] = defaultdict(list)
    for bundle in bundles:
        say(f"checking {bundle.name}")
        document = check_bundle(bundle, log)
        of_arm = arms[document["arm"]]
        if document["seed"] in [other["seed"] for _, other in of_arm]:
            raise BadInput(
                f"{bundle}: arm {document['arm']!r} with seed {document['seed']} is given twice; give each once, "
                "or another name or seed."
            )
        for name in SAME if of_arm else ():
            if document[name] != (before := of_arm[0][1][name]):
                raise BadInput(
                    f"{bundle}: arm {document['arm']!r} has {name} {document[name]} here and {before} in {of_arm[0][0]}; "
                    "bundles of one arm differ by their seed alone, so give one of them another name."
                )
        of_arm.append((bundle, document))
    arms = {arm: sorted(of, key=lambda one: one[1]["seed"]) for arm, of in arms.items()}
    ks = [document["k"] for of in arms.values() for _, document in of]
    k = min(ks)
    world = read_world(log, options.horizon_hours)
    rows: list[Row] = []
    scores: dict[str, list[Scores]] = {}
    for arm, of in arms.items():
        say(f"judging {arm}")
        judged = [judge_bundle(bundle, log, document, world, k, options, prices) for bundle, document in of]
        scores[arm] = [score for _, score in judged]
        rows += over_seeds(arm, [measures for measures, _ in judged])
    say("comparing")
    described = [describe(arm, of) for arm, of in arms.items()]
    faulty = with_faults([row._asdict() for row in rows])
    rivals = rivals_of(described, faulty)
    rows += worth(world, scores, rivals, options.seed)
    figures = [rounded(row) for row in rows]
    return {
        "schema": 1,
        "log": {name: known[name] for name in ("name", "seed", "started", "ended", "counts", "log_hash")},
        "options": options._asdict() | {"prices": prices, "k": k},
        "reads_judged": len(world.users),
        "users_judged": len(np.unique(world.users)),
        "baseline": described[0]["arm"],
        "arms": described,
        "remarks": remarks(described, ks, prices["id"], [arm for arm in arms if arm in faulty and arm not in rivals]),
        **decide(described, figures),
        "figures": figures,
    }


def judge_bundle(
    bundle: Path, log: Path, arm: dict[str, Any], world: World, k: int, options: Options, prices: Mapping[str, Any]
) -> tuple[list[service.Measure], Scores]:
    """What one bundle says: its measures of service, and its lists scored at every read.

    An arm that was never asked (no row in `reads`) has no availability, and its lists count as shown.
    """
    with open_tables(bundle, log) as connection:
        for name in ("judged_events", "judged_reads"):
            connection.register(name, world.tables[name])
        is_asked = bool(read_table(bundle, "reads").num_rows)
        measures = [
            *service.freshness(connection, world.values),
            *service.runs(connection, arm),
            *service.cost(connection, world.values, prices, is_asked),
            *service.recovery(connection),
        ]
        is_shown = np.ones(len(world.users), bool)
        if is_asked:
            answered = service.answers(connection, options.stale_minutes * 60)
            measures += service.availability(answered)
            connection.register("arm_answers", answered)
            shown = connection.sql(
                "select coalesce(is_shown, false) as is_shown from judged_reads left join arm_answers using (t, user_id) "
                "order by read_id"
            ).to_arrow_table()
            is_shown = shown.column("is_shown").to_numpy(zero_copy_only=False)
        scores = score_bundle(connection, world, is_shown, k, HOURS_BEFORE)  # which also names the arm's lists
        measures += causes.correctness(connection, k)
        if is_asked:
            measures += [*causes.failures(connection), *causes.meanwhile(connection)]
        return measures, scores


def over_seeds(arm: str, seeds: list[list[service.Measure]]) -> Iterable[Row]:
    """A row for each measure: the mean over seeds with least and most; None where one of them has none."""
    found: dict[tuple[str, str, str, str], list[service.Measure]] = defaultdict(list)
    for measures in seeds:
        for one in measures:
            found[one.family, one.measure, one.slice, one.unit].append(one)
    for key, each in found.items():
        values = [one.value for one in each if one.value is not None]
        is_whole = len(values) == len(each)
        mean = float(np.mean(values)) if is_whole else None
        count = round(float(np.mean([one.n for one in each])))
        yield Row(arm, *key, mean, None, None, count, min(values, default=None), max(values, default=None))


def describe(arm: str, bundles: list[tuple[Path, dict[str, Any]]]) -> dict[str, Any]:
    """An arm as its first bundle describes it, with the seeds of all; `bundles` are the hashes of their `arm.json`."""
    seeds = [document["seed"] for _, document in bundles]
    hashes = [hash_file(folder / "arm.json") for folder, _ in bundles]
    return {"arm": arm, "seeds": seeds, "bundles": hashes, **{name: bundles[0][1][name] for name in SHOWN}}


def remarks(arms: Sequence[dict[str, Any]], ks: Iterable[int], sheet: str, left_out: Sequence[str]) -> list[str]:
    """What makes these arms less comparable than they look; `left_out` are those that met faults and cannot win."""
    said = []
    if left_out:
        said.append(
            f"These arms met faults and are left out of who is freshest, best and cheapest: {', '.join(left_out)}."
        )
    if few := [one["arm"] for one in arms if len(one["seeds"]) < MIN_SEEDS]:
        said.append(
            f"Fewer than {MIN_SEEDS} seeds, so how much is chance in the arm itself is not seen: {', '.join(few)}."
        )
    if own := [one["arm"] for one in arms if one["price_sheet"] not in {"", sheet}]:
        said.append(
            f"Dollars that these arms give themselves follow another price sheet than {sheet}: {', '.join(own)}."
        )
    if len({json.dumps(one["hardware"], sort_keys=True) for one in arms}) > 1:
        said.append("The arms ran on different machines: durations and processor seconds compare only roughly.")
    if len(lengths := sorted(set(ks))) > 1:
        said.append(f"Lists are {', '.join(map(str, lengths))} long; all are cut at {lengths[0]}.")
    return said


def write_judgement(out: Path, judgement: dict[str, Any]) -> list[Path]:
    """`judgement.json`, and its figures as `judgement.parquet`, stand in the folder; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / "judgement.json", out / "judgement.parquet"]
    paths[0].write_text(json.dumps(judgement, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(judgement["figures"], schema=COLUMNS), paths[1], compression="zstd")
    return paths
