"""Guards of the reasons beside users' items."""

REASONS = "tests/pipeline/test_reasons.py::"
LARGEST = f"{REASONS}test_the_largest_term_is_named_however_many_users_are_explained_at_once"

MUTATIONS = [
    (
        "a user's own way to see items is left out of a reason",
        "pipeline/reasons.py",
        "beyond = white.shape[1], np.where(there, confidences - 1, 0)",
        "beyond = white.shape[1], np.zeros_like(confidences)",
        f"{REASONS}test_the_terms_of_a_score_add_up_to_it",
    ),
    (
        "the regularisation is left out of a reason",
        "pipeline/reasons.py",
        "regularization * np.eye(factors.shape[1])",
        "1e-6 * np.eye(factors.shape[1])",
        f"{REASONS}test_the_terms_of_a_score_add_up_to_it",
    ),
    (
        "confidence does not count in a reason",
        "pipeline/reasons.py",
        "return near * confidences[:, None, :]",
        "return near",
        f"{REASONS}test_of_two_alike_the_one_that_the_user_cares_for_more_is_named",
    ),
    (
        "a shorter history is explained by what is not in it",
        "pipeline/reasons.py",
        "np.where(there[:, None, :], terms, -np.inf))",
        "terms)",
        LARGEST,
    ),
    (
        "an item that the user met is explained by another",
        "pipeline/reasons.py",
        "np.where(is_itself, np.inf, ",
        "np.where(is_itself, terms, ",
        f"{REASONS}test_an_item_that_the_user_met_is_its_own_only_reason",
    ),
    (
        "a second reference that says little is named",
        "pipeline/reasons.py",
        ">= NEARLY * most",
        ">= 0.0 * most",
        LARGEST,
    ),
    (
        "things of two kinds are named in one reason",
        "pipeline/reasons.py",
        "like & ~is_search",
        "~is_search",
        f"{REASONS}test_two_that_say_nearly_as_much_are_both_named_when_they_are_of_one_kind_and_no_searches",
    ),
    (
        "two searches are named in one reason",
        "pipeline/reasons.py",
        "like & ~is_search[cells][:, None, :]",
        "like",
        f"{REASONS}test_two_that_say_nearly_as_much_are_both_named_when_they_are_of_one_kind_and_no_searches",
    ),
    (
        "an empty place has a reason",
        "pipeline/reasons.py",
        "np.where(lists[block][:, :, None] >= 0, named, -1)",
        "named",
        f"{REASONS}test_a_reference_points_the_same_way_as_the_item_and_an_empty_place_has_none",
    ),
    (
        "reasons refer to what other users did",
        "pipeline/stages/recommend.py",
        "order = order[np.lexsort((columns[order], rows[order]))]",
        "order = order.copy()",
        "tests/pipeline/stages/test_recommend.py::test_reasons_name_what_the_user_did_also_where_pairs_were_hidden",
    ),
    (
        "reasons of a block of users refer to what others did",
        "pipeline/stages/recommend.py",
        "np.searchsorted(rows, (block.start, block.stop))",
        "np.searchsorted(rows, (0, block.stop))",
        "tests/pipeline/stages/test_recommend.py::test_lists_made_block_by_block_are_those_made_all_at_once",
    ),
    (
        "one title is named twice in a sentence",
        "pipeline/serving/explain.py",
        '" and ".join(dict.fromkeys(names))',
        '" and ".join(names)',
        "tests/pipeline/serving/test_serving_read.py",
    ),
]
