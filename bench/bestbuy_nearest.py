"""How queries without a list of their own are answered, on Best Buy's log: `python bench/bestbuy_nearest.py FOLDER`.

FOLDER holds what bench/bestbuy_queries.py reads. Every query that two users typed in the learning part gets a list, as
the pipeline makes it; those that are asked afterwards and have none are answered by the nearest list, or the popular one.
Prints, by how near the nearest is, how many there are and the mean average precision of the first five items against the
one that was clicked (MAP@5), beside that of the popular list; first on train.csv alone, learning from its first 60 and
80 % by time and asking the rest, which is what the threshold was chosen on; then train.csv and test.csv.
"""

import sys
import tempfile
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import duckdb
from bestbuy_queries import LOGS

from pipeline import nearest
from pipeline.duck import connect, read_sql
from pipeline.settings import Settings, load_settings

EVIDENCE = """
create or replace table query_items as
select query, item_id, cast(sum(round(2000000 * pow(0.5, ($until - hour) / $half_life_hours))) as bigint) as weight
from clicks
where hour < $until
group by query, item_id
having weight > 0;

create or replace table listed_queries as
select query, count(distinct user_id) >= $common as is_common
from clicks
where hour < $until
group by query
having count(distinct user_id) >= $listed;
"""
CHOSEN = nearest.LEAST_LIKENESS
STEPS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.01)


def learn(connection: duckdb.DuckDBPyConnection, until: float, settings: Settings) -> dict[str, list[str]]:
    """The first five answers of every query with a list, from the clicks before `until`; of "" the popular items."""
    values = {
        "until": until,
        "half_life_hours": settings.half_life_days * 24,
        "common": settings.min_analyst_users,
        "listed": settings.min_query_users,
    }
    for statement in filter(str.strip, EVIDENCE.split(";\n")):
        connection.execute(statement, {name: value for name, value in values.items() if f"${name}" in statement})
    names = ("k", "title_weight", "word_smoothing", "query_smoothing")
    knobs = {name: getattr(settings, name) for name in names}
    answered = f"select query, item_id from ({read_sql('query_answers')}) order by query, score desc, item_id"
    lists: dict[str, list[str]] = defaultdict(list)
    for query, item in connection.execute(answered, knobs).fetchall():
        lists[query] += [item] if len(lists[query]) < 5 else []
    popular = "select item_id from query_items group by item_id order by sum(weight) desc, item_id limit 5"
    lists[""] = [item for (item,) in connection.execute(popular).fetchall()]
    return lists


def tell(said: str, lists: dict[str, list[str]], listed: list[tuple[str, bool]], asked: list[tuple[str, str]]) -> None:
    """Print the figures of one way to learn and ask."""
    known = nearest.NearQueries()
    known.learn(listed)
    known.weigh()
    own = [precision(lists[query], item) for query, item in asked if query in known.known]
    new = [(known.find(query), item) for query, item in asked if query not in known.known]
    print(f"{said}: {len(listed):,} lists; MAP@5 of the {len(own):,} that have one {mean(own):.3f}")
    popular = mean([precision(lists[""], item) for _, item in new])
    print(f"  {len(new):,} of {len(asked):,} have none ({len(new) / len(asked):.1%}): popular {popular:.3f}")
    for low, high in pairwise(STEPS):
        found = [(meant, item) for meant, item in new if meant and low <= meant.likeness < high]
        print(f"    likeness {low:.1f} to {min(high, 1):.1f}: {figures(lists, found)}")
    found = [(meant, item) for meant, item in new if meant and meant.likeness >= CHOSEN]
    common = sum(meant.is_common for meant, _ in found)
    rest = [precision(lists[""], item) for meant, item in new if not meant or meant.likeness < CHOSEN]
    after = mean([precision(lists[meant.query], item) for meant, item in found] + rest)
    print(f"  matched: {figures(lists, found)}; {common:,} by a common one; all that have none {after:.3f}", flush=True)


def figures(lists: dict[str, list[str]], found: list[tuple[nearest.Nearest, str]]) -> str:
    """How many, and MAP@5 of both ways to answer them."""
    by_nearest = mean([precision(lists[meant.query], item) for meant, item in found])
    return f"{len(found):,}, nearest {by_nearest:.3f}, popular {mean([precision(lists[''], i) for _, i in found]):.3f}"


def precision(answer: list[str], item: str) -> float:
    """One over the item's place among the five."""
    return 1 / (answer.index(item) + 1) if item in answer else 0.0


def mean(marks: list[float]) -> float:
    """0 of nothing."""
    return sum(marks) / max(len(marks), 1)


def main(folder: str) -> None:
    """Print the figures of train.csv cut by time, then those of test.csv."""
    settings = load_settings()
    nearest.LEAST_LIKENESS = 0.0
    with tempfile.TemporaryDirectory() as spill, connect(settings, Path(spill)) as connection:
        logs = LOGS.replace("query,", "query, user as user_id,", 1)
        for statement in filter(str.strip, logs.split(";\n")):
            values = {"folder": folder, "hours": 1}
            connection.execute(statement, {name: value for name, value in values.items() if f"${name}" in statement})
        for share in (0.6, 0.8, 1.0):
            row = connection.execute("select quantile_cont(hour, $share) from clicks", {"share": share}).fetchone()
            until = row[0] + 1e-6 if row else 0.0
            lists = learn(connection, until, settings)
            listed = connection.execute("select query, is_common from listed_queries order by query").fetchall()
            tested = "select query, item_id from asked where query is not null"
            rest = f"select query, item_id from clicks where hour >= {until}"
            asked = connection.execute(rest if share < 1 else tested).fetchall()
            said = f"first {share:.0%} of train.csv, asked the rest" if share < 1 else "train.csv, asked test.csv"
            tell(said, lists, listed, asked)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
