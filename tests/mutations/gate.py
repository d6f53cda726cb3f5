"""Guards of the release gate beside the predecessor: (name, file, old text, new text, the test that goes red)."""

GATE = "tests/pipeline/test_predecessor.py::"
EXAM = "tests/pipeline/test_holdout.py::"
EVALUATE = "tests/pipeline/stages/test_evaluate.py::"

MUTATIONS = [
    (
        "a model worse than its predecessor is published",
        "pipeline/stages/evaluate.py",
        "find_most_gained(ours, theirs, settings.predecessor_limit, seed) >= 0",
        "True",
        GATE + "test_a_bad_model_is_refused_and_the_last_good_version_stays",
    ),
    (
        "lists of few items are published",
        "pipeline/stages/evaluate.py",
        "coverage is None or coverage >= settings.coverage_limit",
        "True",
        GATE + "test_lists_of_few_items_are_refused",
    ),
    (
        "a model that cannot be judged is published",
        "pipeline/stages/evaluate.py",
        "is_judged or hidden < JUDGEABLE_USERS",
        "True",
        GATE + "test_a_model_that_knows_none_of_the_held_out_users_is_refused",
    ),
    (
        "vectors may overflow",
        "pipeline/stages/evaluate.py",
        "if most >= -als.PADDING else",
        "if most >= np.inf else",
        EVALUATE + "test_a_broken_model_lands_nothing_and_nothing_is_recommended_by_it",
    ),
    (
        "few held-out users refuse a model",
        "pipeline/stages/evaluate.py",
        "count >= JUDGEABLE_USERS, few, count",
        "True, few, count",
        GATE + "test_few_held_out_users_are_compared_with_nothing",
    ),
    (
        "chance refuses a model",
        "pipeline/holdout.py",
        "return float(high[0])",
        "return float(gains.mean())",
        EXAM + "test_a_few_misses_more_are_chance_and_many_are_not",
    ),
    (
        "a backfill meets a model of its future",
        "pipeline/predecessor.py",
        "hour = work.run.hour - step * HOUR",
        "hour = work.run.hour + (LOOK_BACK // 2 - step) * HOUR",
        GATE + "test_a_backfill_meets_only_its_own_past",
    ),
    (
        "the predecessor may be of any age",
        "pipeline/predecessor.py",
        "range(1, LOOK_BACK + 1)",
        "range(1, 25)",
        GATE + "test_a_model_whose_tables_have_been_made_anew_or_that_is_too_old_is_none",
    ),
    (
        "a refused model is a predecessor",
        "pipeline/predecessor.py",
        'not work.is_whole("evaluation", hour)',
        'not work.is_whole("item_factors", hour)',
        GATE + "test_a_refused_model_is_nobodys_predecessor",
    ),
    (
        "an hour that could not be published is a predecessor",
        "pipeline/predecessor.py",
        "or is_withheld(work.run, hour)",
        "",
        GATE + "test_an_hour_that_could_not_be_published_is_nobodys_predecessor",
    ),
    (
        "verify asks what has been published since",
        "pipeline/predecessor.py",
        "run.recorded is not None or read_failure",
        "read_failure",
        GATE + "test_an_hour_is_verified_beside_the_predecessor_it_had_and_as_it_was_accepted",
    ),
    (
        "the predecessor is asked with this hour's width",
        "pipeline/predecessor.py",
        'update={"factors": width}',
        "update={}",
        GATE + "test_a_predecessor_of_another_width_is_asked_with_its_own",
    ),
    (
        "why a model was accepted is not kept for it",
        "pipeline/stages/evaluate.py",
        'before and before["inputs"] == work.inputs else ""',
        "False else ''",
        GATE + "test_an_acceptance_holds_for_its_model_alone",
    ),
    (
        "what was accepted once is accepted of any model",
        "pipeline/stages/evaluate.py",
        'before and before["inputs"] == work.inputs else',
        "before else",
        GATE + "test_an_acceptance_holds_for_its_model_alone",
    ),
    (
        "verify forgets what was accepted",
        "pipeline/verify.py",
        "accept = read_acceptance(manifest)",
        'accept = ""',
        GATE + "test_an_hour_is_verified_beside_the_predecessor_it_had_and_as_it_was_accepted",
    ),
    (
        "an accepted model leaves no warning",
        "pipeline/stages/evaluate.py",
        'work.judge("model_accepted", not refused,',
        'work.judge("model_accepted", True,',
        GATE + "test_an_accepted_model_is_published_and_why_stands_everywhere",
    ),
    (
        "hidden items are popular",
        "sql/linked_events.sql",
        "held_out.item_id is null\n        and",
        "true\n        and",
        "tests/pipeline/stages/test_prepare.py::test_no_table_that_is_learnt_from_depends_on_which_item_is_hidden",
    ),
    (
        "what was met is listed",
        "pipeline/holdout.py",
        "exam.k, exam.met(items.ids), never",
        "exam.k, 0 * exam.met(items.ids), never",
        EXAM + "test_figures_by_hand",
    ),
]
