"""The gates: what is asked of an hour as a whole, beside the suites, which ask about the rows of one table.

One list, so that the documentation, the report and the serving database name the same gates; `Work.judge` applies them.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning"]
DEFECT = (
    "a defect of the line, or rows that changed on the way: the refused rows can be looked at in the serving database; run "
    "recommend and publish of the hour again"
)
REFUSED = (
    "look for changed settings or data (`interactions`, `event_profile`); mend it and run the hour again, or, if the model "
    "is right, accept it: `treasure-hunt run HOUR --only evaluate,recommend,publish,report --accept WHY`"
)


@dataclass(frozen=True)
class Gate:
    """What is judged (one of `tables`), when it fails (`sentence`) and what a person does about it (`remedy`).

    A critical gate stops the hour: nothing of that stage lands, the last good version keeps serving. A warning is shown.
    Settings are named in braces and filled in for the documentation.
    """

    tables: tuple[str, ...]
    severity: Severity
    sentence: str
    remedy: str


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
        "check `items.sql` and the source, then run the hour again",
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
        "not one delivered item can be used; the nearest earlier snapshot serves",
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
    "tier_lowered": Gate(
        ("interactions",),
        "warning",
        "the window's data cannot carry the full lists: under {min_titled_share:.0%} of the items have a title, under "
        "{min_joined_share:.0%} of the searches led to an item (tier behaviour: what was searched is left out), or fewer "
        "than {min_model_users} users took an item (tier popular: everyone gets the popular list)",
        "nothing at once, simpler lists are published; the note says which rows would lift it. A shop without a search box "
        "sets TREASURE_HUNT_MIN_JOINED_SHARE=0",
    ),
    "model_broken": Gate(
        ("user_factors", "item_factors"),
        "critical",
        "a factor of the model is not finite, all are zero or the same, or so large that a score may be no number",
        "look at the settings of the model and at `interactions`, then run train again",
    ),
    "held_out_users_too_few": Gate(
        ("evaluation",),
        "warning",
        "fewer than 20 users are held out, too few to judge the model by",
        "nothing in a small shop; else raise TREASURE_HUNT_HOLDOUT_SHARE",
    ),
    "figures_undefined": Gate(
        ("evaluation",),
        "critical",
        "20 users or more have a hidden item, but the model knows none of them, or a figure is no number",
        "look at `user_factors` and `holdout` of the hour, then run train again",
    ),
    "model_worse": Gate(
        ("evaluation",),
        "critical",
        "the model finds less than {predecessor_limit:g} times the hidden items that its predecessor finds, from 20 "
        "held-out users up and beyond chance (99% interval over the same users)",
        REFUSED,
    ),
    "model_coverage_collapsed": Gate(
        ("evaluation",),
        "critical",
        "lists of 20 or more held-out users hold fewer than {coverage_limit:g} times the items of the predecessor's lists",
        REFUSED,
    ),
    "model_accepted": Gate(
        ("evaluation",),
        "warning",
        "a model that was refused beside its predecessor was published, because somebody accepted it and said why",
        "nothing; the next hour's model is judged beside this one",
    ),
    "popular_list_better": Gate(
        ("evaluation",),
        "warning",
        "the popular list found more of the held-out items than the model",
        "see `evaluation` of the hours before: if it stays so, look for changed data or settings",
    ),
    "served_lists_worse": Gate(
        ("prequential",),
        "warning",
        "the popular list would have held more of what the hour's users took than the lists they were served, beyond chance",
        "one hour may be odd; if it stays so, see `prequential` of the hours before by slice: changed data or settings, or "
        "lists too old",
    ),
    "rows_lost": Gate(
        ("version",),
        "critical",
        "a table of the version holds other rows in the serving database than were handed over",
        DEFECT,
    ),
    "ranks_broken": Gate(("version",), "critical", "a list of the version does not have the ranks 1 to n", DEFECT),
    "items_repeated": Gate(("version",), "critical", "a list of the version holds an item twice", DEFECT),
    "lists_not_filled": Gate(
        ("version",),
        "critical",
        "a list of the version holds fewer than min({k}, eligible) items: of what is available and not blocked, less the "
        "item itself, or what the user bought in the window",
        DEFECT,
    ),
    "scores_not_finite": Gate(
        ("version",), "critical", "a score of the version is empty, infinite or no number", DEFECT
    ),
    "items_not_in_catalog": Gate(
        ("version",), "critical", "a list names, or belongs to, an item that is not in the version's catalog", DEFECT
    ),
    "items_not_available": Gate(("version",), "critical", "a list names an item that cannot be bought", DEFECT),
    "items_blocked": Gate(("version",), "critical", "a list names an item that a rule of the shop blocks", DEFECT),
    "popular_list_empty": Gate(
        ("version",),
        "critical",
        "the popular list, which answers everybody unknown, is empty",
        "nothing in the catalog can be bought: look at `items` of the hour",
    ),
    "coverage_collapsed": Gate(
        ("version",),
        "critical",
        "users' lists recommend fewer than {coverage_limit:g} times the different items that those of the live version do, "
        "where that has lists of {compare_min_users:,} users and is of the same tier and no newer hour",
        "`treasure-hunt diff` between the last good versions shows what is usual; if a clearance or a new catalog explains "
        "it, lower TREASURE_HUNT_COVERAGE_LIMIT for that hour and run publish again",
    ),
    "lists_churned": Gate(
        ("version",),
        "warning",
        "users with a list in both versions keep on average less than {overlap_limit:.0%} of their top 10, beside the live "
        "version of the same tier and no newer hour, from {compare_min_users:,} such users up",
        "`treasure-hunt diff` shows which items came and went; a new catalog, changed settings of the model, or a source "
        "that sends other users; `treasure-hunt rollback --pin` if the lists are bad",
    ),
}


def say_remedy(gate: str, sentence: str) -> str:
    """What a gate found, and what a person does about it."""
    return f"{sentence}; to do: {GATES[gate].remedy}"
