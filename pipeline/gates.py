"""The gates: what is asked of an hour as a whole, beside the suites, which ask about the rows of one table.

One list, so that the documentation, the report and the serving database name the same gates; `Work.judge` applies them.
"""

from pipeline import gates_of_events
from pipeline.gate import Gate

DEFECT = (
    "a defect of the line, or rows that changed on the way: the refused rows can be looked at in the serving database; run "
    "recommend and publish of the hour again"
)
REFUSED = (
    "look for changed settings or data (`interactions`, `event_profile`); mend it and run the hour again, or, if the model "
    "is right, accept it: `treasure-hunt run HOUR --only evaluate,recommend,publish,report --accept WHY`"
)

GATES: dict[str, Gate] = {
    **gates_of_events.GATES,
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
    "lists_unsteady": Gate(
        ("user_recommendations",),
        "warning",
        "users who did nothing in the hour have on average more than {churn_limit:.0%} of other items in their top 10 "
        "than the hour before, from {compare_min_users:,} such users up",
        "usual when rules of the shop or the catalog change much, and by the first model of a day in a young shop; else see "
        "what `train` did and why, and `treasure-hunt diff`",
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
