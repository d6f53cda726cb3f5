"""Guards of freshness, the probe and the pages that show them."""

PROBE, AGES = "tests/pipeline/test_probe.py", "tests/pipeline/report/test_ages.py"
VIEW, TRENDS = "tests/pipeline/serving/test_freshness_by_hour.py", "tests/pipeline/report/test_trends.py"

MUTATIONS = [
    (
        "a stale version passes for fresh",
        "pipeline/probe.py",
        "if old <= limit.total_seconds():",
        "if old <= 2 * limit.total_seconds():",
        f"{PROBE}::test_the_live_version_is_fresh_up_to_the_limit_and_stale_past_it[sqlite]",
    ),
    (
        "a clock set back makes data younger than 0",
        "pipeline/probe.py",
        "old = max((now - cutoff).total_seconds(), 0.0)",
        "old = (now - cutoff).total_seconds()",
        f"{PROBE}::test_a_clock_that_was_set_back_makes_nothing_younger_than_0[sqlite]",
    ),
    (
        "the probe answers for another arm",
        "pipeline/probe.py",
        'if (row["source"], row["arm"]) == (source, arm)), None)',
        "), None)",
        f"{PROBE}::test_another_source_or_arm_does_not_count[sqlite]",
    ),
    (
        "the probe waits for a mute database",
        "pipeline/probe.py",
        "thread.join(seconds)",
        "thread.join()",
        f"{PROBE}::test_a_database_that_takes_the_call_and_says_nothing_is_given_up_in_time",
    ),
    (
        "a wrong setting ends the probe as stale",
        "pipeline/cli_probe.py",
        "except TreasureHuntError as error:",
        "except ZeroDivisionError as error:",
        f"{PROBE}::test_a_wrong_setting_cannot_tell_rather_than_call_it_stale",
    ),
    (
        "landing the same bytes again makes them younger",
        "pipeline/stopwatch.py",
        '"landed_first_at": known if known and is_same else now',
        '"landed_first_at": now',
        f"{AGES}::test_the_same_bytes_landed_again_are_as_old_as_before",
    ),
    (
        "other bytes keep the moment of those before",
        "pipeline/stopwatch.py",
        '"landed_first_at": known if known and is_same else now',
        '"landed_first_at": known or now',
        f"{AGES}::test_other_bytes_of_the_hour_wait_for_a_version_of_their_own",
    ),
    (
        "a version made again makes an hour older",
        "pipeline/report/ages.py",
        "next((moment for moment in moments if moment >= landed)",
        "next((moment for moment in reversed(moments) if moment >= landed)",
        f"{AGES}::test_the_first_version_after_the_landing_counts_and_a_later_one_changes_nothing",
    ),
    (
        "backfilled hours burn the objective",
        "sql/serving/freshness_by_hour.sql",
        "when judged.is_backfilled then null",
        "when false then null",
        f"{VIEW}::test_an_hour_published_more_than_a_day_after_its_end_is_not_judged[sqlite]",
    ),
    (
        "an hour without a version does not burn the objective",
        "sql/serving/freshness_by_hour.sql",
        "when judged.version is null and judged.accepted > 0 then true",
        "when false then true",
        f"{VIEW}::test_an_hour_of_which_nothing_was_published_missed_it[sqlite]",
    ),
    (
        "the burn counts every hour there ever was",
        "pipeline/serving/freshness.py",
        "view.interval_start > newest - timedelta(days=BURN_DAYS)",
        "view.interval_start <= newest",
        f"{VIEW}::test_the_burn_counts_the_judged_hours_of_seven_days_and_of_one_arm[sqlite]",
    ),
    (
        "an item of one user is shown",
        "sql/sample_lists.sql",
        "    having count(*) >= $least_users\n),",
        "),",
        "tests/sql/test_sample_lists.py::test_an_item_that_too_few_of_a_group_are_shown_is_left_out",
    ),
    (
        "damaged events fail the report",
        "pipeline/stages/report.py",
        'except duckdb.Error:\n        work.note(f"warning: events of',
        'except ZeroDivisionError:\n        work.note(f"warning: events of',
        "tests/pipeline/stages/test_report.py::"
        "test_events_that_cannot_be_read_any_more_leave_the_report_without_their_ages[sqlite]",
    ),
    (
        "a backfilled hour stretches the chart",
        "pipeline/report/briefs.py",
        'return None if freshness.get("is_backfilled") else ',
        "return ",
        f"{TRENDS}::test_a_backfilled_hour_is_no_point_of_the_freshness_chart",
    ),
]
