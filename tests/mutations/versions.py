"""Guards of versions: of their audit, of attempts that meet, of pins and of what is removed."""

AUDIT = "tests/pipeline/serving/test_serving_audit.py"
OUTCOMES = "tests/pipeline/serving/test_serving_outcomes.py"
ROLLBACK = "tests/pipeline/serving/test_serving_rollback.py"
RETENTION = "tests/pipeline/serving/test_serving_retention.py"
COMPARED = f"{AUDIT}::test_coverage_and_churn_are_judged_beside_the_live_version"

MUTATIONS = [
    (
        "short lists are published",
        "pipeline/serving/audit.py",
        "excess = max(0, int(places or 0) - explained)",
        "excess = 0",
        f"{AUDIT}::test_a_list_that_is_shorter_than_it_can_be_is_refused",
    ),
    (
        "an item's own place is asked of its list",
        "pipeline/serving/audit.py",
        "itself = case((is_eligible, 1), else_=0)",
        "itself = case((catalog.c.is_available, 0), else_=0)",
        f"{AUDIT}::test_beside_an_item_that_is_on_sale_one_place_fewer_is_to_be_filled",
    ),
    (
        "purchases of unavailable items explain empty places",
        "sql/empty_places.sql",
        "where items.is_available\n    group by",
        "group by",
        "tests/sql/test_empty_places.py::test_places_that_purchases_leave_empty_are_counted",
    ),
    (
        "coverage may collapse",
        "pipeline/serving/audit.py",
        "if ratio < limits.coverage_limit else",
        "if False else",
        COMPARED,
    ),
    (
        "churn is not warned of",
        "pipeline/serving/audit.py",
        "said if overlap.kept < limits.overlap_limit else",
        "said if False else",
        COMPARED,
    ),
    (
        "an older hour is compared with a newer one",
        "pipeline/serving/audit.py",
        " and before.interval_start <= version.interval_start",
        "",
        f"{AUDIT}::test_a_version_is_not_compared_with_what_is_no_measure",
    ),
    (
        "a sleeper publishes over its retry of an old hour",
        "pipeline/serving/publish.py",
        "if find_later(connection, version, token) or",
        "if",
        f"{OUTCOMES}::test_a_sleeper_of_an_old_hour_is_superseded_too",
    ),
    (
        "an attempt whose pointer move lost ends well",
        "pipeline/serving/publish.py",
        " or is_overtaken(connection, version, token):",
        ":",
        f"{OUTCOMES}::test_what_a_version_of_an_older_release_lacks_does_not_matter",
    ),
    (
        "a failed attempt supersedes",
        "pipeline/serving/outcome.py",
        ", attempts.c.outcome.in_(SETTLED))",
        ")",
        f"{OUTCOMES}::test_an_attempt_that_failed_supersedes_nobody",
    ),
    (
        "a superseded attempt lands in the lake",
        "pipeline/lake.py",
        "if not work.is_superseded:",
        "if True:",
        "tests/pipeline/serving/test_serving_stage.py::test_a_superseded_attempt_lands_nothing_and_is_no_failure",
    ),
    (
        "a superseded attempt is green in Airflow",
        "dags/treasure_hunt_task.py",
        "if result.is_superseded:",
        "if False:",
        "tests/dags/test_treasure_hunt_hourly.py::test_a_superseded_attempt_is_skipped_and_the_run_is_reported_and_not_red",
    ),
    (
        "the next hour undoes a pin",
        "pipeline/serving/pointer.py",
        ", live.c.pinned_at.is_(None))",
        ")",
        f"{ROLLBACK}::test_a_pinned_version_is_not_undone_by_the_next_hour_until_it_is_unpinned",
    ),
    (
        "a rollback takes the pin away",
        "pipeline/serving/rollback.py",
        "if pin or now.pinned_at:",
        "if pin:",
        f"{ROLLBACK}::test_going_back_further_keeps_the_pin_and_its_reason",
    ),
    (
        "young versions are removed",
        "pipeline/serving/retention.py",
        " and row.published_at < limit",
        "",
        f"{RETENTION}::test_versions_past_the_count_stay_as_long_as_they_are_young",
    ),
    (
        "ways back are removed",
        "pipeline/serving/retention.py",
        " and row.version not in kept",
        "",
        f"{RETENTION}::test_what_is_live_or_pinned_the_one_before_it_and_three_hours_always_stay",
    ),
    (
        "what is being loaded is removed",
        "pipeline/serving/retention.py",
        "begun < now - IN_FLIGHT and",
        "",
        f"{RETENTION}::test_what_a_killed_attempt_left_goes_when_nobody_can_be_loading_it_any_more",
    ),
    (
        "a version that went live meanwhile is removed",
        "pipeline/serving/retention.py",
        "if connection.scalar(pointer) == version:",
        "if False:",
        f"{RETENTION}::test_a_version_that_goes_live_while_old_ones_are_looked_for_stays",
    ),
    (
        "a version that is loaded again is emptied",
        "pipeline/serving/retention.py",
        'return status == "removed" and remove_rows',
        "return remove_rows",
        f"{RETENTION}::test_a_version_that_is_loaded_again_while_it_is_being_emptied_keeps_its_rows",
    ),
    (
        "rows that list an unknown item are counted as items",
        "pipeline/serving/audit.py",
        "case((catalog.c.item_id.is_(None), listed.c.places))",
        "case((catalog.c.item_id.is_(None), 1))",
        f"{AUDIT}::test_broken_version_is_refused_and_the_live_one_stays",
    ),
    (
        "rows that list an item which cannot be had are counted as items",
        "pipeline/serving/audit.py",
        "case((not_(catalog.c.is_available), listed.c.places))",
        "case((not_(catalog.c.is_available), 1))",
        f"{AUDIT}::test_broken_version_is_refused_and_the_live_one_stays",
    ),
    (
        "the last rows that do not fill a statement are lost",
        "pipeline/serving/load.py",
        "_batched(values, len(names), rest)",
        "_batched(values, len(names), 0)",
        "tests/pipeline/serving/test_serving_load.py::test_as_many_rows_arrive_as_there_are_however_many_go_together",
    ),
]
