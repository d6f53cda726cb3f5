"""Guards of the sources and of what an hour delivers: switched off one by one, each must turn its test red."""

DELIVERY = "tests/pipeline/test_delivery.py"
DATABASE = "tests/pipeline/test_database_source.py"
CONTRACT = "tests/pipeline/test_contract.py"
FOLDERS = "tests/sources/test_folder_sources.py"

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
    (
        "nobody asks for the contract",
        "pipeline/boundary.py",
        "    if difference is None:\n        return\n",
        "    return\n",
        f"{CONTRACT}::test_a_renamed_column_stops_the_hour_before_anything_is_pulled[sqlite]",
    ),
    (
        "missing columns only warn",
        "pipeline/gates_of_events.py",
        '"contract_columns_missing": Gate(\n        ("events", "items"),\n        "critical",',
        '"contract_columns_missing": Gate(\n        ("events", "items"),\n        "warning",',
        f"{CONTRACT}::test_a_renamed_column_stops_the_hour_before_anything_is_pulled[sqlite]",
    ),
    (
        "types are not compared",
        "pipeline/sources/contract.py",
        "if kind in TYPES and kind != line.type",
        "if False and kind != line.type",
        f"{CONTRACT}::test_a_changed_type_is_said_and_values_stay_what_they_were",
    ),
    (
        "floats are taken for ids however large",
        "sql/macros.sql",
        "abs(try_cast(value as double)) < 9007199254740992",
        "abs(try_cast(value as double)) < 1e300",
        f"{FOLDERS}::test_one_parquet_file_never_makes_floats_of_the_ids_of_another",
    ),
    (
        "a broken line of JSON stops the file",
        "sql/sources/json_folder/events.sql",
        "ignore_errors = true",
        "ignore_errors = false",
        f"{FOLDERS}::test_a_line_that_is_no_json_is_refused_and_counted",
    ),
    (
        "a bucket that is not there is an empty one",
        "pipeline/sources/storage.py",
        "if not storage.exists(str(prefix.parts[0])):",
        "if False:",
        f"{FOLDERS}::test_a_missing_bucket_is_named",
    ),
    (
        "a file without a checksum is read where checksums are required",
        "pipeline/sources/files.py",
        "        require_sums(folder, files, listed)",
        "        pass",
        "tests/pipeline/test_checksums.py::"
        "test_where_checksums_are_required_no_file_is_read_without_and_none_with_a_flipped_or_missing_byte[csv]",
    ),
    (
        "checksums are required of files that nobody knows",
        "pipeline/sources/read.py",
        "if run.settings.require_checksums and not relations:",
        "if False:",
        "tests/pipeline/test_checksums.py::"
        "test_where_checksums_are_required_no_file_is_read_without_and_none_with_a_flipped_or_missing_byte[csv]",
    ),
    (
        "checksums of pages are not looked at",
        "pipeline/checksums.py",
        "page_checksum_verification=True",
        "page_checksum_verification=False",
        "tests/pipeline/test_checksums.py::"
        "test_parquet_with_checksums_in_its_pages_is_refused_or_read_right_with_any_flipped_or_missing_byte[snappy]",
    ),
]
