"""Guards of the answers to queries, switched off one at a time: (name, file, old text, new text, the test that fails)."""

ANSWERS = "tests/sql/test_query_answers.py::"
FILE = "sql/query_answers.sql"

MUTATIONS = [
    (
        "words say nothing",
        FILE,
        "inner join heard on asked.word = heard.word",
        "inner join heard on cast(asked.number as varchar) = heard.word",
        ANSWERS + "test_a_query_nobody_took_anything_after_borrows_from_its_words",
    ),
    (
        "titles say nothing",
        FILE,
        "cast($title_weight * 1000000 as bigint) as weight",
        "cast(0 * $title_weight as bigint) as weight",
        ANSWERS + "test_an_item_that_nobody_took_is_found_by_its_title",
    ),
    (
        "numbers are mended like words",
        FILE,
        "and not regexp_matches(words.word, '\\p{N}')",
        "and true",
        ANSWERS + "test_a_rare_word_one_letter_off_a_common_one_is_read_as_that_and_a_number_never",
    ),
    (
        "common words are mended",
        FILE,
        "and coalesce(vocabulary.weight, 0) < 6000000",
        "and true",
        ANSWERS + "test_a_rare_word_one_letter_off_a_common_one_is_read_as_that_and_a_number_never",
    ),
    (
        "unavailable items take the places of what answers",
        FILE,
        "where items.is_available\n),\n\n-- How much",
        "),\n\n-- How much",
        ANSWERS + "test_what_is_not_available_takes_no_place_among_what_speaks_for_a_word",
    ),
    (
        "unavailable items are found by their title",
        FILE,
        "where items.is_available\n    group by items.item_id, items.title",
        "group by items.item_id, items.title",
        ANSWERS + "test_answers_are_different_available_items_with_shares_that_add_up_to_one_at_most",
    ),
    (
        "the query itself counts for nothing",
        FILE,
        "(answered.taken + $query_smoothing * answered.share)\n",
        "(0 * answered.taken + $query_smoothing * answered.share)\n",
        ANSWERS + "test_the_more_people_took_after_a_query_the_less_its_words_matter",
    ),
    (
        "only queries that led somewhere have a list",
        "pipeline/stages/recommend.py",
        'typed = typed[typed["searchers"] >= settings.min_query_users].sort_values("query")',
        'typed = typed[typed["searchers"] >= settings.min_query_users].sort_values("query").iloc[:0]',
        "tests/pipeline/stages/test_recommend.py::test_a_query_after_which_nobody_took_anything_has_a_list_of_its_words",
    ),
    (
        "items that are a little less likely than the best are no answer",
        FILE,
        "likeliest.likelihood - 22000000",
        "likeliest.likelihood - 2",
        ANSWERS + "test_an_item_that_nobody_took_is_found_by_its_title",
    ),
]
