"""The queries of sql/, which are written for DuckDB, as Spark SQL: one definition of each table for both engines.

sqlglot turns one dialect into the other; macros are written out where they are called. What follows is what the engines mean
differently by the same words, and is what a parity test of a new query would show.
"""

import csv
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp

from pipeline.duck import read_sql

Change = Callable[[exp.Expression], exp.Expression]

SPARK = "databricks"  # sqlglot's own Spark is older than the one that knows `qualify`
# Text that Spark would fold otherwise: DuckDB turns each character into one, whatever stands beside it.
FOLDED = "Σİ", "σi"
WHITE = r"[\t\n\f\r ]"  # of DuckDB; that of Java holds one character more


def translate(statement: str, values: Mapping[str, Any]) -> str:
    """A query of sql/ as Spark SQL, with the values in place of its `$names`."""
    tree = sqlglot.parse_one(statement, read="duckdb")
    for change in (expand_macro, lambda node: bind(node, values), adapt):
        for node in reversed(list(tree.walk())):  # what is inside first
            changed = change(node)
            if changed is not node:
                node.replace(changed)
    return tree.sql(dialect=SPARK, comments=False)


@cache
def read_macros() -> dict[str, tuple[list[str], exp.Expression]]:
    """The macros of sql/macros.sql: the names of what they are given, and their bodies."""
    macros = {}
    for macro in sqlglot.parse(read_sql("macros"), read="duckdb"):
        if macro is None:
            continue
        head = macro.this
        macros[head.this.name.lower()] = [one.name for one in head.expressions], macro.expression
    return macros


def expand_macro(node: exp.Expression) -> exp.Expression:
    """A call of a macro is its body, in which what it is given stands for the names."""
    known = read_macros().get(node.name.lower()) if isinstance(node, exp.Anonymous) else None
    if known is None:
        return node
    return exp.paren(fill(known[1], dict(zip(known[0], node.expressions, strict=True))).transform(expand_macro))


def fill(body: exp.Expression, given: Mapping[str, exp.Expression]) -> exp.Expression:
    """A copy of an expression in which these stand for the names."""

    def put(part: exp.Expression) -> exp.Expression:
        is_name = isinstance(part, exp.Column) and not part.table and part.name in given
        return exp.paren(given[part.name].copy()) if is_name else part

    return body.copy().transform(put)


def bind(node: exp.Expression, values: Mapping[str, Any]) -> exp.Expression:
    """A `$name` is its value, of the type that DuckDB would give it."""
    if not isinstance(node, exp.Placeholder | exp.Parameter):
        return node
    value = values[node.name]
    if isinstance(value, datetime):
        return sqlglot.parse_one(f"cast('{value.isoformat(sep=' ')}' as timestamptz)", read="duckdb")
    if isinstance(value, float):
        return exp.cast(exp.Literal.string(repr(value)), "double")
    return exp.convert(str(value) if isinstance(value, Path) else value)


def adapt(node: exp.Expression) -> exp.Expression:
    """The same in Spark, where it means something else by the words or has other ones."""
    if isinstance(node, exp.Table) and isinstance(node.this, exp.ReadCSV):
        return adapt_file(node.this.this)
    change = CALLS.get(node.name.lower()) if isinstance(node, exp.Anonymous) else CHANGES.get(type(node))
    return change(node) if change else node


def adapt_sum(node: exp.Expression) -> exp.Expression:
    """Sums of whole numbers have 128 bits, so that their products fit; cast once they are made, not row by row."""
    whole = node.parent if isinstance(node.parent, exp.Window) else node
    return node if whole is not node else exp.cast(node.copy(), "decimal(38, 0)")


def adapt_window(node: exp.Expression) -> exp.Expression:
    """The same for a sum over a window."""
    return exp.cast(node.copy(), "decimal(38, 0)") if isinstance(node.this, exp.Sum) else node


def adapt_arg_max(node: exp.Expression) -> exp.Expression:
    """What is empty is not chosen."""
    ordered = exp.case().when(exp.not_(node.this.copy().is_(exp.null())), node.expression.copy())
    return exp.ArgMax(this=node.this.copy(), expression=ordered)


def adapt_cast(node: exp.Expression) -> exp.Expression:
    """Numbers that were computed are rounded, halves to even, and not cut off."""
    is_computed = isinstance(node.this, exp.Mul | exp.Div | exp.Add | exp.Sub)
    if is_computed and node.to.is_type(*exp.DataType.INTEGER_TYPES):
        return exp.Cast(this=exp.func("bround", node.this.copy()), to=node.to.copy())
    return node


def adapt_literal(node: exp.Expression) -> exp.Expression:
    """Numbers with a point are doubles."""
    return exp.cast(exp.Literal.string(node.name), "double") if node.is_number and not node.is_int else node


