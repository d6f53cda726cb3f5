"""What `ablation.py` learns from and judges by: weeks of the demonstration shop, and logs cut in two at a date."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.duck import connect, fetch_table
from pipeline.hours import HOUR
from pipeline.seeds import EVENT_TYPES
from pipeline.settings import Settings
from pipeline.shop.simulate import simulate
from pipeline.shop.truth import oracle_lists, wanted_items
from pipeline.shop.world import make_world

K = 20
SEEDS = (3, 4, 5)  # the settings were chosen on 0, 1 and 2
HIDDEN_ITEMS, HIDDEN_USERS = 0.1, 0.15
END = datetime(2026, 3, 1, 13, tzinfo=UTC)
LOGS = {
    "online_retail": ([f"2011-{month:02}-{day}" for month in range(2, 12) for day in ("01", "15")], 7),
    "bestbuy": ([f"2011-{month:02}-{day:02}" for month in (9, 10) for day in range(1, 29, 4)], 3),
}
READ_LOG = {
    "online_retail": """
        select
            'e' || row_number() over (order by "InvoiceDate", "InvoiceNo", "StockCode") as event_id,
            regexp_replace("CustomerID", '\\.0$', '') as user_id, "InvoiceNo" as session_id, 'purchase' as event_type,
            cast(null as varchar) as query, "StockCode" as item_id,
            cast("InvoiceDate" as timestamp) at time zone 'UTC' as occurred_at, "Description" as title
        from read_csv($folder || '/online-retail/*.csv', all_varchar = true)
        where "CustomerID" is not null and "InvoiceNo" not like 'C%'
    """,
    "bestbuy": """
        with clicks as (
            select *, row_number() over () as line from read_csv($folder || '/bestbuy/train.csv', all_varchar = true)
        )
        select
            's' || line as event_id, clicks."user" as user_id, clicks."user" as session_id, 'search' as event_type, query,
            null as item_id, cast(query_time as timestamp) at time zone 'UTC' as occurred_at, null as title
        from clicks
        union all
        select
            'c' || line, clicks."user", clicks."user", 'click', null, sku,
            cast(click_time as timestamp) at time zone 'UTC', names.column1
        from clicks left join read_csv(
            $folder || '/bestbuy/sku_name.tsv', delim = '\\t', header = false, quote = '', all_varchar = true
        ) as names on clicks.sku = names.column0
    """,
}


@dataclass
class Case:
    """What is learnt from, and what the lists are held against; `new` items are those that were listed lately."""

    tables: dict[str, pd.DataFrame]
    sides: Callable[[Settings], pd.DataFrame]
    new: pd.Index
    left_out: dict[str, set[str]]
    wanted: dict[str, dict[str, list[str]]]  # by kind of user
    others: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # lists that stand beside ours


def derive(events: pd.DataFrame, items: pd.DataFrame, end: datetime, settings: Settings) -> tuple[dict, Callable]:
    """The tables of the stage `prepare` with nothing held out, and what gives the side rows for some settings."""
    names = ("half_life_days", "link_minutes", "few_items", "max_pair_weight")
    values: dict[str, Any] = {name: getattr(settings, name) for name in names}
    values |= {"hour_end": end, "half_life_hours": settings.half_life_days * 24, "holdout_share": 0.0}
    values |= {"seed": EVENT_TYPES, "tier": "full"}
    shapes = [(name, pa.timestamp("us", "UTC") if name == "occurred_at" else pa.string()) for name in events.columns]
    shape = [(name, pa.bool_() if name == "is_available" else pa.string()) for name in items.columns]
    given = {
        "own_events": pa.Table.from_pandas(events, pa.schema(shapes), preserve_index=False),
        "items": pa.Table.from_pandas(items, pa.schema(shape), preserve_index=False),
    }
    no_rules = pa.table(
        {"rule": pa.array([], pa.string()), "item_id": pa.array([], pa.string()), "value": pa.array([], pa.float64())}
    )
    with tempfile.TemporaryDirectory() as spill, connect(settings, Path(spill)) as connection:
        connection.register("ruled_items", no_rules)
        connection.register("event_types", fetch_table(connection, "event_types", **values))
        for name, table in given.items():
            connection.register(name, table)
        nobody = pa.table({"actor": pa.array([], pa.string())})
        none_before = given["own_events"].slice(0, 0)  # everything is one hour, whose links look at all of it
        for name, table in (
            ("busy_actors", nobody),
            ("searches_before", none_before),
            ("delivered_before", none_before),
        ):
            connection.register(name, table)
        connection.register("landed_actions", fetch_table(connection, "hour_actions", **values))
        for name, known_as in (("window_actions", "window_actions"), ("holdout", "held_out"), ("actions", "actions")):
            connection.register(known_as, fetch_table(connection, name, **values))
        for name in ("query_items", "interactions", "popular_items", "bought"):
            given[name] = fetch_table(connection, name, **values)
            connection.register(name, given[name])

    def sides(knobs: Settings) -> pd.DataFrame:
        weights = {name: getattr(knobs, name) for name in ("query_rows_weight", "attribute_rows_weight")}
        with tempfile.TemporaryDirectory() as spill, connect(knobs, Path(spill)) as connection:
            for name in ("items", "query_items"):
                connection.register(name, given[name])
            return fetch_table(connection, "side_rows", **weights).to_pandas()

    return {name: table.to_pandas() for name, table in given.items()}, sides


def trade(seed: int, settings: Settings) -> Case:
    """A week of the demonstration shop, and what its users would pick in the hour after it."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/shop.db"
        simulate(url, END - 168 * HOUR, END - HOUR, seed=seed, dirt=0.0)
        names = "event_id, user_id, session_id, event_type, query, item_id, occurred_at"
        events = pd.read_sql(f"select {names} from events", url).drop_duplicates("event_id")
        items = pd.read_sql("select item_id, title, category, brand, is_available, updated_at from catalog", url)
    items = items.sort_values("updated_at").drop_duplicates("item_id", keep="last").drop(columns="updated_at")
    items["is_available"] = items["is_available"].astype(bool)
    events["occurred_at"] = pd.to_datetime(events["occurred_at"], utc=True, format="ISO8601")
    draw = np.random.default_rng(seed)
    ids, people = np.sort(items["item_id"].to_numpy(str)), np.sort(events["user_id"].dropna().unique().astype(str))
    new = pd.Index(np.sort(draw.choice(ids, int(HIDDEN_ITEMS * len(ids)), replace=False)))
    silent = set(draw.choice(people, int(HIDDEN_USERS * len(people)), replace=False))
    hidden = events["item_id"].isin(new) | (events["user_id"].isin(silent) & events["item_id"].notna())
    tables, sides = derive(events[~hidden], items, END, settings)
    owned = tables["bought"].groupby("user_id")["item_id"].agg(set).to_dict()
    world, known = make_world(seed, 2000, 1000), set(tables["interactions"]["user_id"])
    users = sorted(known | silent)
    picks = wanted_items(world, END, users, np.random.default_rng(seed), exclude=owned)
    history = {user: items for user, items in picks.items() if user in known - silent}
    of_new = {user: [item for item in items if item in new] for user, items in history.items()}
    wanted = {
        "history": history,
        "searches only": {user: items for user, items in picks.items() if user in silent},
        "new items": of_new,
        "among new": of_new,
    }
    others = {"oracle": oracle_lists(world, END, users, K, owned)}
    others["popular in segment"] = favourite_categories(tables, new, draw)
    return Case(tables, sides, new, owned, wanted, others)


