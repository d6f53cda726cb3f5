"""Of an hour's page: the model beside its predecessor and the popular list, on the items that were hidden from all three."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.html import Html, card, element, number, table

# The list and what its figures begin with among the facts of `evaluate`.
LISTS = {"this hour's model": "", "its predecessor": "predecessor_", "popular list": "popular_"}
METRICS = {"recall": "recall", "ndcg": "NDCG", "coverage": "coverage"}


def judged_model(facts: Mapping[str, Any]) -> Html | None:
    """The figures of a refused model as well, and why it was accepted; None where too few users had a hidden item."""
    if "recall" not in facts:
        return None
    rows = [[said, *(_figure(facts.get(f"{name}{metric}")) for metric in METRICS)] for said, name in LISTS.items()]
    before, accepted = facts.get("predecessor"), facts.get("accepted")
    nothing = "No hour of the day before has a model that was let through."
    of = f"Its predecessor is that of {before['hour']}." if before else nothing
    return card(
        "The model beside its predecessor",
        element("p", f"Refused by {' and '.join(accepted['gates'])}, and accepted: {accepted['why']}", class_="warn")
        if accepted
        else None,
        table(["list", *METRICS.values()], rows, right=tuple(METRICS.values())),
        hint=f"Lists for {number(facts['users'])} users, of each of whom the last item was hidden. {of}",
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