def adapt_join(node: exp.Expression) -> exp.Expression:
    """An ASOF join is a join with spans: a row of the right side holds until the next one of its keys."""
    if node.args.get("method") != "ASOF":
        return node
    name = node.this.alias_or_name
    equal: list[exp.Expression] = []
    moments: list[exp.Expression] = []
    for condition in node.args["on"].flatten():
        if condition.right.table != name:
            raise ValueError(f"the right side of a condition is of the table that is joined: {condition.sql()}")
        (equal if isinstance(condition, exp.EQ) else moments).append(condition)
    (later,) = moments
    keys, moment = [one.right.copy() for one in equal], later.right
    ends = exp.Window(
        this=exp.func("lead", moment.copy()), partition_by=keys, order=exp.Order(expressions=[moment.copy()])
    )
    spans = exp.select("*", exp.alias_(ends, "holds_until")).from_(node.this.copy()).subquery(name)
    until = exp.column("holds_until", table=name)
    within = (exp.LTE if isinstance(later, exp.GT) else exp.LT)(this=later.left.copy(), expression=until.copy())
    holds = exp.paren(exp.or_(until.is_(exp.null()), within))
    on = exp.and_(*(one.copy() for one in (*equal, later)), holds)
    return exp.Join(this=spans, side=node.side, kind=node.kind, on=on)


def adapt_union(node: exp.Expression) -> exp.Expression:
    """Columns are united by their places alone."""
    if node.args.get("by_name"):
        raise ValueError("Spark SQL has no union by name: let both sides have the same columns in the same order")
    return node


def adapt_seconds_between(node: exp.Expression) -> exp.Expression:
    """Seconds are counted by the clock's ticks between two moments, not by full ones."""
    if node.unit is None or node.unit.name.upper() != "SECOND":
        raise ValueError(f"no translation of {node.sql(dialect='duckdb')}")
    return exp.func("unix_seconds", node.this.copy()) - exp.func("unix_seconds", node.expression.copy())


def adapt_buckets(node: exp.Expression) -> exp.Expression:
    """Buckets of an hour."""
    if node.this.sql(dialect="duckdb").upper() != "INTERVAL '1' HOUR":
        raise ValueError(f"no translation of {node.sql(dialect='duckdb')}")
    return exp.Anonymous(this="date_trunc", expressions=[exp.Literal.string("HOUR"), node.expression.copy()])


def adapt_pattern(node: exp.Expression) -> exp.Expression:
    """White space is what it is in DuckDB."""
    if node.args.get("modifiers") is None or not node.expression.is_string:
        raise ValueError(f"no translation of {node.sql(dialect='duckdb')}")
    pattern = exp.Literal.string(node.expression.name.replace(r"\s", WHITE))
    return exp.func("regexp_replace", node.this.copy(), pattern, node.args["replacement"].copy(), dialect=SPARK)


def adapt_file(node: exp.Expression) -> exp.Expression:
    """A file of a few rows is the rows themselves."""
    with Path(node.name).open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    return exp.values([tuple(row) for row in rows], alias="seed", columns=head)


def written(text: str) -> Change:
    """A call as this Spark SQL, in which ARG is what the call is given."""

    def change(node: exp.Expression) -> exp.Expression:
        given = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
        return fill(sqlglot.parse_one(text, read=SPARK), {"ARG": given})

    return change


# The lower half of a hash as a number: its bytes from the last to the ninth, as hexadecimal digits.
LOWER_HALF = ", ".join(f"substr(hash, {place}, 2)" for place in range(31, 16, -2))

CHANGES: dict[type[exp.Expression], Change] = {
    exp.ArgMax: adapt_arg_max,
    exp.Cast: adapt_cast,
    exp.DateBin: adapt_buckets,
    exp.DateDiff: adapt_seconds_between,
    exp.Join: adapt_join,
    exp.Literal: adapt_literal,
    exp.Lower: written(f"lower(translate(ARG, '{FOLDED[0]}', '{FOLDED[1]}'))"),
    exp.RegexpReplace: adapt_pattern,
    exp.Sum: adapt_sum,
    exp.Union: adapt_union,
    exp.Window: adapt_window,
}
CALLS: dict[str, Change] = {
    "epoch_us": written("unix_micros(ARG)"),
    "md5_number_lower": written(
        f"element_at(transform(array(md5(ARG)), hash -> cast(conv(concat({LOWER_HALF}), 16, 10) as decimal(20, 0))), 1)"
    ),
    # ICU, which Spark brings along: no Python has to be on the machines that do the work.
    "nfc_normalize": written(
        "case when ARG is not null then reflect('com.ibm.icu.text.Normalizer', 'compose', ARG, false) end"
    ),
    "to_seconds": written("make_dt_interval(0, 0, 0, cast(ARG as decimal(18, 6)))"),
}