def favourite_categories(tables: dict[str, pd.DataFrame], new: pd.Index, draw: np.random.Generator) -> dict:
    """New items by how much the user cares for their category, those of one category in an order drawn by lot."""
    category = tables["items"].set_index("item_id")["category"]
    pairs = tables["interactions"]
    shares = pairs["weight"].groupby([pairs["user_id"], pairs["item_id"].map(category)]).sum().unstack(fill_value=0)
    offered = new[category[new].isin(shares.columns) & tables["items"].set_index("item_id")["is_available"][new]]
    scores = shares[category[offered]].to_numpy(float) + draw.random((len(shares), len(offered)))
    best = np.argsort(-scores, axis=1)[:, :K]
    return {user: list(offered[row]) for user, row in zip(shares.index, best, strict=True)}


@cache
def read_log(log: str, folder: str) -> pd.DataFrame:
    """All events of a log, with the title of the item."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        events = connection.execute(READ_LOG[log], {"folder": folder}).df()
    return events.assign(occurred_at=events["occurred_at"].dt.tz_convert("UTC"))


def cut(log: str, date: str, folder: str, settings: Settings) -> Case:
    """A log cut in two at a date."""
    at, days = datetime.fromisoformat(date).replace(tzinfo=UTC), LOGS[log][1]
    everything = read_log(log, folder)
    until = everything[everything["occurred_at"] < at + timedelta(days=days)]
    items = until.dropna(subset="item_id").groupby("item_id", as_index=False)["title"].last()
    items = items.assign(category=None, brand=None, is_available=True)
    first = until.groupby("item_id")["occurred_at"].min()
    new = pd.Index(sorted(first.index[first >= at]))
    after = until[(until["occurred_at"] >= at) & until["item_id"].notna()]
    window = until[(until["occurred_at"] < at) & (until["occurred_at"] >= at - timedelta(days=settings.window_days))]
    silent: set[str] = set()
    hidden = window.iloc[:0]
    if log == "bestbuy":
        people = np.sort(window["user_id"].unique().astype(str))
        silent = set(np.random.default_rng(0).choice(people, int(HIDDEN_USERS * len(people)), replace=False))
        hidden = window[window["user_id"].isin(silent) & window["item_id"].notna()]
    tables, sides = derive(window.drop(index=hidden.index).drop(columns="title"), items, at, settings)
    pairs = tables["interactions"]
    met = pairs[pairs["kind"] != "search"].groupby("user_id")["item_id"].agg(set).to_dict()

    def by_user(rows: pd.DataFrame, users: set[str]) -> dict[str, list[str]]:
        taken = rows[rows["user_id"].isin(users)].groupby("user_id")["item_id"].agg(set).to_dict()
        return {user: sorted(items - met.get(user, set())) for user, items in taken.items()}

    history = by_user(after, set(met))
    of_new = {user: [item for item in items if item in new] for user, items in history.items()}
    wanted = {"history": history, "searches only": by_user(hidden, silent), "new items": of_new, "among new": of_new}
    return Case(tables, sides, new, met, wanted)


def popular_list(case: Case) -> Callable[[str], list[str]]:
    """The popular list without what is left out of a user's."""
    rows = case.tables["popular_items"]
    ranked = rows[rows["segment"] == "all"].sort_values("rank")["item_id"].tolist()

    def of(user: str) -> list[str]:
        gone, kept = case.left_out.get(user, set()), []
        for item in ranked:
            if item not in gone:
                kept.append(item)
            if len(kept) == K:
                break
        return kept

    return of


def make_cases(what: str, folder: str, settings: Settings) -> Iterator[Case]:
    """The cases of the shop or of a log, one after the other."""
    if what == "shop":
        yield from (trade(seed, settings) for seed in SEEDS)
    else:
        yield from (cut(what, date, folder, settings) for date in LOGS[what][0])
