"""Guards of the chains of models: (name, file, old text, new text, the test that goes red)."""

CHAIN = "tests/pipeline/test_chain.py::"

MUTATIONS = [
    (
        "who was erased lives on in a model",
        "pipeline/chain.py",
        "    if is_erased(run, before):",
        "    if False:",
        CHAIN + "test_who_was_erased_lives_on_in_no_model",
    ),
    (
        "a chain has no end",
        "pipeline/chain.py",
        ">= run.settings.chain_hours:",
        ">= 1000:",
        CHAIN + "test_a_model_is_learnt_anew_at_midnight_and_after_a_chain_of_so_many",
    ),
    (
        "a shop may grow as it likes",
        "pipeline/chain.py",
        "    if pairs > MOST_GROWTH * learnt:",
        "    if False:",
        CHAIN + "test_a_model_is_learnt_anew_when_there_is_a_quarter_more_to_learn_from",
    ),
    (
        "midnight is an hour like others",
        "pipeline/chain.py",
        "    if run.hour.hour == REFIT_HOUR:",
        "    if False:",
        CHAIN + "test_a_model_is_learnt_anew_at_midnight_and_after_a_chain_of_so_many",
    ),
    (
        "a model of other settings is carried on",
        "pipeline/chain.py",
        "if then.get(one) != now[one]]",
        "if False]",
        CHAIN + "test_a_model_of_other_settings_is_not_carried_on",
    ),
    (
        "a model of another tier is carried on",
        "pipeline/chain.py",
        "    if tiers[0] != tiers[1]:",
        "    if False:",
        CHAIN + "test_a_model_of_another_tier_is_not_carried_on",
    ),
    (
        "news of hours without a model are lost",
        "pipeline/stages/train.py",
        '[work.read("events"), *missed]',
        '[work.read("events")]',
        CHAIN + "test_news_of_hours_without_a_model_are_folded_in_by_the_next_that_has_one",
    ),
    (
        "an unknown item is not folded in",
        "pipeline/model.py",
        "met = unite(rested, fold_in(turned, first, before.scale, settings))",
        "met = rested",
        CHAIN + "test_a_new_user_and_an_item_that_the_model_before_did_not_know_find_their_group",
    ),
    (
        "a backfill judges no model before the next is made",
        "pipeline/line.py",
        'CHAINED = ("train", "evaluate")',
        "CHAINED = ()",
        CHAIN + "test_a_backfill_makes_the_same_chain_as_hours_one_after_the_other",
    ),
    (
        "users who are judged by teach the model",
        "pipeline/model.py",
        'taught = pairs[~pairs["is_examined"]]',
        "taught = pairs",
        "tests/pipeline/test_predecessor.py::test_users_who_are_judged_by_teach_no_model_anything_of_items",
    ),
    (
        "users who are judged by teach an unknown item",
        "pipeline/model.py",
        "first = choose(unite(still, fold_in(busy, rested, before.scale, settings)), pd.Index(taught))",
        "first = unite(still, fold_in(busy, rested, before.scale, settings))",
        "tests/pipeline/test_predecessor.py::test_users_who_are_judged_by_teach_no_unknown_item_anything",
    ),
    (
        "a user who points nowhere is given items by lot",
        "pipeline/stages/recommend.py",
        "    lists = np.where((top.scores > als.PADDING) & points, top.indices, -1)\n    kinds",
        "    lists = np.where(top.scores > als.PADDING, top.indices, -1)\n    kinds",
        "tests/pipeline/stages/test_recommend.py::test_a_user_who_met_nothing_that_the_model_knows_gets_no_item_by_lot",
    ),
    (
        "lists that move without news are not told",
        "pipeline/stages/recommend.py",
        'found["kept"] >= 1 - settings.churn_limit',
        "True",
        CHAIN + "test_users_without_news_keep_their_lists_and_a_warning_says_when_they_do_not",
    ),
]
