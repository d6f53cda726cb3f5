"""Guards of reading: the contract, the API."""

LISTS = "tests/pipeline/serving/test_serving_lists.py"
API = "tests/pipeline/api/test_api.py"

MUTATIONS = [
    (
        "a read goes on with a version that is no longer live",
        "pipeline/serving/lists.py",
        "if rows and rows[0][0] == pinned.version:",
        "if rows:",
        f"{LISTS}::test_an_answer_comes_from_the_version_that_is_live_when_it_is_read",
    ),
    (
        "what fills an own list stands before the session's searches",
        "sql/serving/served_list.sql",
        "when reason = '[\"popular\"]' then 4 ",
        "when reason = '[\"popular\"]' then 1 ",
        f"{LISTS}::test_searches_of_the_session_stand_behind_what_the_user_met_and_before_what_fills_up",
    ),
    (
        "an item stands in a list twice",
        "sql/serving/served_list.sql",
        "where occurrence = 1",
        "where occurrence > 0",
        f"{LISTS}::test_any_well_formed_read_is_answered_in_full_from_one_version",
    ),
    (
        "an item is shown beside itself",
        "sql/serving/served_list.sql",
        "and candidates.item_id is distinct from cast($item as text)",
        "",
        f"{LISTS}::test_items_without_similar_ones_get_their_category_and_delisted_ones_have_a_list",
    ),
    (
        "titles are remembered without end",
        "pipeline/serving/lists.py",
        "if len(pinned.titles) + len(wanted or ()) <= KEPT_TITLES else {}",
        "",
        f"{LISTS}::test_titles_that_reasons_name_are_right_and_their_memory_is_bounded",
    ),
    (
        "an answer is never called stale",
        "pipeline/serving/lists.py",
        "age > self.stale_after)",
        "False)",
        f"{LISTS}::test_an_answer_is_stale_past_the_limit_and_not_before",
    ),
    (
        "a NUL reaches the database",
        "pipeline/serving/contract.py",
        'if "\\0" in text:',
        "if False:",
        f"{LISTS}::test_text_that_no_database_takes_is_refused_with_one_sentence",
    ),
    (
        "any key opens the API",
        "pipeline/api/guards.py",
        "if not key or hmac.compare_digest(given, key.encode()):",
        "if not key or given:",
        f"{API}::test_key_is_asked_for_when_one_is_set",
    ),
    (
        "callers may ask as often as they like",
        "pipeline/api/guards.py",
        "return 0.0 if allowed else",
        "return 0.0 if True else",
        f"{API}::test_rate_is_limited_for_each_caller",
    ),
    (
        "a path that is no text names somebody else",
        "pipeline/api/app.py",
        "return refusal or check_text(scope)",
        "return refusal",
        f"{API}::test_malformed_input_is_422_with_one_sentence",
    ),
    (
        "readers of the API may write",
        "pipeline/serving/pooled.py",
        'connection.execute("pragma query_only = on")',
        "pass",
        f"{API}::test_connections_cannot_write",
    ),
    (
        "a silent database holds its readers for ever",
        "pipeline/api/desk.py",
        "            self.watch.cut_hung(2 * self.patience)\n",
        "",
        f"{API}::test_while_the_database_is_away_the_popular_list_is_served_and_soon_after_all_lists",
    ),
]
