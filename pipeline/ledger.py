"""The ledger of an hour: what became of every delivered row, and whether that is too much of one kind.

delivered = accepted + quarantined + duplicate, exactly; what the source itself excludes is quarantined and not malformed.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DataError
from pipeline.lake import Work
from pipeline.privacy.tombstones import ERASED

EXCLUDED = "excluded"
MOST_REASONS = 20  # a source that excludes for more reasons in an hour gives none: it names its rows


def balance(work: Work, kind: str, refused: pa.Table, figures: Mapping[str, int]) -> None:
    """The hour's ledger stands in its facts, and the shares of malformed and repeated events have been judged.

    `refused` names every rule that a row broke; `figures` are further counts for the ledger, `replayed` among them.
    """
    delivered = pq.read_metadata(work.draft("delivered")).num_rows
    accepted = pq.read_metadata(work.draft(kind)).num_rows
    by_rule, reasons = count_fates(work.draft(f"quarantined_{kind}"))
    quarantined = by_rule.total()
    duplicate = delivered - accepted - quarantined
    if duplicate < 0:
        raise DataError(
            f"{work.run.name}: {kind}: {delivered} rows delivered, but {accepted} accepted and {quarantined} quarantined."
        )
    # What the source handed over: an hour without any is asked for again.
    work.rows_in += delivered - figures["replayed"]
    work.facts["ledger"] = {
        "delivered": delivered,
        "accepted": accepted,
        "quarantined": quarantined,
        "duplicate": duplicate,
        **figures,
        "by_rule": dict(sorted(by_rule.items())),
        "excluded_because": reasons,
        "every_failed_rule": dict(sorted(Counter(refused["rule"].to_pylist()).items())),
    }
    if kind == "items" and duplicate:
        work.note(f"{duplicate} of {delivered} rows repeat an item of the catalog; of each the one updated last counts")
    if kind == "events":
        judge_malformed(work, kind, by_rule, delivered, "malformed_share_too_high")
        judge_duplicates(work, duplicate, delivered)


def count_fates(quarantined: Path) -> tuple[Counter[str], dict[str, int]]:
    """The rows of a quarantine by the rule that decided, and of those that the source excludes how many for which reason."""
    read = pq.read_table(quarantined, columns=["rule", "sentence"])
    pairs = Counter(zip(read["rule"].to_pylist(), read["sentence"].to_pylist(), strict=True))
    by_rule: Counter[str] = Counter()
    for (rule, _), rows in pairs.items():
        by_rule[rule] += rows
    reasons = {sentence: rows for (rule, sentence), rows in sorted(pairs.items()) if rule == EXCLUDED}
    return by_rule, reasons if len(reasons) <= MOST_REASONS else {}


def judge_malformed(work: Work, kind: str, by_rule: Counter[str], delivered: int, gate: str) -> bool:
    """Whether few enough of the delivered rows were refused by a rule; `gate` is the one for too many."""
    settings = work.run.settings
    not_for_us = by_rule[EXCLUDED] + by_rule[ERASED]
    judged, malformed = delivered - not_for_us, by_rule.total() - not_for_us
    share = malformed / judged if judged else 0.0
    worst, count = next(((rule, n) for rule, n in by_rule.most_common() if rule not in {EXCLUDED, ERASED}), ("", 0))
    what = "items" if kind == "items" else "rows"
    sentence = (
        f"{kind}: {malformed} of {judged} {what} are malformed ({share:.1%}), most often {worst} ({count} {what})"
    )
    # A catalog is small, and what it lacks is missing from every list: it is judged from fewer rows than events.
    is_judged = judged >= (settings.catalog_min_rows if kind == "items" else settings.gate_min_rows)
    limit = settings.malformed_limit
    if not work.judge(gate, not (is_judged and share > limit), f"{sentence}; the limit is {limit:.1%}", share):
        return False
    limit = settings.malformed_warn_limit
    if work.judge("malformed_share_high", not (is_judged and share > limit), sentence, share, table=kind) and malformed:
        work.note(f"{sentence}; `treasure-hunt quarantine list` says what to do")
    return True


def judge_duplicates(work: Work, duplicate: int, delivered: int) -> None:
    """Warn when more of the delivered events than usual are repeats: they do no harm here, but somebody sends twice."""
    settings = work.run.settings
    share, limit = duplicate / delivered if delivered else 0.0, settings.duplicate_warn_limit
    is_judged = delivered >= settings.gate_min_rows
    sentence = f"events: {duplicate} of {delivered} rows are duplicates ({share:.1%}); the limit is {limit:.1%}"
    work.judge("duplicate_share_high", not (is_judged and share > limit), sentence, share)
