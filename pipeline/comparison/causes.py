"""Why reads failed, what was wrong in those that did not, and what faults had to do with it: from bundles and log alone."""

from collections import Counter
from collections.abc import Iterator

import duckdb
import pyarrow.compute as pc

from pipeline.comparison.service import Measure
from pipeline.duck import fetch_table

# The causes of sql/comparison/failed_reads.sql, from what every start has to what a design does, each in words.
FAILURES = {
    "before any list": "the arm had none yet",
    "no answer": "the server or its database did not answer",
    "reloading": "a run had taken the list away and not loaded it again yet",
    "run died": "a run had taken it away and died before it came again",
    "left out": "the lists leave out somebody of whom there was a history",
    "too new": "the user first acted after the data of the lists",
    "unknown": "the user had never acted",
}


def failures(connection: duckdb.DuckDBPyConnection) -> Iterator[Measure]:
    """The share of all reads that failed by each cause, and of those since the arm's first list the share that failed.

    Needs the tables arm_answers, arm_lists and judged_events in the connection.
    """
    causes = Counter(fetch_table(connection, "comparison/failed_reads")["cause"].to_pylist())
    [(count, since)] = connection.sql(
        "select count(*), count(*) filter (t >= (select min(valid_from) from arm_lists)) from arm_answers"
    ).fetchall()
    for cause in FAILURES:
        yield Measure("failures", "cause", cause, "share", causes[cause] / count if count else None, count)
    failed = causes.total() - causes["before any list"]
    yield Measure("availability", "failed_since_first", "all", "share", failed / since if since else None, since)


def correctness(connection: duckdb.DuckDBPyConnection, k: int) -> Iterator[Measure]:
    """Wrong outputs of all: items that could not be bought when they were shown, and rows wrong when their list came.

    Needs the table arm_lists in the connection.
    """
    connection.register("catalog_states", fetch_table(connection, "comparison/catalog_states"))
    for measure, query, all_of in (("wrong_shown", "shown_rows", "items"), ("wrong_listed", "listed_rows", "rows")):
        found = fetch_table(connection, f"comparison/{query}", k=k)
        count, wrong = (pc.sum(found[name]).as_py() or 0 for name in (all_of, "wrong"))
        yield Measure("correctness", measure, "all", "share", wrong / count if count else None, count)


def meanwhile(connection: duckdb.DuckDBPyConnection) -> Iterator[Measure]:
    """Of the reads from when each fault began until readers were served as before, how many failed, and were stale."""
    rows = connection.sql(
        "select fault, count(outcome), count(*) filter (outcome not in ('good', 'stale')), "
        "count(*) filter (outcome = 'stale') from faults left join arm_answers "
        "on t >= started and t < coalesce(recovered, 'infinity') group by fault order by fault"
    ).fetchall()
    for fault, count, failed, stale in rows:
        yield Measure("recovery", "failed_reads", fault, "reads", float(failed), count)
        yield Measure("recovery", "stale_reads", fault, "reads", float(stale), count)
