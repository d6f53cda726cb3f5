"""Guards of the sources and of what an hour delivers: switched off one by one, each must turn its test red."""

DELIVERY = "tests/pipeline/test_delivery.py"
DATABASE = "tests/pipeline/test_database_source.py"

MUTATIONS = [
    (
        "no look-back",
        "pipeline/delivery.py",
        "range(-first.run.settings.pull_lookback_hours, 0)",
        "range(0)",
        f"{DELIVERY}::test_a_late_row_of_a_landed_hour_is_delivered_by_the_next_and_counted",
    ),
    (
        "rows delivered before are delivered again",
        "sql/delivered_events.sql",
        "when is_looked_back_on then not (is_delivered_before or is_delivered_after)",
        "when is_looked_back_on then true",
        f"{DELIVERY}::test_a_late_row_of_a_landed_hour_is_delivered_by_the_next_and_counted",
    ),
    (
        "an hour pulled again takes what a later one delivered",
        "sql/delivered_events.sql",
        "when is_own then not is_delivered_after",
        "when is_own then true",
        f"{DELIVERY}::test_an_hour_pulled_again_does_not_take_back_what_a_later_one_delivered",
    ),
    (
        "rows of hours that never landed are taken",
        "sql/delivered_events.sql",
        "and list_contains(cast($landed_hours as timestamptz[]), date_trunc('hour', belongs_at))",
        "and $landed_hours is not null",
        "tests/sql/test_delivered_events.py::test_rows_of_hours_that_never_landed_are_left_to_their_own_run",
    ),
    (
        "verify takes the news",
        "sql/delivered_events.sql",
        "when $is_again then is_delivered_again",
        "when $is_again and false then is_delivered_again",
        f"{DELIVERY}::test_an_hour_verifies_whatever_became_visible_since",
    ),
    (
        "rows of no hour are dropped in silence",
        "pipeline/delivery.py",
        'if count["misplaced"]:',
        "if False:",
        "tests/pipeline/test_source.py::"
        "test_rows_that_belong_to_no_hour_that_was_asked_for_are_refused_and_counted[yesterday]",
    ),
    (
        "a locator may stand twice",
        "expectations/delivered_rows.py",
        'unique_together("locator"),',
        "",
        "tests/expectations/test_delivered_rows.py::test_a_locator_stands_once",
    ),
    (
        "each statement sees another moment",
        "pipeline/sources/database.py",
        'isolation_level="REPEATABLE READ"',
        'isolation_level="READ COMMITTED"',
        f"{DATABASE}::test_a_second_statement_sees_the_same_moment",
    ),
    (
        "a source can be written to",
        "pipeline/sources/database.py",
        "postgresql_readonly=True",
        "postgresql_readonly=False",
        f"{DATABASE}::test_a_source_cannot_be_written_to",
    ),
    (
        "nobody hangs up on a silent server",
        "pipeline/sources/database.py",
        "self.line.shutdown(socket.SHUT_RDWR)",
        "pass",
        f"{DATABASE}::test_a_server_that_goes_silent_is_given_up_in_time[100000]",
    ),
    (
        "a statement may take for ever",
        "pipeline/sources/database.py",
        'for name in ("statement_timeout", "idle_in_transaction_session_timeout"):',
        'for name in ("idle_in_transaction_session_timeout",):',
        f"{DATABASE}::test_a_statement_that_takes_too_long_is_cancelled_at_the_server",
    ),
    (
        "an empty text is read as nothing",
        "pipeline/sources/database.py",
        "quoted_strings_can_be_null=False",
        "quoted_strings_can_be_null=True",
        f"{DATABASE}::test_copied_text_is_what_it_was",
    ),
]
