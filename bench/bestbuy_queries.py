"""How well typed queries are answered, on Best Buy's log: `python bench/bestbuy_queries.py FOLDER [hours]`.

FOLDER holds `train.csv` and `test.csv` (user, sku, category, query, click_time, query_time) and `sku_name.tsv`. Learns from
the clicks of train.csv with the queries of `sql/`, answers each query of test.csv, and prints the mean average precision of
the first five answers against the one item that was clicked (MAP@5): once from past clicks alone, as of the start of
the `hours` (default 1) that the query falls into, and once from all of train.csv, weighed by their distance in time on
either side.
"""

import sys
import tempfile
import time
from pathlib import Path

import duckdb

from pipeline.duck import connect, read_sql
from pipeline.settings import Settings, load_settings

LOGS = """
create table clicks as
select normalize_query(query) as query, sku as item_id, epoch(cast(click_time as timestamp)) / 3600 as hour
from read_csv($folder || '/train.csv', all_varchar = true)
where normalize_query(query) is not null;

create table asked as
select normalize_query(query) as query, sku as item_id, epoch(cast(query_time as timestamp)) // 3600 // $hours as slot
from read_csv($folder || '/test.csv', all_varchar = true);

create table items as
select item_id, any_value(title) as title, true as is_available
from (
    select column0 as item_id, column1 as title
    from read_csv($folder || '/sku_name.tsv', delim = '\t', header = false, quote = '', all_varchar = true)
    union all
    select item_id, null from clicks
)
group by item_id;
"""
# A click is worth two searches, as in sql/seeds/event_types.csv; whole millionths.
EVIDENCE = """
create or replace table query_items as
select query, item_id, cast(sum(round(2000000 * pow(0.5, abs(hour - $now) / $half_life_hours))) as bigint) as weight
from clicks
where not $past or hour < $now
group by query, item_id
having weight > 0
"""
LISTED = """
create or replace table listed_queries as
select distinct query from asked where slot = $slot and query is not null
"""
GAINED = """
with ranked as (
    select query, item_id, row_number() over (partition by query order by score desc, item_id asc) as rank from answers
)
select sum(1.0 / ranked.rank)
from asked inner join ranked on asked.query = ranked.query and asked.item_id = ranked.item_id
where asked.slot = $slot and ranked.rank <= 5
"""


def measure(connection: duckdb.DuckDBPyConnection, hours: int, past: bool, settings: Settings) -> float:
    """MAP@5 over all of test.csv."""
    names = ("k", "title_weight", "word_smoothing", "query_smoothing")
    knobs = {name: getattr(settings, name) for name in names}
    answer = "create or replace table answers as " + read_sql("query_answers")
    gained = 0.0
    slots = connection.execute("select slot, count(*) from asked group by slot order by slot").fetchall()
    for slot, _ in slots:
        values = {"now": float(slot * hours), "past": past, "half_life_hours": settings.half_life_days * 24}
        connection.execute(EVIDENCE, values)
        connection.execute(LISTED, {"slot": slot})
        connection.execute(answer, knobs)
        row = connection.execute(GAINED, {"slot": slot}).fetchone()
        gained += float(row[0] or 0) if row else 0.0
    return gained / sum(count for _, count in slots)


def main(folder: str, hours: int) -> None:
    """Print both figures for half-lives of one and two weeks."""
    for half_life_days in (7.0, load_settings().half_life_days):
        settings = load_settings(half_life_days=half_life_days)
        with tempfile.TemporaryDirectory() as spill, connect(settings, Path(spill)) as connection:
            values = {"folder": folder, "hours": hours}
            for statement in LOGS.split(";\n"):
                if statement.strip():
                    used = {name: value for name, value in values.items() if f"${name}" in statement}
                    connection.execute(statement, used)
            for past, said in ((True, "past clicks only"), (False, "all of train.csv")):
                began = time.perf_counter()
                figure = measure(connection, hours, past, settings)
                seconds = time.perf_counter() - began
                print(
                    f"half-life {half_life_days:g} days, {said:<17} MAP@5 {figure:.4f}  ({seconds:.0f} s)", flush=True
                )


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
