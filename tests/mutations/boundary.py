"""Guards of the ingestion boundary and its suites."""

BAD = "tests/faults/test_bad_events.py::test_every_bad_event_meets_its_fate"
BOUNDARY = "tests/pipeline/test_boundary.py::"
REPEATED = "tests/sql/test_repeated_events.py::"
AUDIT = "tests/pipeline/test_audit.py::"
ACTIONS, SUMS = "pipeline/actions.py", "tests/pipeline/test_actions.py::"
EVENTS, RULES = "expectations/events.py", "expectations/rules.py"

MUTATIONS = [
    ("nothing is too late", EVENTS, "max_value=(lookback_hours + 1) * 3600", "max_value=10**12", BAD),
    ("nothing is in the future", EVENTS, "min_value=-skew_seconds", "min_value=-(10**12)", BAD),
    ("any type will do", EVENTS, "value_set=event_types,", "value_set=[*event_types, 'veiw', 'clik', 'null', '0'],", BAD),
    ("nobody may act", EVENTS, 'Column("session_id").is_null()', 'Column("session_id") == "nobody"', BAD),
    ("searches without a query pass", EVENTS, 'Column("event_type") == "search"', 'Column("event_type") == "none"', BAD),
    ("clicks on nothing pass", EVENTS, 'Column("event_type") != "search"', 'Column("event_type") == "none"', BAD),
    ("any quantity passes", EVENTS, "max_value=1_000_000", "max_value=2**63", BAD),
    ("any position passes", EVENTS, "max_value=100_000", "max_value=2**63", BAD),
    ("NUL passes", RULES, r"[^\x00]", "[^~]", BAD),
    ("any length passes", RULES, "{{1,{length}}}", "{{1,}}", BAD),
    ("white space is somebody", "sql/macros.sql", "chr(9) || ", "", BAD),
    ("offsets that are none pass", "sql/macros.sql", r"(0\d|1[0-4])", r"\d\d", BAD),
    (
        "another body is a duplicate",
        "pipeline/boundary.py",
        "            refused_rows = add_reused(works, refused_rows)\n",
        "            pass\n",
        BOUNDARY + "test_a_repeated_id_with_another_body_is_refused_and_the_first_delivery_counts",
    ),
    (
        "the row handed over first is the first",
        "sql/repeated_events.sql",
        "ingested_at asc nulls last, ",
        "",
        REPEATED + "test_the_first_is_what_was_taken_in_first_not_what_is_handed_over_first",
    ),
    (
        "what was accepted earlier does not count",
        "sql/repeated_events.sql",
        "least(row, 1) asc, ",
        "",
        REPEATED + "test_what_was_accepted_within_the_look_back_is_the_first_whenever_it_was_taken_in",
    ),
    (
        "keys are unique within a slice only",
        "pipeline/drafts.py",
        "having count(*) > 1",
        "having count(*) > 1_000_000",
        AUDIT + "test_a_key_that_repeats_in_another_slice_is_found",
    ),
    (
        "a repeated key is taken for a unique one",
        "pipeline/drafts.py",
        ".aggregate([])) < len(keys)",
        ".aggregate([])) < 0",
        AUDIT + "test_drafts_are_unique_whose_keys_stand_once_each",
    ),
    (
        "frames are hashed for nobody",
        "pipeline/validation.py",
        "    _hash_nothing()\n    memory",
        "    memory",
        "tests/pipeline/test_validation.py::test_frames_are_not_hashed",
    ),
    (
        "a rule that was altered is judged as it was",
        "pipeline/validation.py",
        "    finally:\n        _said = None\n",
        "    finally:\n        pass\n",
        "tests/pipeline/test_validation.py::test_a_rule_that_was_altered_afterwards_is_judged_as_it_is_now",
    ),
    (
        "duplicates are never too many",
        "pipeline/ledger.py",
        "    work.judge(\"duplicate_share_high\", not (is_judged and share > limit), sentence, share)\n",
        "",
        BOUNDARY + "test_more_duplicates_than_the_limit_are_a_warning_and_as_many_are_none",
    ),
    (
        "rows are named by a reason each",
        "pipeline/ledger.py",
        "reasons if len(reasons) <= MOST_REASONS else {}",
        "reasons",
        BOUNDARY + "test_what_a_source_excludes_is_counted_by_its_reason_unless_there_are_too_many",
    ),
    (
        "an event that landed in two hours counts twice in the window",
        "sql/hour_actions.sql",
        "    where event_id not in (select delivered_before.event_id from delivered_before)\n",
        "",
        "tests/sql/test_hour_actions.py::test_an_event_that_an_hour_before_holds_counts_there",
    ),
    (
        "a click is linked to a search of its user from long ago",
        "sql/hour_actions.sql",
        "<= $link_minutes * 60",
        "<= 1000000",
        "tests/sql/test_hour_actions.py",
    ),
    (
        "hours that landed out of order count a repeated event twice",
        ACTIONS,
        "if not self.is_known(hour, one)]",
        "if False]",
        SUMS + "test_links_and_repeats_do_not_depend_on_the_order_in_which_hours_landed",
    ),
    (
        "sums of an hour stay when an hour before it lands late",
        ACTIONS,
        "[self.hashes.get(one) for one in hours]",
        "[self.hashes.get(hour)]",
        SUMS + "test_a_search_that_lands_late_in_an_hour_before_is_linked_to_then",
    ),
    (
        "sums made with another half-life are taken",
        ACTIONS,
        "EVENT_TYPES.read_text(encoding=\"utf-8\"), self.values]",
        "EVENT_TYPES.read_text(encoding=\"utf-8\")]",
        SUMS + "test_another_setting_makes_other_sums",
    ),
    (
        "a damaged file of sums is read",
        ACTIONS,
        "        pq.read_metadata(path)\n",
        "        path.stat()\n",
        SUMS + "test_a_damaged_file_of_sums_is_made_again",
    ),
    (
        "sums of hours before the window stay",
        ACTIONS,
        "    drop_actions(work.run.lake, until=sums.start - HOUR)\n",
        "",
        SUMS + "test_hours_before_the_window_go",
    ),
    (
        "a whole day is read hour by hour",
        ACTIONS,
        "if hour == day and",
        "if False and",
        SUMS + "test_an_hour_makes_its_own_sums_only_and_a_whole_day_is_summed_once",
    ),
]  # fmt: skip
