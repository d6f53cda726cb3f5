"""Cards of a comparison's page about what went wrong: why reads failed, what wrong lists held, and what came of faults."""

from collections.abc import Mapping
from typing import Any

from pipeline.comparison.cards import tell_share, tell_time
from pipeline.comparison.causes import FAILURES
from pipeline.comparison.verdict import value
from pipeline.report import charts
from pipeline.report.html import Html, card, table

Judgement = Mapping[str, Any]
COLOURS = (7, 3, 1, 2, 5, 6, 0)


def failures(judgement: Judgement) -> Html:
    """Failed reads by cause, and wrong items of those that were answered."""
    figures, rows, wrong = judgement["figures"], [], []
    shares = {
        one["arm"]: {cause: value(figures, one["arm"], "failures", "cause", cause) or 0.0 for cause in FAILURES}
        for one in judgement["arms"]
    }
    most = max((sum(of.values()) for of in shares.values()), default=0.0)
    for name, of in shares.items():
        rest = max(most - sum(of.values()), 0.0)
        drawn = charts.bar({**of, "": rest}, [*COLOURS, 8]) if sum(of.values()) else ""
        since = value(figures, name, "availability", "failed_since_first")
        rows.append([name, tell_share(since), *(tell_share(share) for share in of.values()), drawn])
        measures = ("wrong_shown", "wrong_listed")
        wrong.append([name, *(tell_share(value(figures, name, "correctness", measure)) for measure in measures)])
    bar = f"failed, to {tell_share(most)}" if most else "failed"
    heads = ["arm", "since its first list", *FAILURES, bar]
    return card(
        "Why reads failed, and what was wrong",
        table(heads, rows, right=tuple(heads[1:-1])),
        charts.legend([f"{cause}: {words}" for cause, words in FAILURES.items()], COLOURS),
        table(["arm", "wrong of the items shown", "wrong of the rows listed"], wrong),
        hint="Causes are told from lists, runs and the log, in shares of all reads; stale reads have not failed. Wrong is "
        "an item that the catalog did not have, or had as something that cannot be bought: of the items shown, when they "
        "were; of the rows listed, when their list came, and all of a list of somebody whom the log does not know.",
    )


def recovery(judgement: Judgement) -> Html | None:
    """Each fault: until it was noticed, until readers were served as before, and what they got meanwhile."""
    figures = judgement["figures"]
    faults = [row for row in figures if (row["family"], row["measure"]) == ("recovery", "detected_after")]
    if not faults:
        return None
    rows = []
    for row in faults:
        of = (row["arm"], "recovery")
        mended = value(figures, *of, "recovered_after", row["slice"])
        meanwhile = (value(figures, *of, name, row["slice"]) for name in ("failed_reads", "stale_reads", "bad_rows"))
        rows.append([row["slice"], row["arm"], f"{row['n']:,}", _never(row["value"]), _never(mended)])
        rows[-1] += ["\u2013" if amount is None else f"{amount:,.0f}" for amount in meanwhile]
    rows.sort(key=lambda row: row[0])
    heads = ["fault", "arm", "times", "noticed after", "recovered after", "failed reads", "stale reads", "wrong rows"]
    return card(
        "Recovery",
        table(heads, rows, right=tuple(heads[2:])),
        hint="Recovered: readers were served as before; at once where a fault never reached them. Failed and stale reads "
        "and wrong rows are those of the time between, whatever they came of; faults that overlap count the same ones.",
    )


def _never(seconds: float | None) -> str:
    return "never" if seconds is None else tell_time(seconds)
