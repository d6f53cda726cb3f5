"""Guards of what Airflow does when a stage fails or an hour is late."""

ALERTS = "tests/pipeline/test_alerts.py"
DAG = "tests/dags/test_treasure_hunt_hourly.py"
COMPARISON = "tests/dags/test_treasure_hunt_comparison.py"

MUTATIONS = [
    (
        "a run is stopped before it is late",
        "dags/treasure_hunt_hourly.py",
        "max(50, SETTINGS.late_minutes)",
        "50",
        "tests/dags/test_treasure_hunt_hourly.py::test_a_run_may_last_until_it_is_late",
    ),
    (
        "review takes the one slot ahead of evaluate",
        "dags/treasure_hunt_hourly.py",
        '    tasks["recommend"] >> tasks["review"]\n',
        "",
        f"{DAG}::test_tasks_and_edges_are_the_stages_and_review_stands_behind_recommend",
    ),
    (
        "review takes the one slot ahead of publish",
        "dags/treasure_hunt_hourly.py",
        '"priority_weight": 0, ',
        "",
        f"{DAG}::test_a_run_calls_every_stage_once_in_order_for_the_floored_hour",
    ),
    (
        "an hour whose model is refused reviews nothing",
        "dags/treasure_hunt_hourly.py",
        '"trigger_rule": "all_done_min_one_success"',
        '"trigger_rule": "all_success"',
        f"{DAG}::test_an_hour_without_lists_of_its_own_reviews_those_before_and_fails",
    ),
    (
        "a stage that fails for good raises no alarm",
        "dags/treasure_hunt_hourly.py",
        '        "on_failure_callback": tell_failure,\n',
        "",
        f"{DAG}::test_a_stage_that_fails_for_good_raises_an_alarm_and_one_that_is_tried_again_does_not",
    ),
    (
        "refused data is tried again",
        "dags/treasure_hunt_task.py",
        "RetryRule(exception=[DataError, BadInput], action=RetryAction.FAIL",
        "RetryRule(exception=[BadInput], action=RetryAction.FAIL",
        f"{DAG}::test_a_stage_that_fails_for_good_raises_an_alarm_and_one_that_is_tried_again_does_not",
    ),
    (
        "hours that are caught up are late by their date",
        "dags/treasure_hunt_hourly.py",
        "reference=DeadlineReference.DAGRUN_QUEUED_AT",
        "reference=DeadlineReference.DAGRUN_LOGICAL_DATE",
        f"{DAG}::test_an_hour_is_late_by_the_time_since_it_was_queued",
    ),
    (
        "hours of a backfill are called late",
        "pipeline/alerts.py",
        'if run["run_type"] == "backfill":',
        "if False:",
        f"{ALERTS}::test_an_hour_of_a_backfill_is_never_late",
    ),
    (
        "an alarm tells the text of a defect",
        "pipeline/alerts.py",
        'return f"{type(error).__name__}; the log of the task says more."',
        "return str(error)",
        f"{ALERTS}::test_of_a_defect_only_its_kind_is_told",
    ),
    (
        "a webhook that is away fails the task",
        "pipeline/alerts.py",
        "except (OSError, ValueError) as error:",
        "except ValueError as error:",
        f"{ALERTS}::test_a_webhook_that_refuses_hangs_or_is_away_fails_nothing_and_its_address_is_not_told",
    ),
    (
        "a webhook is waited for as long as it likes",
        "pipeline/alerts.py",
        "timeout=WAIT_SECONDS",
        "timeout=60",
        f"{ALERTS}::test_a_webhook_that_refuses_hangs_or_is_away_fails_nothing_and_its_address_is_not_told",
    ),
    (
        "the address of a webhook stands in the log",
        "pipeline/alerts.py",
        'did not take it (%s).", type(error).__name__)',
        'did not take it (%s).", url)',
        f"{ALERTS}::test_a_webhook_that_refuses_hangs_or_is_away_fails_nothing_and_its_address_is_not_told",
    ),
    (
        "alarms go to files",
        "pipeline/alerts.py",
        'if not url.lower().startswith(("http://", "https://")):',
        "if False:",
        f"{ALERTS}::test_an_alarm_is_posted_to_web_addresses_only",
    ),
    (
        "a comparison stands before an hour in the queue",
        "dags/treasure_hunt_comparison.py",
        '        "priority_weight": 0,  # an hour\'s tasks are queued before any of these\n',
        "",
        f"{COMPARISON}::test_it_runs_when_asked_only_one_after_the_other_and_no_hour_waits_for_it",
    ),
    (
        "arms of a comparison run side by side",
        "dags/treasure_hunt_comparison.py",
        "    max_active_tasks=1,\n",
        "",
        f"{COMPARISON}::test_it_runs_when_asked_only_one_after_the_other_and_no_hour_waits_for_it",
    ),
    (
        "a batch that was only made for others is judged",
        "dags/treasure_hunt_comparison_tasks.py",
        'for bundle in list_bundles(asked) if bundle["arm"] in asked["arms"]]',
        "for bundle in list_bundles(asked)]",
        f"{COMPARISON}::test_only_arms_that_were_asked_for_are_judged",
    ),
]
