"""Guards of the benchmark and of the model's knobs."""

WORLD, TUNE, JUDGE = "pipeline/benchmark/world.py", "pipeline/benchmark/tune.py", "pipeline/benchmark/judge.py"
TESTS = "tests/pipeline/benchmark/"

MUTATIONS = [
    (
        "settings that are worse than those as they are may be written",
        "pipeline/benchmark/tune.py",
        "    if also:",
        "    if False:",
        "tests/pipeline/test_cli_tune.py::"
        "test_the_settings_as_they_are_are_tried_in_any_case_and_nothing_worse_is_written",
    ),
    (
        "knobs are tuned on what searches only point at",
        "pipeline/cli_tune.py",
        'filters=[("kind", "!=", "search")]',
        "filters=None",
        "tests/pipeline/test_cli_tune.py::test_pairs_are_what_users_did_and_no_hints",
    ),
    (
        "a damaged table is tuned on",
        "pipeline/cli_tune.py",
        'if found is None or hash_file(found[0]) != found[1]["sha256"]:',
        "if found is None:",
        "tests/pipeline/test_cli_tune.py::test_what_cannot_be_tuned_on_is_one_sentence",
    ),
    (
        "what train has may be in the test",
        WORLD,
        "kept = known & ~repeated",
        "kept = known",
        TESTS + "test_world.py::test_what_cannot_be_judged_is_left_out_and_what_train_does_not_know_counts_as_missed",
    ),
    (
        "the search learns from what it judges by",
        TUNE,
        "world = build_world(learnt, hidden, negatives, seed)",
        "world = build_world(train, hidden, negatives, seed)",
        TESTS + "test_tune.py::test_the_search_learns_nothing_from_what_it_judges_by",
    ),
    (
        "what the user met is listed",
        JUDGE,
        "met.indices] = -np.inf",
        "met.indices] += 0",
        TESTS + "test_judge.py::test_lists_leave_out_what_the_user_met_in_train_and_never_repeat",
    ),
    (
        "equals favour the wanted item",
        JUDGE,
        "ordered = np.sort(candidates, axis=1)",
        "ordered = candidates",
        TESTS + "test_judge.py::test_with_candidates_only_these_are_ranked_and_equals_do_not_favour_the_wanted_item",
    ),
    (
        "EASE takes any number of items",
        "pipeline/benchmark/compare.py",
        "if rival.most_items and items > rival.most_items:",
        "if False:",
        TESTS + "test_rivals.py::test_a_rival_is_left_out_of_data_that_it_cannot_bear_and_that_is_said",
    ),
    (
        "trials of other data are taken over",
        TUNE,
        'if row["of"] == fingerprint:',
        "if True:",
        TESTS + "test_tune.py::test_a_search_goes_on_where_it_stopped_and_does_nothing_twice",
    ),
    (
        "regularisation knows no bound",
        "pipeline/als.py",
        "return min(fitting, MOST_HELD_BACK * strength * pairs / lines)",
        "return fitting",
        "tests/pipeline/test_als.py::test_regularisation_never_outweighs_what_an_average_row_carries",
    ),
]
