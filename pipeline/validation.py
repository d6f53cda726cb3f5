"""Great Expectations itself, which this module and the suites import, late: its import costs seconds.

A stage that audits nothing must not pay for it.
"""

import logging
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

# While rules are judged, what each expectation says of itself, by its id; it is kept too, so that no other takes its id.
_said: dict[int, tuple[Any, Any]] | None = None


def silence_library() -> None:
    """Great Expectations, imported after this, does not log a line for each of its parts."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    if hasattr(sys.modules["__main__"], "__file__") or hasattr(sys, "ps1"):
        return
    # It imports pyspark where that is installed, which takes a process whose main module is no file (a task of Airflow,
    # `python -c`), and that nobody types into, for its own doctests, and ends it.
    sys.ps1 = ""
    try:
        import great_expectations  # noqa: F401
    finally:
        del sys.ps1


@cache
def open_context() -> Any:
    """Great Expectations with all stores in memory: nothing is written, nothing is sent."""
    silence_library()
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig

    _ask_once()
    _hash_nothing()
    memory = {"class_name": "InMemoryStoreBackend"}
    kinds = {
        "expectations": "ExpectationsStore",
        "validation_results": "ValidationResultsStore",
        "checkpoints": "CheckpointStore",
        "validation_definition_store": "ValidationDefinitionStore",
    }
    return gx.get_context(  # type: ignore[call-overload]  # its overloads leave out `mode` beside `project_config`
        mode="ephemeral",
        project_config=DataContextConfig(
            config_version=4.0,
            analytics_enabled=False,
            expectations_store_name="expectations",
            validation_results_store_name="validation_results",
            checkpoint_store_name="checkpoints",
            stores={name: {"class_name": kind, "store_backend": memory} for name, kind in kinds.items()},
            data_docs_sites={},
            progress_bars={"globally": False, "metric_calculations": False},  # type: ignore[arg-type]
        ),
    )


@cache
def _batch_definition(context: Any) -> Any:
    source = context.data_sources.add_pandas("lake")
    return source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("slice")


def _ask_once() -> None:
    """An expectation makes its configuration once for as long as rules are judged.

    The library asks for it anew for every keyword of every metric, which took a fifth of an hour of a small shop.
    """
    from great_expectations.expectations.expectation import Expectation

    kind: Any = Expectation
    make = kind.configuration.fget

    def configuration(self: "Expectation") -> Any:
        if _said is None:
            return make(self)
        known = _said.get(id(self))
        if known is None:
            known = _said[id(self)] = self, make(self)
        return known[1]

    kind.configuration = property(configuration)


def _hash_nothing() -> None:
    """No frame is hashed for a fingerprint that nobody reads, which took a third of an audit: a table's hash stands in its
    manifest.
    """
    from great_expectations.execution_engine import pandas_execution_engine

    pandas_execution_engine.hash_pandas_dataframe = lambda _frame: ""


def validate(
    table: str, frame: "pd.DataFrame", expectations: "Sequence[Expectation]", with_rows: bool = False
) -> "list[ExpectationValidationResult]":
    """What Great Expectations finds of each of these expectations in a frame, with the places of rows if asked for."""
    global _said
    from great_expectations import ExpectationSuite
    from great_expectations.validator.v1_validator import Validator

    # Not `batch.validate`, which fetches the batch a second time.
    validator = Validator(
        batch_definition=_batch_definition(open_context()),
        batch_parameters={"dataframe": frame},
        result_format={
            "result_format": "COMPLETE" if with_rows else "BASIC",
            "include_unexpected_rows": False,
        },
    )
    _said = {}
    try:
        result = validator.validate_expectation_suite(ExpectationSuite(name=table, expectations=[*expectations]))
    finally:
        _said = None
    return list(result.results)
