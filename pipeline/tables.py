"""Which stage lands which table. A table has one name everywhere: its SQL, Parquet, suite, test and serving table."""

# table: the stage that lands it
PRODUCERS: dict[str, str] = {
    "events": "ingest_events",
    "quarantined_events": "ingest_events",
    "delivered_rows": "ingest_events",
    "items": "ingest_catalog",
    "quarantined_items": "ingest_catalog",
    "unknown_items": "prepare",
    "unjoined_events": "prepare",
    "event_profile": "prepare",
    "interactions": "prepare",
    "holdout": "prepare",
    "bought": "prepare",
    "shop_rules": "prepare",
    "queries": "prepare",
    "query_items": "prepare",
    "popular_items": "prepare",
    "user_factors": "train",
    "item_factors": "train",
    "evaluation": "evaluate",
    "user_recommendations": "recommend",
    "query_recommendations": "recommend",
    "similar_items": "recommend",
    "prequential": "review",
}

# The model's arrays are judged as a model by `evaluate` (finite, not collapsed, compared with popular), not row by row.
JUDGED_BY_EVALUATE = frozenset({"user_factors", "item_factors"})

# What a stage keeps for its own book-keeping: landed and audited like any table, not counted among the rows it gives out.
BOOKKEEPING = frozenset({"delivered_rows"})

# Drafts whose rows are judged on the way and that land nowhere themselves.
PASSING: dict[str, str] = {"repeated_events": "ingest_events"}

# The stages that leave a manifest which says what became of the hour.
LANDING = (*dict.fromkeys(PRODUCERS.values()), "publish")
