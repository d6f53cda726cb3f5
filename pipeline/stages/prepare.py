"""Stage `prepare`: the tables that a model is trained on and lists are filled from, out of the window's events."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.actions import load_window
from pipeline.drift import PROFILE_REFERENCES, judge_profile
from pipeline.engine import choose_engine
from pipeline.lake import Work, keep_together, open_stages
from pipeline.ruling import count_popular, find_rules
from pipeline.run import Run, StageResult
from pipeline.seeds import EVENT_TYPES, event_types
from pipeline.tiers import FULL, POPULAR, Tier, choose_tier

# What the profile uses of an event; the shape of the reference hours when none of them had events.
PROFILE_COLUMNS = {
    "event_id": "varchar",
    "user_id": "varchar",
    "session_id": "varchar",
    "event_type": "varchar",
    "query": "varchar",
    "item_id": "varchar",
    "occurred_at": "timestamptz",
    "lag_seconds": "bigint",
    "quantity": "bigint",
    "position": "bigint",
}

TABLES = (
    "unknown_items",
    "unjoined_events",
    "event_profile",
    "holdout",
    "queries",
    "query_items",
    "interactions",
    "popular_items",
    "bought",
    "shop_rules",
)


def prepare(run: Run) -> StageResult:
    """The tables that lists are made from have landed: what users did as of the end of the hour, in TABLES."""
    return prepare_of_hours([run])[0]


def prepare_of_hours(runs: Sequence[Run]) -> list[StageResult]:
    """The same for several hours at once, which costs less than one by one; none lands when one is refused."""
    settings = runs[0].settings
    most_weight = round(settings.max_pair_weight * 1_000_000)
    limits = {"interactions": {"kinds": event_types(), "most_weight": most_weight}}
    with open_stages(runs, "prepare") as works:
        for work in works:
            derive_tables(work)
        for table in TABLES:
            keep_together(works, table, **limits.get(table, {}))
    return [work.result() for work in works]


def derive_tables(work: Work) -> None:
    """Draft all tables of the hour, each with its query in sql/; later ones use earlier ones, and what only leads to them
    stays in memory.
    """
    run, settings = work.run, work.run.settings
    values = {
        "hour_end": run.end,
        "half_life_hours": settings.half_life_days * 24,
        "link_minutes": settings.link_minutes,
        "few_items": settings.few_items,
        "max_actor_events": settings.max_actor_events,
        "max_pair_weight": settings.max_pair_weight,
        "holdout_share": settings.holdout_share,
        "seed": EVENT_TYPES,
    }
    items, own = work.read("items"), work.read("events")
    references = [path for step in PROFILE_REFERENCES for path in work.read_hour("events", run.hour - step)]
    engine = choose_engine(settings)
    with engine.connect(settings, work.folder) as connection:
        engine.view_files(connection, "items", [items])
        engine.view_files(connection, "hour_events", [own])
        engine.load_files(connection, "reference_events", references, PROFILE_COLUMNS)
        connection.register("event_types", engine.fetch_table(connection, "event_types", **values))
        busy = load_window(work, engine, connection, **values)

        def derive(table: str, known_as: str | None = None) -> None:
            engine.write_table(connection, table, work.draft(table), **values)
            engine.view_files(connection, known_as or table, [work.draft(table)])

        check_busy_actors(work, busy)
        engine.make_table(connection, "profiled_events", **values)
        for table in ("unknown_items", "unjoined_events", "event_profile"):
            derive(table)
        count_unjoined(work)
        check_unknown_items(work)
        judge_profile(work, len(references))
        derive("bought")
        derive("holdout", known_as="held_out")
        engine.make_table(connection, "actions", **values)
        tier = choose_tier(engine.fetch_table(connection, "tier_figures").to_pylist()[0], settings)
        state_tier(work, tier)
        values["tier"] = tier.name
        if tier.name == POPULAR:  # without a model there is nothing to judge by, so nothing is hidden
            values["holdout_share"] = 0.0
            derive("holdout", known_as="held_out")
            engine.make_table(connection, "actions", **values)
        engine.drop_table(connection, "window_actions")  # in a large shop as much memory again as what is made from it
        connection.register("rule_lines", find_rules(work))
        derive("shop_rules")
        ruled = engine.fetch_table(connection, "ruled_items")
        connection.register("ruled_items", ruled)
        for table in ("queries", "query_items", "interactions", "popular_items"):
            derive(table)
        count_popular(work, engine, connection, ruled, **values)


def check_busy_actors(work: Work, busy: pa.Table) -> None:
    """Actors that are no person stand in the manifest, as counts, and are a warning."""
    count, events = busy.num_rows, pc.sum(busy["events"]).as_py() or 0
    work.facts["busy_actors"] = {"actors": count, "events": events}
    most = work.run.settings.max_actor_events
    actors = f"{count} actor{'s' * (count != 1)}"
    sentence = f"events: {actors} made more than {most:,} events each in the window, {events:,} in all; not learnt from"
    work.judge("actor_too_busy", not count, sentence, float(events))


def state_tier(work: Work, tier: Tier) -> None:
    """The tier stands in the manifest; a lower one is a warning that says why, and which rows would lift it."""
    work.facts["tier"] = asdict(tier)
    work.judge("tier_lowered", tier.name == FULL, f"tier {tier.name}: {tier.why}; {tier.lifted_by}")


def count_unjoined(work: Work) -> None:
    """The hour's events that stand alone are figures of their own: searches without a click, events on unknown items."""
    reasons = Counter(pq.read_table(work.draft("unjoined_events"), columns=["reason"])["reason"].to_pylist())
    kinds = pq.read_table(work.read("events"), columns=["event_type"])["event_type"]
    searches = pc.sum(pc.equal(kinds, "search")).as_py() or 0
    work.facts["unjoined"] = {
        "searches": searches,
        "searches_without_click": reasons["search_without_click"],
        "item_events": len(kinds) - searches,
        "unknown_item_events": reasons["unknown_item"],
        "unknown_items": pq.read_metadata(work.draft("unknown_items")).num_rows,
    }
    if reasons["search_without_click"]:
        work.note(f"{reasons['search_without_click']:,} of {searches:,} searches led to no item: unjoined")


def check_unknown_items(work: Work) -> None:
    """Raises `AuditFailed` when events on items in no catalog are too large a share of the hour's."""
    settings, figures = work.run.settings, work.facts["unjoined"]
    count, named_count = figures["unknown_item_events"], figures["item_events"]
    unknown = pq.read_table(work.draft("unknown_items"))
    share = count / named_count if named_count else 0.0
    first = f", first {unknown['item_id'][0].as_py()!r}" if count else ""
    sentence = (
        f"{count} of {named_count} events ({share:.1%}) are on {unknown.num_rows} items that are in no catalog{first}"
    )
    work.judge(
        "unknown_items_share_too_high",
        named_count < settings.gate_min_rows or share <= settings.unknown_items_limit,
        f"events: {sentence}; the limit is {settings.unknown_items_limit:.0%}",
        share,
    )
    if count:
        work.note(f"{sentence}; accepted, not trained on")
