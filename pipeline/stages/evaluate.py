"""Stage `evaluate`: the release gate. The model is held against the hidden items, beside its predecessor and the popular
list; one that is broken, or worse than its predecessor beyond chance, is not published.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import topk
from pipeline.errors import AuditFailed
from pipeline.gates import say_remedy
from pipeline.holdout import Exam, Marks, find_most_gained, mark_model, mark_popular, set_exam, tabulate
from pipeline.hours import format_hour
from pipeline.lake import Work, open_stage
from pipeline.manifests import read_acceptance, read_undamaged
from pipeline.model_files import Factors, positions, read_factors
from pipeline.predecessor import LOOK_BACK, Predecessor, find_predecessor, mark_predecessor
from pipeline.run import Run, StageResult

JUDGEABLE_USERS = 20
JUDGEABLE_VECTORS = 20  # a handful of users who did the same have the same vectors, and rightly so
LONGEST_WHY = 500  # characters of why somebody accepts a model


def evaluate(run: Run) -> StageResult:
    """`evaluation` has landed: recall, NDCG and coverage of our lists, the predecessor's and the popular one.

    Raises `AuditFailed` for a model that is broken, cannot be judged, or is worse than its predecessor beyond chance,
    unless the run accepts it; too few held-out users is a warning.
    """
    with open_stage(run, "evaluate") as work:
        users = read_factors(work.read("user_factors"), "user_id")
        items = read_factors(work.read("item_factors"), "item_id")
        too_long = find_overflow(users, items)
        for table, factors in (("user_factors", users), ("item_factors", items)):
            flaw = find_flaw(factors) or too_long
            work.judge("model_broken", not flaw, f"{table}: {flaw}", table=table)
        before = find_predecessor(work)
        exam, hidden = read_exam(work, users)
        vectors = users.vectors[positions(users.ids, exam.users.to_series())]
        marks = {"ours": mark_model(exam, vectors, items, run.settings)}
        if before is not None:
            marks["predecessor"] = mark_predecessor(exam, before, work)
        marks["popular"] = mark_popular(exam)
        table = pa.Table.from_pandas(tabulate(exam, marks), preserve_index=False)
        pq.write_table(table, work.draft("evaluation"), compression="zstd")
        work.keep("evaluation")
        judge(work, exam, hidden, marks, before)
    return work.result()


def read_exam(work: Work, users: Factors) -> tuple[Exam, int]:
    """The hour's exam, and of how many users an available item is hidden, whether or not the model knows them."""
    hidden = pq.read_table(work.read("holdout")).to_pandas()
    popular = pq.read_table(work.read("popular_items"), filters=[("segment", "=", "all")]).to_pandas()["item_id"]
    pairs = pq.read_table(work.read("interactions"), columns=["user_id", "item_id", "weight", "kind"])
    pairs = pairs.filter(pc.is_in(pairs["user_id"], pa.array(hidden["user_id"], pa.string())))
    work.rows_in = len(hidden)
    exam = set_exam(work.run.settings.k, users.ids, hidden, popular, pairs.to_pandas())
    return exam, int((positions(exam.popular, hidden["item_id"]) >= 0).sum())


def find_flaw(factors: Factors) -> str:
    """What makes these factors no model: one that is not finite, all zero, or all the same; empty when nothing does."""
    broken = int((~np.isfinite(factors.vectors)).any(axis=1).sum())
    if broken:
        return f"{broken} of {len(factors.ids)} vectors are not finite"
    if len(factors.ids) and not factors.vectors.any():
        return "all vectors are zero; the model learnt nothing"
    with np.errstate(over="ignore"):  # vectors as long as that are no collapse, but see `find_overflow`
        if len(factors.ids) >= JUDGEABLE_VECTORS and float(factors.vectors.std(axis=0).max()) < 1e-9:
            return "all vectors are the same; the model has collapsed"
    return ""


def find_overflow(users: Factors, items: Factors) -> str:
    """What is wrong with vectors so long that their scores may be no numbers, or taken for an empty place; else empty."""
    longest = [float(np.linalg.norm(one.vectors.astype(np.float64), axis=1).max(initial=0)) for one in (users, items)]
    most = longest[0] * longest[1]  # no product of two vectors is larger
    return f"vectors are so long that scores may reach {most:.0e}" if most >= -topk.PADDING else ""


