"""Holding a draft table against its suite with Great Expectations.

Tables go through in slices, so memory is bounded; results never carry values of personal columns.
"""

import bisect
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.drafts import are_unique, read_repeated, read_slices
from pipeline.errors import AuditFailed
from pipeline.validation import open_context, validate

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

# What a rule found: table, rule, severity, passed, checked and failed (rows), observed, sentence.
Finding = dict[str, Any]

PERSONAL = frozenset({"user_id", "session_id", "query", "event_id", "reason"})


def _read_suite(table: str, limits: Mapping[str, Any]) -> "list[Expectation]":
    open_context()  # before the suite's module: it silences the library that the module imports
    expectations: list[Expectation] = import_module(f"expectations.{table}").suite(**limits)
    if not expectations:
        raise AuditFailed(f"{table}: its suite holds no expectation, so nothing was checked.")
    return expectations


def _refusing(table: str, limits: Mapping[str, Any]) -> "list[Expectation]":
    return [one for one in _read_suite(table, limits) if (one.meta or {}).get("refuses")]


def _looks_at_rows(expectation: "Expectation") -> bool:
    """Whether a rule is about single rows or their uniqueness, not about a table as a whole or a share of it."""
    has_column = hasattr(expectation, "column") or hasattr(expectation, "column_list")
    return has_column and getattr(expectation, "mostly", 1) == 1


def _key(expectation: "Expectation") -> list[str]:
    """The columns that must be unique together; none for a rule of another kind."""
    import great_expectations.expectations as gxe

    if isinstance(expectation, gxe.ExpectColumnValuesToBeUnique):
        return [expectation.column]
    return list(expectation.column_list) if isinstance(expectation, gxe.ExpectCompoundColumnsToBeUnique) else []


def _columns(expectations: "list[Expectation]") -> set[str]:
    """Every name that stands in what the rules are called with, their columns and those of their conditions among them.

    The library hashes and filters all columns of a frame, so those that no rule looks at are left out.
    """
    return {word for one in expectations for word in re.findall(r"\w+", str(one.configuration.kwargs))}


def _describe(table: str, result: Any) -> str:
    """One sentence about a failed expectation, without personal values."""
    meta = _meta(result)
    outcome = result.result or {}
    raised = _exceptions(result)
    if raised:
        return f"{table}: {meta['rule']} could not be checked: {raised[0]}"
    asked = result.expectation_config.kwargs
    columns = {asked.get("column", ""), *asked.get("column_list", ())}
    count = outcome.get("unexpected_count")
    rows = f", {count} rows" if count else ""
    values = [value for value in outcome.get("partial_unexpected_list") or [] if value == value]  # not NaN
    first = f", first {values[0]!r}" if values and not columns & PERSONAL else ""
    if not count and "observed_value" in outcome:
        first = f", found {outcome['observed_value']}"
    return f"{table}: {meta['rule']}: {meta['sentence']}{rows}{first}"


def _rule(expectation: "Expectation") -> str:
    return str((expectation.meta or {})["rule"])


def _meta(result: Any) -> dict[str, Any]:
    return dict(result.expectation_config.meta)


def _severity(result: Any) -> str:
    severity = result.expectation_config.severity
    return str(getattr(severity, "value", severity))


def _exceptions(result: Any) -> list[str]:
    info = result.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    return [entry["exception_message"] for entry in entries if entry.get("raised_exception")]


def _is_critical(result: Any) -> bool:
    return not result.success and (_severity(result) == "critical" or bool(_exceptions(result)))


def _not_broken(table: str, expectation: "Expectation", checked: int) -> Finding:
    """What is kept of a rule that no row of a draft breaks; never a value of the table, here or in what follows."""
    meta = expectation.meta or {}
    return {
        "table": table,
        "rule": meta["rule"],
        "severity": str(getattr(expectation.severity, "value", expectation.severity)),
        "passed": True,
        "checked": checked,
        "failed": 0,
        "observed": None,
        "sentence": meta["sentence"],
    }


def _add(finding: Finding, result: Any) -> None:
    """Take one slice's result into the finding of its rule."""
    outcome = result.result or {}
    finding["passed"] &= bool(result.success) and not _exceptions(result)
    if _exceptions(result):
        finding["sentence"] = (
            f"it could not be checked: {finding['sentence'].removeprefix('it could not be checked: ')}"
        )
    if "unexpected_count" in outcome and finding["failed"] is not None:
        finding["failed"] += int(outcome["unexpected_count"])
    else:  # a rule about the table as a whole has no rows to count
        finding["failed"] = None
    observed = outcome.get("observed_value")
    if isinstance(observed, (int, float)):
        finding["observed"] = float(observed)


