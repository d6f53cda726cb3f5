"""Guards against faults: switched off one by one, each must turn its test red."""

KILLS = "tests/faults/test_kills.py::test_a_kill_hurts_nobody_and_a_retry_converges"
SHORTAGE = "tests/faults/test_shortage.py"
MODELS = "tests/pipeline/test_model_files.py"

MUTATIONS = [
    (
        "files that a killed landing left stay for ever",
        "pipeline/landing.py",
        'if PRODUCERS.get(path.name.split(".")[0]) == work.stage and path.name not in kept | replaced:',
        'if path.name in set((before or {}).get("replaced", [])) - kept - replaced:',
        "tests/pipeline/test_lake.py::test_what_an_attempt_that_died_half_way_left_among_the_landed_files_goes_with_the_next_landing",
    ),
    (
        "a request that is done still says who was meant after a kill",
        "pipeline/privacy/requests.py",
        "        drop_files(settings, request)  # whoever carried it out died before\n",
        "        pass\n",
        KILLS,
    ),
    (
        "the manifest is replaced before its tables are there",
        "pipeline/landing.py",
        "        for table, entry in work.tables.items():\n            move_into_place(",
        '        write_json(folder / f"{work.stage}.json", {**work.manifest(), "replaced": []}, work.folder)\n'
        "        for table, entry in work.tables.items():\n            move_into_place(",
        KILLS,
    ),
    (
        "a version is live before it is whole",
        "pipeline/serving/publish.py",
        '    reach("publish.announced")\n',
        '    reach("publish.announced")\n    with writing(engine) as early:\n'
        "        advance_pointer(early, version.source, version.arm, version.version, version.interval_start, token)\n",
        KILLS,
    ),
    (
        "readers meet a version before it is whole",
        "pipeline/serving/publish.py",
        '    reach("publish.cleared")\n',
        '    reach("publish.cleared")\n    with writing(engine) as early:\n'
        "        advance_pointer(early, version.source, version.arm, version.version, version.interval_start, token)\n",
        "tests/faults/test_swaps.py::test_no_reader_notices_that_versions_are_swapped[sqlite]",
    ),
    (
        "a step between two effects is not named",
        "pipeline/stages/publish.py",
        '        reach("publish.returned")\n',
        "",
        "tests/pipeline/test_failpoints.py",
    ),
    (
        "a full disk is told as a defect",
        "pipeline/shortage.py",
        'if is_full or isinstance(error, psycopg.errors.DiskFull) or "No space left on device" in said:',
        "if isinstance(error, psycopg.errors.DiskFull):",
        f"{SHORTAGE}::test_drafts_of_a_full_disk_do_not_keep_the_room_that_is_needed",
    ),
    (
        "drafts of a full disk keep its room",
        "pipeline/landing.py",
        "if isinstance(error, NoSpace):",
        "if False:",
        f"{SHORTAGE}::test_drafts_of_a_full_disk_do_not_keep_the_room_that_is_needed",
    ),
    (
        "too little memory is told as a defect",
        "pipeline/shortage.py",
        "duckdb.OutOfMemoryException | MemoryError",
        "MemoryError",
        f"{SHORTAGE}::test_too_little_memory_is_one_sentence_with_evidence_and_more_memory_converges",
    ),
    (
        "what does not fit into memory is not tried by one thread",
        "pipeline/duck.py",
        '        connection.execute("set threads = 1")\n',
        "        raise\n",
        f"{SHORTAGE}::test_what_does_not_fit_into_memory_is_tried_once_more_by_one_thread",
    ),
    (
        "a model of other numbers is read",
        "pipeline/model_files.py",
        "kind.value_type != pa.float32() or ",
        "",
        f"{MODELS}::test_a_model_that_was_tampered_with_is_refused",
    ),
    (
        "a model whose ids are out of order is read",
        "pipeline/model_files.py",
        "if len(ids) > 1 and not pc.all(pc.less(ids[:-1], ids[1:])).as_py():",
        "if False:",
        f"{MODELS}::test_a_model_that_was_tampered_with_is_refused",
    ),
    (
        "a model with empty ids is read",
        "pipeline/model_files.py",
        "if ids.null_count or table",
        "if table",
        f"{MODELS}::test_a_model_that_was_tampered_with_is_refused",
    ),
    (
        "a model of any declared size is read",
        "pipeline/model_files.py",
        "if rows * kind.list_size * 4 > MOST_BYTES or ",
        "if ",
        f"{MODELS}::test_a_small_file_that_declares_a_huge_model_is_refused_before_it_is_read",
    ),
    (
        "a model that cannot be read is told as a defect",
        "pipeline/model_files.py",
        "except (pa.ArrowException, OSError):",
        "except ZeroDivisionError:",
        f"{MODELS}::test_what_is_no_parquet_file_is_one_sentence",
    ),
]
