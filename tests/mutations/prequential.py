"""Guards of what served lists are said to be worth: (name, file, old text, new text, the test that goes red)."""

REVIEW = "tests/pipeline/stages/test_review.py::"
SCORES = "tests/pipeline/test_prequential.py::"
LISTS = "tests/sql/test_lists_before.py::"
WANTED = "tests/sql/test_wanted_items.py::"

MUTATIONS = [
    (
        "an hour's own lists are scored against it",
        "pipeline/stages/review.py",
        "for step in range(1, LOOK_BACK + 1))",
        "for step in range(LOOK_BACK + 1))",
        REVIEW + "test_the_first_hour_has_no_lists_before_it_and_says_so",
    ),
    (
        "lists made from tables that are gone are scored",
        "pipeline/lake.py",
        "check_lineage(there, PRODUCERS[table])",
        "pass",
        REVIEW + "test_an_hour_whose_lists_were_made_from_tables_that_are_gone_is_passed_over",
    ),
    (
        "verify reads hours that landed since",
        "pipeline/verify.py",
        'recorded = frozenset(manifest["inputs"])',
        "recorded = None",
        REVIEW + "test_an_hour_is_verified_from_the_lists_it_was_made_from_also_when_others_landed_since",
    ),
    (
        "verify is silent about hours that landed anew",
        "pipeline/verify.py",
        'found += [] if now and now[1]["sha256"] == sha else [name]',
        "found += [] if now else [name]",
        REVIEW + "test_an_hour_is_verified_from_the_lists_it_was_made_from_also_when_others_landed_since",
    ),
    (
        "figures of few users are written",
        "pipeline/prequential.py",
        "if len(at) < MIN_USERS:",
        "if not len(at):",
        SCORES + "test_of_fewer_than_20_users_nothing_is_said_slice_by_slice",
    ),
    (
        "what could not be listed is forgotten",
        "pipeline/prequential.py",
        'counts = users[at].get_indexer(taken["user_id"])',
        'counts = users[at].get_indexer(taken.loc[taken["place"] >= 0, "user_id"])',
        SCORES + "test_what_could_not_be_listed_counts_as_missed",
    ),
    (
        "chance makes the popular list better",
        "pipeline/stages/review.py",
        "gain.high >= 0",
        "True",
        REVIEW + "test_lists_that_the_popular_one_beats_beyond_chance_are_a_warning_that_stops_nothing",
    ),
    (
        "resamples differ from run to run",
        "pipeline/metrics.py",
        "random = np.random.default_rng(seed)",
        "random = np.random.default_rng()",
        SCORES + "test_bounds_are_the_same_for_the_same_seed_and_none_without_users",
    ),
    (
        "searches are wanted items",
        "sql/wanted_items.sql",
        "event_type <> 'search'\n        and user_id",
        "true\n        and user_id",
        WANTED + "test_clicks_carts_and_purchases_count_once_and_searches_do_not",
    ),
    (
        "what a search implies counts as met",
        "sql/wanted_items.sql",
        "and met.kind <> 'search'",
        "",
        WANTED + "test_an_item_that_the_user_had_met_or_bought_or_is_held_out_is_not_new",
    ),
    (
        "neighbours that were bought are listed",
        "sql/lists_before.sql",
        "and bought.item_id is null\n    group by",
        "\n    group by",
        LISTS + "test_neighbours_leave_out_what_was_bought_and_what_cannot_be_listed_and_popular_items_fill_them",
    ),
    (
        "bounds may be upside down",
        "expectations/prequential.py",
        "or_equal=True,",
        'or_equal=True,\n            row_condition="k > 20",\n            condition_parser="pandas",',
        "tests/expectations/test_prequential.py::test_a_broken_rule_is_critical_and_named",
    ),
    (
        "a damaged table of figures stops the report",
        "pipeline/stages/report.py",
        "    except (pa.ArrowException, OSError):",
        "    except ZeroDivisionError:",
        REVIEW + "test_figures_that_cannot_be_read_any_more_leave_the_report_without_them",
    ),
]