def audit_table(table: str, paths: Sequence[Path], limits: Mapping[str, Any], hour: str) -> list[list[Finding]]:
    """Hold drafts of a table against its suite; for each draft what every rule found, in the suite's order.

    Raises `AuditFailed`, which carries the findings of a single draft, when a critical rule fails. Of several drafts (of
    several hours) the rows go through together, because a suite costs about as much for one row as for a thousand; rules
    about a table as a whole are asked of each.
    """
    suite = _read_suite(table, limits)
    of_keys = [expectation for expectation in suite if _key(expectation)]
    of_rows = [expectation for expectation in suite if _looks_at_rows(expectation) and not _key(expectation)]
    of_tables = [expectation for expectation in suite if not _looks_at_rows(expectation)]
    rows = [pq.read_metadata(path).num_rows for path in paths]
    found = [{_rule(one): _not_broken(table, one, count) for one in suite} for count in rows]
    together = [
        result
        for frame in read_slices(paths, _columns(of_rows))
        if of_rows
        for result in validate(table, frame, of_rows)
    ]
    for one in of_keys:
        if not are_unique(paths, _key(one)):
            together += validate(table, read_repeated(paths, _key(one)), [one])
    alone = [validate(table, pq.read_table(path).to_pandas(), of_tables) if of_tables else [] for path in paths]
    for findings, results in zip(found, alone, strict=True):
        for result in [*(together if len(paths) == 1 else ()), *results]:
            _add(findings[_meta(result)["rule"]], result)
    critical = [_describe(table, result) for result in itertools.chain(together, *alone) if _is_critical(result)]
    if critical:
        raise AuditFailed(
            f"{hour}: {'; '.join(dict.fromkeys(critical))} (the draft stays under failed/).",
            found[0].values() if len(paths) == 1 else (),
        )
    if len(paths) > 1 and not all(result.success for result in together):
        return [audit_table(table, [path], limits, hour)[0] for path in paths]  # each hour bears its own warnings
    return [list(findings.values()) for findings in found]


def describe_warnings(findings: Iterable[Finding]) -> list[str]:
    """A sentence for every warning among the findings."""
    return [
        f"{found['table']}: {found['rule']}: {found['sentence']}"
        + (f", {found['failed']} rows" if found["failed"] else "")
        for found in findings
        if not found["passed"] and found["severity"] == "warning"
    ]


def count_refused(table: str, refused: pa.Table, rows: int, limits: Mapping[str, Any]) -> list[Finding]:
    """What every refusing rule of a suite found in the typed draft of `rows` rows of which `refused` names the broken ones.

    These rules send a row to quarantine and stop no hour, so their severity is `refuses`.
    """
    broken = Counter(refused["rule"].to_pylist())
    findings = [_not_broken(f"typed_{table}", one, rows) for one in _refusing(table, limits)]
    return [
        {**found, "severity": "refuses", "passed": not broken[found["rule"]], "failed": broken[found["rule"]]}
        for found in findings
    ]


def find_refused(table: str, paths: Sequence[Path], limits: Mapping[str, Any]) -> list[pa.Table]:
    """For each typed draft (which has a `row` number) its rows that break a rule: row, rule, sentence, is_primary.

    A row that breaks several rules stands there once for each; the first in the suite's order is the primary one, which
    decides its fate.
    """
    starts = list(itertools.accumulate((pq.read_metadata(path).num_rows for path in paths), initial=0))
    found: list[list[tuple[int, str, str, bool]]] = [[] for _ in paths]
    seen: set[int] = set()
    offset = 0
    refusing = _refusing(table, limits)
    for frame in read_slices(paths, _columns(refusing)):
        frame.index = range(offset, offset + len(frame))  # rows are numbered per draft; here they stand together
        offset += len(frame)
        for result in validate(table, frame, refusing, with_rows=True):
            meta = _meta(result)
            if _exceptions(result):
                raise AuditFailed(_describe(table, result))
            for index in (result.result or {}).get("unexpected_index_list") or []:
                place = int(index)
                draft = bisect.bisect_right(starts, place) - 1
                found[draft].append((place - starts[draft] + 1, meta["rule"], meta["sentence"], place not in seen))
                seen.add(place)
    names = ("row", "rule", "sentence", "is_primary")
    schema = pa.schema(list(zip(names, (pa.int64(), pa.string(), pa.string(), pa.bool_()), strict=True)))
    columns: list[Any] = [list(zip(*rows, strict=True)) if rows else [[], [], [], []] for rows in found]
    return [pa.table([pa.array(column) for column in four] if four[0] else four, schema=schema) for four in columns]
