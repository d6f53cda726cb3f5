"""Guards against faults: switched off one by one, each must turn its test red."""

KILLS = "tests/faults/test_kills.py::test_a_kill_hurts_nobody_and_a_retry_converges"

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
        "        request_file(settings, number).unlink(missing_ok=True)  # whoever carried it out may have died before\n",
        "",
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
]
