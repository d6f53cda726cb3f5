"""Stage `review`: the lists that readers had during the hour, scored against what users did in it.

What decides are the tables of this hour and of the one whose lists are scored, and nothing that was learnt since: the
lists of the latest earlier hour that has any, which is what readers had if it was published at once. Nothing waits for
what it finds, and lists are published whatever it finds.
"""

from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import prequential
from pipeline.duck import connect, fetch_table, load_files, view_files
from pipeline.hours import HOUR, format_hour
from pipeline.lake import Work, open_stage
from pipeline.run import Run, StageResult

LOOK_BACK = 24  # hours in which lists are looked for: older ones say little of the line
RECENT = 6  # hours whose events make the list `recent`
LAST_ITEMS = 3  # of a user, for the list `item_knn`
LONGEST = 20  # items of a list that are scored
# Of the hour whose lists are scored; the first of them is looked for, the others are what it was made from.
BEFORE = ("user_recommendations", "similar_items", "popular_items", "interactions", "holdout", "bought")
RECENT_COLUMNS = {
    "user_id": "varchar",
    "session_id": "varchar",
    "event_type": "varchar",
    "item_id": "varchar",
    "occurred_at": "timestamptz",
}


def review(run: Run) -> StageResult:
    """`prequential` has landed: what lists of an earlier hour were worth to the users of this one; empty without any."""
    with open_stage(run, "review") as work:
        before = find_lists(work)
        if before is None:
            work.note(f"no hour of the {LOOK_BACK} before this one has lists: there is nothing to score")
            rows = pd.DataFrame(columns=list(prequential.COLUMNS)).astype(prequential.COLUMNS)
        else:
            rows = score_lists(work, before)
        pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), work.draft("prequential"), compression="zstd")
        work.keep("prequential")
        if before is not None:
            say(work, rows, before)
    return work.result()


def find_lists(work: Work) -> datetime | None:
    """The latest hour before this one, within LOOK_BACK, whose lists stand in the lake with all they were made from."""
    hours = (work.run.hour - step * HOUR for step in range(1, LOOK_BACK + 1))
    return next((hour for hour in hours if work.is_whole(BEFORE[0], hour)), None)


def score_lists(work: Work, before: datetime) -> pd.DataFrame:
    """Rows of `prequential` for the lists of hour `before`, beside simpler ones, against what users took in this hour."""
    k = min(work.run.settings.k, LONGEST)
    recent = [path for step in range(RECENT, 0, -1) for path in work.read_hour("events", work.run.hour - step * HOUR)]
    with connect(work.run.settings, work.folder) as connection:
        for table in BEFORE:
            view_files(connection, table, work.read_hour(table, before, even_empty=True))
        load_files(connection, "recent_events", recent, RECENT_COLUMNS)
        view_files(connection, "hour_events", [work.read("events")])
        view_files(connection, "items", [work.read("items")])
        taken = fetch_table(connection, "wanted_items")
        connection.register("wanted_items", taken)
        listed = fetch_table(connection, "lists_before", k=k, last_items=LAST_ITEMS)
        popular = fetch_table(connection, "listable_items").to_pandas()
    wanted = taken.to_pandas()
    users = pd.Index(wanted["user_id"].unique())
    work.rows_in = len(wanted)
    work.facts = {"lists_of": format_hour(before), "age_hours": (work.run.hour - before) // HOUR, "users": len(users)}
    catalog = prequential.Catalog(
        popular["score"].to_numpy(np.float64), pd.factorize(popular["category"], use_na_sentinel=True)[0]
    )
    shown = prequential.arrange(listed.to_pandas(), users, k)
    seed = int(work.run.hour.timestamp()) // 3600
    return prequential.score(shown, wanted, users, catalog, work.facts["age_hours"], seed)


def say(work: Work, rows: pd.DataFrame, before: datetime) -> None:
    """Note how the served lists did beside the popular one; too few users are said, and nothing of them but the count."""
    count, least = work.facts["users"], prequential.MIN_USERS
    if count < least:
        work.note(f"only {count} users took a known item, too few to score lists by; from {least} on there are figures")
        return
    overall = rows[(rows["slice"] == "all") & (rows["k"] == rows["k"].max())]
    figures = {(row.list, row.metric): row for row in overall.itertuples()}
    ours, popular, gain = (
        figures[key] for key in (("served", "recall"), ("popular", "recall"), ("served", "recall_gain"))
    )
    work.facts |= {"recall": ours.value, "popular_recall": popular.value}
    told = (
        f"lists of {format_hour(before)}: recall@{ours.k} {ours.value:.3f} (95 % {ours.low:.3f} to {ours.high:.3f}), "
        f"popular list {popular.value:.3f}, {count} users"
    )
    work.note(told)
    sentence = f"prequential: the popular list would have served the users of this hour better, beyond chance: {told}"
    work.judge("served_lists_worse", gain.high >= 0, sentence, gain.value)
