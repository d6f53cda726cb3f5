"""The gates of what is delivered: of the sources, their events and catalogs, and how these move from hour to hour."""

from pipeline.gate import Gate

GATES: dict[str, Gate] = {
    "contract_types_changed": Gate(
        ("events", "items"),
        "warning",
        "a column of the source has another type than its contract says",
        "nothing is guessed: values are read as text, and a row that cannot be read is refused; if the type is to stay, "
        "change `sql/sources/<name>/contract.csv`",
    ),
    "contract_columns_new": Gate(
        ("events", "items"),
        "warning",
        "the source has a column that its contract does not name; it is ignored",
        "add it to `sql/sources/<name>/contract.csv`, and to the SELECT if it is of use",
    ),
    "contract_columns_missing": Gate(
        ("events", "items"),
        "critical",
        "a column, table or file that the source's contract names is missing, or was renamed; nothing is pulled",
        "ask the source's owner; adapt `sql/sources/<name>/`: the SELECT and `contract.csv`",
    ),
    "malformed_share_high": Gate(
        ("events", "items"),
        "warning",
        "more than {malformed_warn_limit:.0%} of the delivered rows are malformed, from {gate_min_rows:,} events or "
        "{catalog_min_rows:,} items up; rows that the source itself excludes do not count",
        "look at `treasure-hunt quarantine list`; tell the source's owner",
    ),
    "malformed_share_too_high": Gate(
        ("events",),
        "critical",
        "more than {malformed_limit:.0%} of the delivered rows are malformed, from {gate_min_rows:,} rows up",
        "mend the source, map its words in its mapping.csv, or raise TREASURE_HUNT_MALFORMED_LIMIT, then "
        "run the hour again with --repull",
    ),
    "duplicate_share_high": Gate(
        ("events",),
        "warning",
        "more than {duplicate_warn_limit:.0%} of the delivered rows have been delivered before, from {gate_min_rows:,} rows "
        "up; each counts once",
        "find out who sends twice: a client that retries, or an export that overlaps",
    ),
    "catalog_missing": Gate(
        ("items",),
        "critical",
        "the hour's catalog cannot be used, for the reason that is named, and none of the 30 days before can serve",
        "check `items.sql` and the source, or begin with an hour that has a catalog, then run the hour again",
    ),
    "catalog_unreadable": Gate(
        ("items",),
        "warning",
        "the catalog's file is missing, damaged, or not what its checksum says; the nearest earlier snapshot serves",
        "have the file delivered again, then run the hour again with --repull",
    ),
    "catalog_empty_delivered": Gate(
        ("items",),
        "warning",
        "not one delivered item can be used; the nearest earlier snapshot serves (an hour for which a source of files has "
        "none is not this: it is noted)",
        "check `items.sql` and the source, then run the hour again with --repull",
    ),
    "catalog_from_the_future": Gate(
        ("items",),
        "warning",
        "the source took its snapshot after the hour's end; the nearest earlier one serves, if there is one",
        "nothing for a source that only knows today's catalog; else check `snapshot_at` in its `items.sql`",
    ),
    "catalog_malformed": Gate(
        ("items",),
        "warning",
        "more than {malformed_limit:.0%} of the delivered items are malformed, from {catalog_min_rows:,} up; the nearest "
        "earlier snapshot serves",
        "mend the source, or raise TREASURE_HUNT_MALFORMED_LIMIT, then run the hour again with --repull",
    ),
    "catalog_truncated": Gate(
        ("items",),
        "warning",
        "more than {catalog_drop_limit:.0%} of the items that the nearest earlier snapshot had are missing, from "
        "{catalog_min_rows} items up; that snapshot serves",
        "mend the source; if so many items really went, raise TREASURE_HUNT_CATALOG_DROP_LIMIT; then run the hour again "
        "with --repull",
    ),
    "catalog_stale": Gate(
        ("items",),
        "warning",
        "the catalog in use is more than {catalog_stale_hours:g} hours old at the end of the hour",
        "find out why the source delivers no newer one",
    ),
    "prices_jumped": Gate(
        ("items",),
        "warning",
        "the price of an item is more than {price_jump_factor:g} times, or less than 1/{price_jump_factor:g} of, what it "
        "was in the nearest earlier snapshot",
        "look at the items; tell the source's owner",
    ),
    "unknown_items_share_too_high": Gate(
        ("unknown_items",),
        "critical",
        "more than {unknown_items_limit:.0%} of the hour's events name an item in no catalog, from {gate_min_rows:,} events "
        "up",
        "check that events and catalog come from the same shop, then run the hour again with --repull",
    ),
    "volume_far_off": Gate(
        ("events",),
        "critical",
        "the hour has fewer than {volume_block_low:g} or more than {volume_block_high:g} times the accepted events of the "
        "hours like it (median of the same weekday and hour of the last 4 weeks, or of the same hour of the last 7 days), "
        "where {gate_min_rows:,} are usual; of one actor at most so many count; an hour without events never blocks",
        "look whether the source lost or repeats rows, mend it and run the hour again with --repull; if the day is like "
        "that, raise TREASURE_HUNT_VOLUME_BLOCK_HIGH or lower _LOW for it",
    ),
    "volume_unusual": Gate(
        ("events",),
        "warning",
        "the hour has fewer than {volume_warn_low:g} or more than {volume_warn_high:g} times the accepted events of the "
        "hours like it, and it or they have {gate_min_rows:,}",
        "a holiday, a campaign or a bot; else ask the source's owner",
    ),
    "actor_too_busy": Gate(
        ("events",),
        "warning",
        "a user, or a session without one, made more than {max_actor_events:,} events in the window: a bot, or one id for "
        "many people; its events are accepted and counted, and nothing is learnt from them",
        "nothing for a bot; a source that gives many people one id should leave it empty",
    ),
    "event_types_drifted": Gate(
        ("event_profile",),
        "warning",
        "the mix of event types moved by more than {psi_limit:g} (PSI beyond chance) from the same hour of the last 7 days",
        "see which type grew or shrank in `event_profile`: a client that sends another type, or none",
    ),
    "queries_drifted": Gate(
        ("event_profile",),
        "warning",
        "the mix of queries, in 32 hashed buckets, moved by more than {psi_limit:g}",
        "a season, a campaign, or one client that searches for all",
    ),
    "categories_drifted": Gate(
        ("event_profile",),
        "warning",
        "the mix of categories of the items that events are on moved by more than {psi_limit:g}",
        "see which category grew or shrank in `event_profile`: a page that is down, or a campaign",
    ),
    "null_share_moved": Gate(
        ("event_profile",),
        "warning",
        "the share of events without user, session, position (clicks), quantity (purchases) or a search before them (all "
        "but searches) moved by more than {null_share_limit:.0%} beyond chance; columns that every event needs are judged "
        "as malformed rows",
        "a client lost a field: tell its owner",
    ),
    "click_through_moved": Gate(
        ("event_profile",),
        "warning",
        "the share of searches that led to an item moved by more than {click_through_limit:.0%} of its usual value, "
        "beyond chance",
        "clicks are not logged, sessions broke, or the search shows other results",
    ),
}
