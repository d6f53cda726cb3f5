"""Holding a draft table against its suite with Great Expectations, which is imported here, late, and nowhere else.

Its import costs seconds, so a stage that audits nothing must not pay for it. Tables go through in slices of a million
rows, so memory is bounded; results never carry values of personal columns.
"""

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import AuditFailed

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult

SLICE_ROWS = 1_000_000
PERSONAL = frozenset({"user_id", "session_id", "query", "event_id", "reason"})


@cache
def _context() -> Any:
    """Great Expectations with all stores in memory: nothing is written, nothing is sent."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig

    memory = {"class_name": "InMemoryStoreBackend"}
    kinds = {
        "expectations": "ExpectationsStore",
        "validation_results": "ValidationResultsStore",
        "checkpoints": "CheckpointStore",
        "validation_definition_store": "ValidationDefinitionStore",
    }
    return gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            config_version=4.0,
            analytics_enabled=False,
            expectations_store_name="expectations",
            validation_results_store_name="validation_results",
            checkpoint_store_name="checkpoints",
            stores={name: {"class_name": kind, "store_backend": memory} for name, kind in kinds.items()},
            data_docs_sites={},
            progress_bars={"globally": False, "metric_calculations": False},
        ),
    )


@cache
def _batch_definition() -> Any:
    source = _context().data_sources.add_pandas("lake")
    return source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("slice")


def _slices(path: Path) -> Iterator["pd.DataFrame"]:
    """The table in frames of at most SLICE_ROWS rows; one empty frame for an empty table."""
    with pq.ParquetFile(path) as file:
        if not file.metadata.num_rows:
            yield file.schema_arrow.empty_table().to_pandas()
        for batch in file.iter_batches(SLICE_ROWS):
            yield pa.Table.from_batches([batch]).to_pandas()


def _validate(
    table: str, frame: "pd.DataFrame", limits: Mapping[str, Any], only_refusing: bool = False
) -> "ExpectationSuiteValidationResult":
    context = _context()
    import great_expectations as gx

    expectations = import_module(f"expectations.{table}").suite(**limits)
    if only_refusing:
        expectations = [expectation for expectation in expectations if expectation.meta["refuses"]]
    if not expectations:
        raise AuditFailed(f"{table}: its suite holds no expectation, so nothing was checked.")
    del context
    batch = _batch_definition().get_batch(batch_parameters={"dataframe": frame})
    return batch.validate(
        gx.ExpectationSuite(name=table, expectations=expectations),
        result_format={
            "result_format": "COMPLETE" if only_refusing else "BASIC",
            "unexpected_index_column_names": ["row"] if only_refusing else [],
            "include_unexpected_rows": False,
        },
    )


def _describe(table: str, result: Any) -> str:
    """One sentence about a failed expectation, without personal values."""
    meta = result.expectation_config.meta
    outcome = result.result or {}
    raised = [info for info in _exceptions(result)]
    if raised:
        return f"{table}: {meta['rule']} could not be checked: {raised[0]}"
    column = result.expectation_config.kwargs.get("column", "")
    count = outcome.get("unexpected_count")
    rows = f", {count} rows" if count else ""
    values = outcome.get("partial_unexpected_list") or []
    first = f", first {values[0]!r}" if values and column not in PERSONAL else ""
    if not count and "observed_value" in outcome:
        first = f", found {outcome['observed_value']}"
    return f"{table}: {meta['rule']}: {meta['sentence']}{rows}{first}"


def _exceptions(result: Any) -> list[str]:
    info = result.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    return [entry["exception_message"] for entry in entries if entry.get("raised_exception")]


def audit_table(table: str, path: Path, limits: Mapping[str, Any], hour: str) -> list[str]:
    """Hold a draft against its suite; returns the warnings, raises `AuditFailed` when a critical rule fails."""
    warnings: list[str] = []
    critical: list[str] = []
    for frame in _slices(path):
        for result in _validate(table, frame, limits).results:
            if not result.success:
                severity = result.expectation_config.severity
                is_warning = getattr(severity, "value", severity) != "critical" and not _exceptions(result)
                (warnings if is_warning else critical).append(_describe(table, result))
    if critical:
        raise AuditFailed(f"{hour}: {'; '.join(dict.fromkeys(critical))} (the draft stays under failed/).")
    return list(dict.fromkeys(warnings))


def find_refused(table: str, path: Path, limits: Mapping[str, Any]) -> pa.Table:
    """The rows of a typed draft (which has a `row` number) that break a rule: columns row, rule, sentence, is_primary.

    A row that breaks several rules stands here once for each; the first in the suite's order is the primary one, which
    decides its fate.
    """
    rows: list[int] = []
    rules: list[str] = []
    sentences: list[str] = []
    primary: list[bool] = []
    seen: set[int] = set()
    for frame in _slices(path):
        if frame.empty:
            continue
        for result in _validate(table, frame, limits, only_refusing=True).results:
            meta = result.expectation_config.meta
            if _exceptions(result):
                raise AuditFailed(_describe(table, result))
            for index in (result.result or {}).get("unexpected_index_list") or []:
                row = int(index["row"])
                rows.append(row)
                rules.append(meta["rule"])
                sentences.append(meta["sentence"])
                primary.append(row not in seen)
                seen.add(row)
    schema = pa.schema([("row", pa.int64()), ("rule", pa.string()), ("sentence", pa.string()), ("is_primary", pa.bool_())])
    return pa.table([rows, rules, sentences, primary], schema=schema)