def judge(work: Work, exam: Exam, hidden: int, marks: dict[str, Marks], before: Predecessor | None) -> None:
    """The figures stand in the manifest, and every gate has been asked; raises `AuditFailed` when one refuses the model."""
    count, ours = len(exam.users), marks["ours"].figures()
    is_judged = count > 0 and all(np.isfinite(value) for found in marks.values() for value in found.figures().values())
    sentence = f"evaluation: of {hidden} held-out users the model knows {count}, and its figures are {ours}"
    work.judge("figures_undefined", is_judged or hidden < JUDGEABLE_USERS, sentence, count)
    few = f"evaluation: only {count} held-out users, too few to judge the model by"
    if not work.judge("held_out_users_too_few", count >= JUDGEABLE_USERS, few, count):
        return
    state_figures(work, count, marks, before)
    told = f"recall@{exam.k} {ours['recall']:.3f}"
    if before is None:
        work.note(
            f"no hour of the {LOOK_BACK} before this one has a model that was let through: there is no predecessor"
        )
    else:
        told += f", predecessor of {format_hour(before.hour)} {marks['predecessor'].figures()['recall']:.3f}"
    popular = marks["popular"].figures()["recall"]
    told += f", popular list {popular:.3f}, {count} held-out users"
    work.note(told)
    better = f"evaluation: the popular list did better on the held-out users than the model: {told}"
    work.judge("popular_list_better", ours["recall"] >= popular, better, ours["recall"] - popular)
    if before is not None:
        compare(work, marks["ours"], marks["predecessor"], told)


def state_figures(work: Work, count: int, marks: dict[str, Marks], before: Predecessor | None) -> None:
    """The figures of every list, and which model the predecessor is, are facts of the stage: a refused one's as well."""
    work.facts |= {"users": count}
    for name, found in marks.items():
        prefix = "" if name == "ours" else f"{name}_"
        work.facts |= {f"{prefix}{metric}": value for metric, value in found.figures().items()}
    if before is not None:
        work.facts["predecessor"] = {"hour": format_hour(before.hour), "item_factors": before.sha256}


def compare(work: Work, ours: Marks, theirs: Marks, told: str) -> None:
    """The gates beside the predecessor were asked; raises `AuditFailed` when one refuses a model that nobody accepts."""
    settings = work.run.settings
    seed = int(work.run.hour.timestamp()) // 3600
    recall, coverage = (divide(ours.figures()[name], theirs.figures()[name]) for name in ("recall", "coverage"))
    asked = [
        (
            "model_worse",
            find_most_gained(ours, theirs, settings.predecessor_limit, seed) >= 0,
            f"evaluation: the model finds less than {settings.predecessor_limit:g} times the hidden items that its "
            f"predecessor does, beyond chance: {told}",
            recall,
        ),
        (
            "model_coverage_collapsed",
            coverage is None or coverage >= settings.coverage_limit,
            f"evaluation: lists of the held-out users hold {ours.coverage:.1%} of the items, those of the predecessor "
            f"{theirs.coverage:.1%}; the limit is {settings.coverage_limit:g} times that",
            coverage,
        ),
    ]
    refused = {gate: sentence for gate, passed, sentence, _ in asked if not passed}
    why = find_acceptance(work) if refused else ""
    accepted = f"; accepted all the same: {why}" if why else ""
    for gate, passed, sentence, observed in asked:
        work.record(gate, passed, f"{sentence}{accepted}", observed)
    if refused and not why:
        raise AuditFailed(f"{work.run.name}: {say_remedy(min(refused), '; '.join(refused.values()))}.")
    work.judge("model_accepted", not refused, f"evaluation: refused by {' and '.join(refused)}{accepted}")
    if refused:
        work.facts["accepted"] = {"gates": list(refused), "why": why}


def divide(now: float, then: float) -> float | None:
    """How many times `then` is `now`; None of nothing."""
    return now / then if then else None


def find_acceptance(work: Work) -> str:
    """Why somebody accepts this model: as the run says, or as was said of the very same model before; else empty."""
    if work.run.accept:
        printable = "".join(
            sign if sign.isprintable() else " " for sign in work.run.accept
        )  # terminals obey the others
        return " ".join(printable.split())[:LONGEST_WHY]
    before = read_undamaged(work.run, "evaluate")
    return read_acceptance(before) if before and before["inputs"] == work.inputs else ""
