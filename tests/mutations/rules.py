"""Guards of the shop's rules, switched off one at a time: (name, file, old text, new text, the test that goes red)."""

HOURS = "tests/pipeline/stages/test_recommend_rules.py::"
FILE = "tests/pipeline/test_rules.py::"
SHOP = "tests/sql/test_shop_rules.py::"
LISTS = "tests/sql/test_ruled_recommendations.py::"
QUERY = "sql/ruled_recommendations.sql"

MUTATIONS = [
    (
        "a cap gives way as soon as a user's own candidates are of one category",
        "pipeline/ruling.py",
        "    if caps:",
        "    if False:",
        "tests/pipeline/stages/test_recommend_rules.py::test_a_cap_holds_though_all_candidates_are_of_one_category",
    ),
    (
        "what stands in for capped items is all of one category",
        "sql/spare_candidates.sql",
        "of_category.rank <= $largest_cap",
        "of_category.rank <= 1000000",
        "tests/sql/test_spare_candidates.py::"
        "test_each_category_gives_as_many_popular_items_as_the_cap_and_what_has_none_all",
    ),
    (
        "the audit asks for no blocked item",
        "pipeline/serving/audit.py",
        "count = (connection.scalar(held) or 0) if blocked else 0",
        "count = 0",
        HOURS + "test_a_version_that_lists_a_blocked_item_is_refused",
    ),
    (
        "blocked items are eligible for the audit",
        "pipeline/serving/audit.py",
        "    if limits.blocked:\n",
        "    if False:\n",
        HOURS + "test_so_many_items_may_be_blocked_that_lists_are_short",
    ),
    (
        "blocked items are popular",
        "sql/popular_items.sql",
        "where items.is_available and ruled_items.item_id is null",
        "where items.is_available",
        HOURS + "test_what_is_blocked_stands_nowhere_and_lists_are_full_all_the_same",
    ),
    (
        "blocked items are offered",
        "sql/offered_items.sql",
        "where ruled_items.rule = 'block'",
        "where ruled_items.rule = 'blocked'",
        SHOP + "test_what_is_blocked_is_not_offered",
    ),
    (
        "a rule holds at the moment it ends",
        "sql/shop_rules.sql",
        "ends_at > $hour_end",
        "ends_at >= $hour_end",
        SHOP + "test_a_rule_holds_from_its_start_until_before_its_end_as_of_the_end_of_the_hour",
    ),
    (
        "rules of another time hold",
        "sql/ruled_items.sql",
        "shop_rules.is_active\n        and ",
        "",
        SHOP + "test_every_boost_counts_and_rules_of_another_time_and_items_of_no_catalog_do_not",
    ),
    (
        "any window to buy again counts",
        "sql/ruled_items.sql",
        "where preference = 1 or rule not in ('cap', 'rebuy')",
        "where true",
        SHOP + "test_the_line_that_says_most_exactly_what_it_is_about_counts",
    ),
    (
        "what was bought comes back at once",
        "sql/owned_items.sql",
        "or bought.last_at >",
        "or bought.last_at <",
        SHOP + "test_what_was_bought_longer_ago_than_a_rule_says_may_be_shown_again_and_the_rest_never",
    ),
    (
        "a boost pushes negative scores down",
        QUERY,
        "else candidates.score / coalesce(boosts.factor, 1)",
        "else candidates.score * coalesce(boosts.factor, 1)",
        LISTS + "test_boosts_of_one_item_multiply_and_a_negative_score_rises_too",
    ),
    (
        "a cap leaves lists short",
        QUERY,
        "where in_category.part > 0\n",
        "where in_category.part > 0 and coalesce(in_category.number <= caps.value, true)\n",
        LISTS + "test_a_cap_gives_way_before_a_list_is_left_short",
    ),
    (
        "more fresh items than their share",
        QUERY,
        "ordered.is_fresh as is_excess",
        "false as is_excess",
        LISTS + "test_fresh_items_have_their_share_of_a_list_evenly_spread_and_no_more",
    ),
    (
        "every user is shown the same fresh items",
        QUERY,
        "(md5_number_lower(steps.user_id) % steps.length + steps.step)",
        "steps.step",
        LISTS + "test_fresh_items_take_turns_among_users",
    ),
    (
        "what a user owns is pinned",
        QUERY,
        "and items.is_available and bought.item_id is null",
        "and items.is_available",
        LISTS + "test_what_a_user_owns_is_pinned_for_others_only",
    ),
    (
        "an hour that ran takes the file as it stands",
        "pipeline/ruling.py",
        "landed = None if run.repull else",
        "landed = None if True else",
        HOURS + "test_an_hour_keeps_its_rules_until_it_is_pulled_again",
    ),
    (
        "rules are verified with the file as it stands",
        "pipeline/ruling.py",
        "lake=run.history or run.lake",
        "lake=run.lake",
        HOURS + "test_an_hour_is_verified_with_the_rules_that_it_was_made_with",
    ),
    (
        "two pins of one rank",
        "pipeline/rules.py",
        'held.setdefault(("rank", line["value"]), []).append(line)',
        "pass",
        FILE + "test_a_line_that_cannot_be_meant_is_named",
    ),
]
