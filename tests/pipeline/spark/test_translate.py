"""Queries for DuckDB as Spark SQL: what the engines mean differently by the same words is written out."""

import re
from datetime import UTC, datetime

import pytest
from sql_tables import VALUES, on_spark

from pipeline.duck import read_sql
from pipeline.spark.translate import read_macros, translate


@pytest.mark.parametrize("name", on_spark())
def test_every_query_of_a_stage_that_spark_can_run_is_translated_without_a_word_of_duckdb_alone(name: str) -> None:
    values = {**VALUES, "holdout_share": 0.05, "is_users": True, "fresh_line": 0}
    found = translate(read_sql(name), values).lower()
    called = set(re.findall(r"\b(\w+)\(", found))
    assert not called & {*read_macros(), "md5_number_lower", "nfc_normalize", "epoch_us", "to_seconds", "read_csv"}
    assert "asof" not in found and "by name" not in found and "$" not in found


def test_a_macro_is_written_out_with_what_it_is_given() -> None:
    assert translate("select hour_number(x.y) as z from x", {}) == (
        "SELECT (UNIX_MICROS(((x.y))) DIV 3600000000) AS z FROM x"
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select $at as a", "SELECT CAST('2026-01-01 12:00:00+00:00' AS TIMESTAMP) AS a"),
        ("select $number * 2 as a", "SELECT CAST('0.5' AS DOUBLE) * 2 AS a"),
        ("select 1.5 as a", "SELECT CAST('1.5' AS DOUBLE) AS a"),
        ("select $text as a", r"SELECT 'it\'s' AS a"),
        ("select cast(a * b as bigint) as c from t", "SELECT CAST(BROUND(a * b) AS BIGINT) AS c FROM t"),
        ("select sum(a) as a from t", "SELECT CAST(SUM(a) AS DECIMAL(38, 0)) AS a FROM t"),
        (
            "select sum(a) over (partition by b) as a from t",
            "SELECT CAST(SUM(a) OVER (PARTITION BY b) AS DECIMAL(38, 0)) AS a FROM t",
        ),
        (
            "select arg_max(a, (b, c)) as a from t",
            "SELECT MAX_BY(a, CASE WHEN NOT a IS NULL THEN (b, c) END) AS a FROM t",
        ),
        (
            "select date_diff('second', a, b) as a from t",
            "SELECT UNIX_SECONDS(b) - UNIX_SECONDS(a) AS a FROM t",
        ),
        (
            "select regexp_replace(a, '\\s+', ' ', 'g') as a from t",
            "SELECT REGEXP_REPLACE(a, '[\\\\t\\\\n\\\\f\\\\r ]+', ' ') AS a FROM t",
        ),
        ("select a from t order by a desc", "SELECT a FROM t ORDER BY a DESC"),
        ("select a from t order by a", "SELECT a FROM t ORDER BY a NULLS LAST"),
    ],
)
def test_what_means_something_else_is_written_out(query: str, expected: str) -> None:
    values = {"at": datetime(2026, 1, 1, 12, tzinfo=UTC), "number": 0.5, "text": "it's"}
    assert translate(query, values) == expected


@pytest.mark.parametrize(("comparison", "ends"), [(">=", "x.at < y.holds_until"), (">", "x.at <= y.holds_until")])
def test_an_asof_join_is_a_join_with_spans(comparison: str, ends: str) -> None:
    found = translate(f"select y.b from x asof left join y on x.k = y.k and x.at {comparison} y.at", {})
    spans = "SELECT *, LEAD(y.at) OVER (PARTITION BY y.k ORDER BY y.at) AS holds_until FROM y"
    condition = f"x.k = y.k AND x.at {comparison} y.at AND (y.holds_until IS NULL OR {ends})"
    assert found == f"SELECT y.b FROM x LEFT JOIN ({spans}) AS y ON {condition}"


@pytest.mark.parametrize(
    "query",
    [
        "select a from x union all by name select a from y",
        "select date_diff('day', a, b) as a from t",
        "select regexp_replace(a, 'b', 'c') as a from t",
        "select y.b from x asof join y on y.k = x.k and x.at >= y.at",
    ],
)
def test_what_has_no_translation_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r"no union by name|no translation|the table that is joined"):
        translate(query, {})
