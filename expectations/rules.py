"""How a rule is written down: one Great Expectations expectation with a name, a sentence, and what happens when it fails.

The same suite decides which rows are refused (rules with `refuses=True`, one row at a time) and whether a table may be
kept at all (any critical rule). A rule's name is what stands in quarantine and in the ledger.
"""

from typing import Any

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity


def rule(
    kind: type[Expectation],
    name: str,
    sentence: str,
    *,
    severity: str = "critical",
    refuses: bool = False,
    **arguments: Any,
) -> Expectation:
    """An expectation called `name`; `sentence` says what is wrong with a row or table that fails it."""
    return kind(
        severity=FailureSeverity(severity), meta={"rule": name, "sentence": sentence, "refuses": refuses}, **arguments
    )


def required(*columns: str) -> list[Expectation]:
    """Rules that each of these columns is filled in every row."""
    return [
        rule(gxe.ExpectColumnValuesToNotBeNull, f"{column}_missing", f"a row without {column}", column=column)
        for column in columns
    ]


def unique_together(*columns: str) -> Expectation:
    """The rule that no two rows agree in all of these columns: the grain of the table, or one of its keys."""
    name, sentence = f"{'_and_'.join(columns)}_repeated", f"two rows with the same {' and '.join(columns)}"
    if len(columns) == 1:
        return rule(gxe.ExpectColumnValuesToBeUnique, name, sentence, column=columns[0])
    return rule(gxe.ExpectCompoundColumnsToBeUnique, name, sentence, column_list=list(columns))


def between(column: str, least: float | None, most: float | None) -> Expectation:
    """The rule that a column's values lie between two bounds, both allowed; NaN does not."""
    return rule(
        gxe.ExpectColumnValuesToBeBetween,
        f"{column}_out_of_range",
        f"{column} is not between {least} and {most}",
        column=column,
        min_value=least,
        max_value=most,
    )


def storable(column: str, length: int) -> Expectation:
    """The rule that a text can be stored everywhere: not too long, and without NUL, which PostgreSQL refuses."""
    return rule(
        gxe.ExpectColumnValuesToMatchRegex,
        f"{column}_not_storable",
        f"the {column} is longer than {length:,} characters or holds a NUL character",
        column=column,
        regex=rf"(?s)\A[^\x00]{{1,{length}}}\Z",
        refuses=True,
    )
