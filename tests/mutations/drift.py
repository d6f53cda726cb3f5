"""Guards of drift, switched off one at a time: (name, file, old text, new text, the test that must fail)."""

DRIFT = "tests/pipeline/test_drift.py::"
PROFILED = "tests/sql/test_profiled_events.py::"

MUTATIONS = [
    (
        "volume never blocks",
        "pipeline/drift.py",
        "not (is_far_off and may_block)",
        "True",
        DRIFT + "test_volume_flips_exactly_at_its_limits_and_an_empty_hour_never_blocks",
    ),
    (
        "volume never warns",
        "pipeline/drift.py",
        "not (is_unusual and may_warn)",
        "True",
        DRIFT + "test_volume_flips_exactly_at_its_limits_and_an_empty_hour_never_blocks",
    ),
    (
        "an empty hour blocks",
        "pipeline/drift.py",
        "may_block = accepted > 0 and ",
        "may_block = ",
        DRIFT + "test_volume_flips_exactly_at_its_limits_and_an_empty_hour_never_blocks",
    ),
    (
        "volume is judged where little is usual",
        "pipeline/drift.py",
        "(usual or 0) >= settings.gate_min_rows\n",
        "True\n",
        DRIFT + "test_a_small_hour_is_not_judged_and_much_where_little_is_usual_only_warns",
    ),
    (
        "one earlier week is enough",
        "pipeline/drift.py",
        "(1, 2, 3, 4)], 2)",
        "(1, 2, 3, 4)], 1)",
        DRIFT + "test_with_fewer_than_two_weeks_the_same_hour_of_the_last_seven_days_is_used_and_below_three_nothing",
    ),
    (
        "hours of the same batch do not count",
        "pipeline/drift.py",
        "known = [ledgers.get(work.run.hour - step) or",
        "known = [",
        DRIFT + "test_hours_that_go_together_find_what_each_finds_by_itself",
    ),
    (
        "chance is not taken off",
        "pipeline/drift.py",
        "max(float(index) - by_chance, 0.0)",
        "max(float(index), 0.0)",
        DRIFT + "test_samples_of_one_distribution_do_not_drift",
    ),
    (
        "few rows are judged",
        "pipeline/drift.py",
        "min(totals(counts)) >= settings.drift_min_rows",
        "True",
        DRIFT + "test_too_little_to_judge_by_passes_without_a_figure",
    ),
    (
        "few reference hours are enough",
        "pipeline/drift.py",
        "references >= MIN_REFERENCES and",
        "",
        DRIFT + "test_too_little_to_judge_by_passes_without_a_figure",
    ),
    (
        "mixes never drift",
        "pipeline/drift.py",
        "index is None or index <= limit",
        "True",
        DRIFT + "test_what_drifted_warns_by_its_own_gate_alone",
    ),
    (
        "null shares never move",
        "pipeline/drift.py",
        'work.judge("null_share_moved", moved is None or moved <= limit',
        'work.judge("null_share_moved", True',
        DRIFT + "test_what_drifted_warns_by_its_own_gate_alone",
    ),
    (
        "click-through never moves",
        "pipeline/drift.py",
        'work.judge("click_through_moved", moved is None or moved <= limit',
        'work.judge("click_through_moved", True',
        DRIFT + "test_what_drifted_warns_by_its_own_gate_alone",
    ),
    (
        "hours are joined across one another",
        "sql/profiled_events.sql",
        "            and taken.delivered_until = session_searches.delivered_until\n",
        "",
        PROFILED + "test_hours_are_joined_each_by_itself",
    ),
    (
        "a user's search is joined however long ago",
        "sql/profiled_events.sql",
        "<= $link_minutes * 60",
        ">= 0 * $link_minutes",
        PROFILED + "test_without_a_session_of_its_own_a_click_joins_the_latest_search_of_its_user_within_the_link_time",
    ),
    (
        "events that stand alone are not listed",
        "sql/unjoined_events.sql",
        "and not is_joined",
        "and false",
        "tests/sql/test_unjoined_events.py",
    ),
]
