"""Guards of what the model learns from."""

MODEL = "tests/pipeline/test_model.py::"
ROWS = "tests/sql/test_side_rows.py::"
TRAIN = "tests/pipeline/stages/test_train.py::"

MUTATIONS = [
    (
        "an item nobody met has no factors",
        "pipeline/model.py",
        "sides, met.ids, new.difference(met.ids),",
        "sides, met.ids, new[:0],",
        MODEL + "test_an_item_nobody_met_is_nearest_to_items_of_its_attributes_and_reaches_their_users",
    ),
    (
        "an item that was met counts as new",
        "pipeline/model.py",
        "new.difference(met.ids), met.vectors",
        "new, met.vectors",
        MODEL + "test_a_new_item_without_a_shared_attribute_has_no_factors_nor_has_one_that_was_met_twice",
    ),
    (
        "a side row of one item counts",
        "pipeline/side_rows.py",
        '.transform("size") > 1',
        '.transform("size") > 0',
        MODEL + "test_a_row_of_one_item_says_nothing",
    ),
    (
        "side rows change the regularisation",
        "pipeline/model.py",
        "als.scale_regularization(matrix, settings))",
        "als.scale_regularization(matrix, settings) + len(sides))",
        MODEL + "test_alpha_and_regularisation_follow_from_the_pairs_alone",
    ),
    (
        "a weight of attributes has no bound",
        "pipeline/settings.py",
        "3.0, ge=0, le=100,",
        "3.0, ge=0,",
        MODEL + "test_a_weight_out_of_bounds_is_refused",
    ),
    (
        "attributes cannot be switched off",
        "sql/side_rows.sql",
        "where $attribute_rows_weight > 0",
        "where $attribute_rows_weight >= 0",
        ROWS + "test_a_weight_of_zero_leaves_its_rows_out",
    ),
    (
        "new items cannot be switched off",
        "pipeline/stages/train.py",
        "find_lately_listed(work, connection) if work.run.settings.new_items_weight else None",
        "find_lately_listed(work, connection)",
        TRAIN + "test_an_item_listed_today_has_the_vector_that_its_attributes_make_likely_unless_switched_off",
    ),
    (
        "what a row leaves out is listed",
        "pipeline/topk.py",
        "scores[row_of_cell[columns >= 0], columns[columns >= 0]] = NONE",
        "pass",
        "tests/pipeline/test_topk.py::test_the_best_are_those_of_sorting_every_score_equals_by_their_place",
    ),
    (
        "columns without an item are listed",
        "pipeline/topk.py",
        "scores[:, _columns(rest, table.stride)] = NONE",
        "pass",
        "tests/pipeline/test_topk.py::test_the_best_are_those_of_sorting_every_score_equals_by_their_place",
    ),
    (
        "of equal scores the later item comes first",
        "pipeline/topk.py",
        "<< 32) | (LAST - places)",
        "<< 32) | places",
        "tests/pipeline/test_topk.py::test_the_best_are_those_of_sorting_every_score_equals_by_their_place",
    ),
    (
        "scores below zero stand the wrong way round",
        "pipeline/topk.py",
        "return bits ^ ((bits >> 31) & np.int32(LAST))",
        "return bits",
        "tests/pipeline/test_topk.py::test_the_best_are_those_of_sorting_every_score_equals_by_their_place",
    ),
    (
        "fewer groups are looked into than there may be best items in",
        "pipeline/topk.py",
        "groups = _places(_largest(_keys(highest, np.arange(stride)), n))",
        "groups = _places(_largest(_keys(highest, np.arange(stride)), (n + 1) // 2))",
        "tests/pipeline/test_topk.py::test_the_best_of_a_table_of_a_realistic_size_are_those_of_sorting",
    ),
    (
        "every other block of rows is left out",
        "pipeline/topk.py",
        "in starts[first::threads]:",
        "in starts[first :: 2 * threads]:",
        "tests/pipeline/test_topk.py::test_the_best_are_those_of_sorting_every_score_equals_by_their_place",
    ),
    (
        "an id that is not there stands where the last one does",
        "pipeline/model_files.py",
        "return np.append(places, -1).astype(np.int32)[values.cat.codes]",
        "return places.astype(np.int32)[values.cat.codes]",
        "tests/pipeline/test_model_files.py::test_coded_texts_are_the_same_texts_and_stand_at_the_same_places",
    ),
    (
        "ids of pairs are texts at every row",
        "pipeline/model_files.py",
        "table[place].dictionary_encode())",
        "table[place])",
        "tests/pipeline/test_model_files.py::test_coded_texts_are_the_same_texts_and_stand_at_the_same_places",
    ),
]
