"""Guards of the catalog: which snapshot serves, what is kept, and what is told."""

STAGE = "tests/pipeline/stages/test_ingest_catalog.py"

MUTATIONS = [
    (
        "malformed items are judged like events, from a thousand up",
        "pipeline/ledger.py",
        'settings.catalog_min_rows if kind == "items" else settings.gate_min_rows',
        "settings.gate_min_rows",
        f"{STAGE}::test_too_many_malformed_items_refuse_the_snapshot_and_not_the_hour_from_20_items_up",
    ),
    (
        "a refused item is called gone",
        "sql/catalog_change.sql",
        """earlier_items.item_id not in (
            select typed_items.item_id
            from typed_items
            where typed_items.item_id is not null
        ) as is_gone""",
        "items.item_id is null as is_gone",
        f"{STAGE}::test_an_item_that_was_delivered_and_refused_is_not_called_gone",
    ),
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
    (
        "a currency of any form is stored",
        "expectations/items.py",
        'regex=r"\\A[A-Z]{3}\\Z",',
        'regex=r"(?s)\\A.*",',
        "tests/expectations/test_items.py::test_a_broken_rule_is_critical_and_named",
    ),
    (
        "delivered files are not held against their checksums",
        "pipeline/checksums.py",
        "if _hash(path, state.st_size, state.st_mtime_ns) != wanted:",
        "if False:",
        "tests/pipeline/test_checksums.py::test_a_damaged_delivery_leaves_the_last_good_snapshot_in_use_and_names_the_file",
    ),
    (
        "a name in SHA256SUMS leads out of the folder",
        "pipeline/checksums.py",
        'if line and (not found or name.is_absolute() or ".." in name.parts):',
        "if line and not found:",
        "tests/pipeline/test_checksums.py::test_checksums_are_read_as_sha256sum_writes_them",
    ),
    (
        "a damaged snapshot is read into the history",
        "pipeline/item_history.py",
        "if snapshot and not is_undamaged(snapshot):",
        "if False:",
        "tests/pipeline/test_item_history.py::test_a_damaged_snapshot_or_manifest_is_named",
    ),
    (
        "an item that is gone keeps its interval",
        "sql/item_history.sql",
        "lag(place) over item = place - 1 and",
        "",
        "tests/sql/test_item_history.py::test_an_item_that_is_gone_ends_its_interval_and_begins_another_when_it_is_back",
    ),
    (
        "an hour that used an earlier snapshot counts as one that captured its own",
        "pipeline/catalog.py",
        'return bool(catalog["is_captured"] if catalog else facts["ledger"]["accepted"])',
        "return True",
        f"{STAGE}::test_an_hour_without_a_snapshot_uses_the_nearest_earlier_one_and_says_so",
    ),
]
