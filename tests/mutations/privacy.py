"""Guards of pipeline/privacy, and what is expected to go red when one of them is switched off."""

ERASE = "tests/pipeline/privacy/test_privacy_erase.py::"
MUTATIONS = [
    (
        "a stage lands though somebody was erased meanwhile",
        "pipeline/lake.py",
        "            self.check_mark()  # in here, so that an erasure finds what lands before it\n",
        "",
        ERASE + "test_a_stage_that_read_before_and_lands_after_an_erasure_lands_nothing",
    ),
    (
        "evidence of before an erasure is kept",
        "pipeline/lake.py",
        "            self.check_mark()  # the drafts may hold somebody erased meanwhile: they go\n",
        "",
        ERASE + "test_a_stage_that_fails_after_an_erasure_keeps_no_evidence_of_before",
    ),
    (
        "a version is published though somebody was erased meanwhile",
        "pipeline/serving/publish.py",
        "            check()\n",
        "",
        ERASE + "test_a_version_that_was_loaded_while_somebody_was_erased_is_not_published",
    ),
    (
        "no tombstone at ingestion",
        "pipeline/privacy/tombstones.py",
        "    if tombstones is None:",
        "    if True:",
        ERASE + "test_an_erased_user_who_comes_back_brings_no_new_session",
    ),
    (
        "sessions of the user are left alone",
        "pipeline/privacy/people.py",
        "    return pc.or_(named, nameless)",
        "    return named",
        ERASE + "test_who_shares_a_session_with_an_erased_user_keeps_all_rows",
    ),
    (
        "sessions are taken from whoever shares them",
        "pipeline/privacy/people.py",
        'pc.and_(pc.is_null(people["user_id"]), pc.is_in(people["session_id"], value_set=_set(sessions)))',
        'pc.is_in(people["session_id"], value_set=_set(sessions))',
        ERASE + "test_who_shares_a_session_with_an_erased_user_keeps_all_rows",
    ),
    (
        "what was found is not noted before it goes",
        "pipeline/privacy/erase.py",
        "    save_request(settings, request)\n    return Traces",
        "    return Traces",
        ERASE + "test_a_killed_erasure_is_carried_on_by_its_number",
    ),
    (
        "bytes stay in the pages of the database",
        "pipeline/privacy/erase.py",
        "        vacuum(engine, request.touched)\n",
        "",
        ERASE + "test_an_erased_user_is_in_no_byte_and_stays_away_when_all_hours_are_pulled_again[postgresql]",
    ),
    (
        "any key will do",
        "pipeline/privacy/tombstones.py",
        'if found["key"] != hash_name(load_key(settings), "key", ""):',
        "if False:",
        ERASE + "test_tombstones_hold_under_their_own_key_only",
    ),
    (
        "analysts see every query",
        "sql/serving/live_query_recommendations.sql",
        "where query_recommendations.is_common",
        "",
        "tests/pipeline/privacy/test_privacy_analysts.py::test_analysts_see_a_query_from_five_users_up",
    ),
]
