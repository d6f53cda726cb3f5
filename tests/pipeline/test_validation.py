"""Great Expectations as it is used here: what it is spared, and that it finds the same."""

import great_expectations.expectations as gxe
import pandas as pd
import pytest
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from expectations.rules import rule
from pipeline.validation import open_context, validate

FRAME = pd.DataFrame({"item_id": ["a", None, "c"], "price": [1.0, -1.0, 3.0]})


def suite() -> list[Expectation]:
    return [
        rule(gxe.ExpectColumnValuesToNotBeNull, "missing", "no id", column="item_id"),
        rule(gxe.ExpectColumnValuesToBeBetween, "below", "a price below", column="price", min_value=0),
        rule(gxe.ExpectColumnValuesToBeBetween, "above", "a price above", column="price", max_value=2),
    ]


def found(rules: list[Expectation]) -> dict[str, list[int]]:
    results = validate("items", FRAME, rules, with_rows=True)
    return {one.expectation_config.meta["rule"]: one.result["unexpected_index_list"] for one in results}


def test_rules_of_one_kind_are_told_apart_and_what_they_find_is_of_their_own() -> None:
    assert found(suite()) == {"missing": [1], "below": [1], "above": [2]}


def test_a_configuration_is_made_once_while_rules_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    open_context()
    made: list[str] = []
    make = ExpectationConfiguration.__init__

    def count(self: ExpectationConfiguration, *given: object, **named: object) -> None:
        made.append("")
        make(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ExpectationConfiguration, "__init__", count)
    found(suite())
    assert len(made) < 30 * len(
        suite()
    )  # one of each object that the library makes of a rule; 150 of a rule without this


def test_frames_are_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[object] = []
    monkeypatch.setattr(pd.util, "hash_pandas_object", lambda frame, **_: hashed.append(frame) or frame)
    assert found(suite()) == {"missing": [1], "below": [1], "above": [2]}
    assert not hashed


def test_a_rule_that_was_altered_afterwards_is_judged_as_it_is_now() -> None:
    rules = suite()
    assert found(rules)["below"] == [1]
    rules[1].min_value = 2  # type: ignore[attr-defined]
    assert rules[1].configuration.kwargs["min_value"] == 2
    assert found(rules)["below"] == [0, 1]
