"""Stage `prepare`: from the window's events and the catalog to the tables that a model is trained on and lists are filled from."""

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.duck import connect, fetch_table, view_files, write_table
from pipeline.errors import AuditFailed
from pipeline.lake import Work, open_stage
from pipeline.run import Run, StageResult
from pipeline.seeds import EVENT_TYPES, event_types

# What the SQL uses of an event; the shape of the window when no hour in it had events.
EVENT_COLUMNS = {
    "event_id": "varchar",
    "user_id": "varchar",
    "session_id": "varchar",
    "event_type": "varchar",
    "query": "varchar",
    "item_id": "varchar",
    "occurred_at": "timestamptz",
}


def prepare(run: Run) -> StageResult:
    """`interactions`, `query_items`, `popular_items`, `bought`, `holdout` and `unknown_items` as of the hour's end have landed."""
    settings = run.settings
    values = {
        "hour_end": run.end,
        "half_life_hours": settings.half_life_days * 24,
        "link_minutes": settings.link_minutes,
        "max_pair_weight": settings.max_pair_weight,
        "holdout_share": settings.holdout_share,
        "seed": EVENT_TYPES,
    }
    with open_stage(run, "prepare") as work:
        items, own = work.read("items"), work.read("events")
        window = work.read_window("events", settings.window_days * 24)
        with connect(settings, work.folder) as connection:
            view_files(connection, "items", [items], {})
            view_files(connection, "hour_events", [own], {})
            view_files(connection, "window_events", window, EVENT_COLUMNS)
            connection.register("event_types", fetch_table(connection, "event_types", **values))

            def derive(table: str, known_as: str | None = None) -> None:
                write_table(connection, table, work.draft(table), **values)
                view_files(connection, known_as or table, [work.draft(table)], {})

            derive("unknown_items")
            check_unknown_items(work)
            derive("holdout", known_as="held_out")
            derive("linked_events")
            for table in ("query_items", "interactions", "popular_items", "bought"):
                derive(table)
        for table in ("unknown_items", "holdout", "query_items", "popular_items", "bought"):
            work.keep(table)
        work.keep("interactions", kinds=event_types(), most_weight=round(settings.max_pair_weight * 1_000_000))
        work.rows_in = sum(pq.read_metadata(path).num_rows for path in window)
    return work.result()


def check_unknown_items(work: Work) -> None:
    """Events on items in no catalog are counted; raises `AuditFailed` when they are too large a share of the hour."""
    settings = work.run.settings
    named = pq.read_table(work.read("events"), columns=["item_id"])["item_id"]
    named_count = len(named) - named.null_count
    unknown = pq.read_table(work.draft("unknown_items"))
    count = pc.sum(unknown["events"]).as_py() or 0
    work.facts |= {"item_events": named_count, "unknown_item_events": count, "unknown_items": unknown.num_rows}
    if not count:
        return
    share = count / named_count
    sentence = (
        f"{count} of {named_count} events ({share:.1%}) are on {unknown.num_rows} items that are in no catalog, "
        f"first {unknown['item_id'][0].as_py()!r}"
    )
    if named_count >= settings.gate_min_rows and share > settings.unknown_items_limit:
        raise AuditFailed(
            f"{work.run.name}: events: {sentence}; the limit is {settings.unknown_items_limit:.0%}. "
            "Do catalog and events come from the same shop?"
        )
    work.note(f"{sentence}; accepted, not trained on")
