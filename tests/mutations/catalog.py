"""Guards of the catalog: which snapshot serves, what is kept, and what is told."""

STAGE = "tests/pipeline/stages/test_ingest_catalog.py"

MUTATIONS = [
    (
        "a truncated catalog is taken",
        "pipeline/catalog.py",
        "earlier.rows < settings.catalog_min_rows or drop <= limit,",
        "True,",
        f"{STAGE}::test_a_snapshot_that_lost_more_than_the_limit_is_refused_from_20_items_up",
    ),
    (
        "the drop gate fails at its limit",
        "pipeline/catalog.py",
        "drop <= limit,",
        "drop < limit,",
        f"{STAGE}::test_a_snapshot_that_lost_more_than_the_limit_is_refused_from_20_items_up",
    ),
    (
        "an hour that captured nothing counts as a captured snapshot",
        "pipeline/catalog.py",
        '"is_captured": reason is None,',
        '"is_captured": True,',
        f"{STAGE}::test_an_hour_without_a_snapshot_uses_the_nearest_earlier_one_and_says_so",
    ),
    (
        "a damaged earlier snapshot is used",
        "pipeline/catalog.py",
        "return snapshot.path.exists() and hash_file(snapshot.path) == snapshot.sha256",
        "return snapshot.path.exists()",
        f"{STAGE}::test_a_damaged_earlier_snapshot_is_passed_over_by_name",
    ),
    (
        "a snapshot from the future is taken",
        "pipeline/catalog.py",
        "sentence, ahead) or is_best",
        "sentence, ahead) or True",
        f"{STAGE}::test_a_snapshot_taken_after_the_hour_gives_way_to_an_earlier_one",
    ),
    (
        "rows of a refused snapshot are lost",
        "pipeline/boundary.py",
        'rest = sorted(set(range(1, delivered + 1)) - set(refused["row"].to_pylist()))',
        "rest: list[int] = []",
        f"{STAGE}::test_every_row_of_a_refused_snapshot_stands_in_quarantine_under_the_gate_or_its_own_rule",
    ),
    (
        "a second pull overwrites a captured snapshot",
        "pipeline/stages/ingest_catalog.py",
        "own = find_landed(run, run.hour) if run.repull else None",
        "own = None",
        f"{STAGE}::test_a_captured_snapshot_is_kept_by_a_second_pull_and_the_note_says_so",
    ),
    (
        "an unreadable file stops the hour",
        "pipeline/stages/ingest_catalog.py",
        "except Unreadable as error:",
        "except ZeroDivisionError as error:",
        f"{STAGE}::test_a_file_that_is_missing_or_broken_leaves_the_earlier_snapshot_in_use",
    ),
    (
        "an old catalog is not told",
        "pipeline/catalog.py",
        "age <= limit,",
        "True,",
        f"{STAGE}::test_a_snapshot_that_is_older_than_the_limit_when_the_hour_ends_is_used_with_a_warning",
    ),
    (
        "prices that jump are not told",
        "pipeline/catalog.py",
        "not jumped,",
        "True,",
        f"{STAGE}::test_prices_that_jump_are_a_warning_with_their_count",
    ),
]
