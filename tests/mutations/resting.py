"""Guards of lists that rest, switched off one at a time: (name, file, old text, new text, the test that fails)."""

FILE = "pipeline/resting.py"
QUERY = "sql/resting_users.sql"
LISTS = "tests/pipeline/test_resting.py::"
ITEMS = "sql/resting_items.sql"
USERS = "tests/sql/test_resting_users.py::"
SIMILAR = "tests/sql/test_resting_items.py::"

MUTATIONS = [
    (
        "the list of who has another vector rests",
        FILE,
        "still = Factors(vectors.ids[is_same], vectors.vectors[is_same])",
        "still = Factors(vectors.ids[is_same | True], vectors.vectors)",
        LISTS + "test_lists_that_rest_are_what_would_be_computed",
    ),
    (
        "what can be had again comes into no list that rests",
        FILE,
        "scores.max(axis=1) >= lowest",
        "scores.max(axis=1) >= np.inf * lowest",
        LISTS + "test_what_can_be_had_no_more_leaves_lists_and_what_can_be_had_again_comes_into_them",
    ),
    (
        "the list of who had a hidden item rests",
        FILE,
        "is_same &= hidden.get_indexer(vectors.ids) < 0",
        "is_same &= hidden.get_indexer(vectors.ids) < 10**9",
        LISTS + "test_the_list_of_who_had_a_hidden_item_is_made_anew",
    ),
    (
        "lists rest while a rule holds",
        FILE,
        'trained.get("way") != "fold_in" or not ruling.is_empty',
        'trained.get("way") != "fold_in"',
        LISTS + "test_nothing_rests_while_a_rule_holds_nor_in_the_hour_after",
    ),
    (
        "lists that a rule made rest",
        FILE,
        " or were_ruled(work, hour)",
        "",
        LISTS + "test_nothing_rests_while_a_rule_holds_nor_in_the_hour_after",
    ),
    (
        "lists of another model rest",
        FILE,
        "not work.is_whole(tables[0], hour) or ",
        "",
        LISTS + "test_nothing_rests_beside_lists_that_were_made_from_another_model",
    ),
    (
        "a list with an item that is gone rests",
        QUERY,
        "and not bool_or(item_id in (select lost_items.item_id from lost_items))",
        "and true",
        USERS + "test_a_list_with_an_item_that_is_gone_or_has_another_vector_is_made_anew",
    ),
    (
        "the list of who bought something rests",
        QUERY,
        "where user_id not in (select bought_otherwise.user_id from bought_otherwise)",
        "where true",
        USERS + "test_the_list_of_who_has_bought_something_else_since_is_made_anew",
    ),
    (
        "a list that was filled up rests",
        QUERY,
        "where lists_then.reason <> '[\"popular\"]'",
        "where true",
        USERS + "test_a_list_with_a_place_that_the_model_did_not_fill_is_made_anew",
    ),
    (
        "a list that names a rare query rests",
        QUERY,
        "not starts_with(reason, '[\"searched\",')\n",
        "true\n",
        USERS + "test_a_list_that_names_a_query_which_too_few_type_by_now_is_made_anew",
    ),
    (
        "the similar items of what has another vector rest",
        FILE,
        "still = Factors(items.ids[is_same], directions(items.vectors[is_same]))",
        "still = Factors(items.ids, directions(items.vectors))",
        LISTS + "test_the_similar_items_of_what_cannot_be_had_and_has_another_vector_are_found_anew",
    ),
    (
        "what can be had again is similar to nothing whose list rests",
        FILE,
        'beats(nearest, directions(gained.vectors), found["least"])',
        'beats(nearest, directions(gained.vectors[:0]), found["least"])',
        LISTS + "test_lists_of_similar_items_that_rest_are_what_would_be_computed",
    ),
    (
        "a list of similar items with one that is gone rests",
        ITEMS,
        "and not bool_or(similar_item_id in (select lost_items.item_id from lost_items))",
        "and true",
        SIMILAR + "test_a_list_with_an_item_that_is_gone_or_has_another_vector_is_made_anew",
    ),
    (
        "a list of similar items that was filled up rests",
        ITEMS,
        "where similar_then.reason = '[\"similar\"]'",
        "where true",
        SIMILAR + "test_a_list_with_a_place_that_the_model_did_not_fill_is_made_anew",
    ),
    (
        "a list rests beside something new that scores as much but for rounding",
        FILE,
        "lowest = lowest - NEARLY * np.abs(lowest)",
        "lowest = lowest + 0",
        LISTS + "test_what_scores_as_much_as_the_last_of_a_list_but_for_rounding_has_the_list_made_anew",
    ),
    (
        "users' lists of an hour that landed before similar items rested do not rest again",
        FILE,
        'TABLES = ("user_recommendations", "user_factors"',
        'TABLES = ("user_recommendations", "similar_items", "user_factors"',
        LISTS + "test_an_hour_that_landed_before_similar_items_rested_is_verified_as_it_was",
    ),
]
